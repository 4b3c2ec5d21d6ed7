"""The service while others come and it closes: what is refused, and that nothing touches a model that is gone."""

import asyncio
import queue
import threading
import time
from dataclasses import replace

import pytest

from reference_server import grammar
from reference_server.chat.request import ChatRequest, Format, Tool, Tools
from reference_server.completion.request import CompletionRequest
from reference_server.embedding.request import EmbeddingRequest
from reference_server.errors import BusyError, GoneError, RequestError

LONG = "unicode" * 1300  # long enough to be read in another thread, short enough for the context
TOOL = Tool("f", {"type": "function", "function": {"name": "f"}}, {"type": "object"})


@pytest.fixture
def service(engine_extra, model_cache):
    from reference_server.service import open_service

    service = open_service(None, parallel=1, context=None, queue=0)
    yield service
    service.close()


def chat(prompt, **parameters):
    return ChatRequest("scripted", ({"role": "user", "content": prompt},), **parameters)


async def attempts(service):
    """Give the errors of one request of each kind."""
    requests = (
        service.start(chat("hello")),
        service.start(chat(LONG)),
        service.complete(CompletionRequest("scripted", ("hello",), echo=True)),
        service.embed(EmbeddingRequest("scripted", ("hello",))),
    )
    return await asyncio.gather(*requests, return_exceptions=True)


@pytest.mark.parametrize("ending", ["retire", "close"])
def test_a_request_that_comes_after_the_end_is_refused(service, ending):
    getattr(service, ending)()
    errors = asyncio.run(attempts(service))
    assert [isinstance(error, RequestError) and error.status for error in errors] == [503] * 4
    assert not service.healthy


def test_a_request_that_was_being_read_at_the_end_is_refused(service, monkeypatch):
    reading, go_on, read = threading.Event(), threading.Event(), service._tokens.of_prompt

    def slowly(*arguments):
        reading.set()
        assert go_on.wait(20)
        return read(*arguments)

    async def run():
        prompts = (LONG, "hello")
        request = asyncio.ensure_future(service.complete(CompletionRequest("scripted", prompts, n=1, echo=True)))
        assert await asyncio.to_thread(reading.wait, 20)
        service.retire()
        go_on.set()
        with pytest.raises(RequestError) as caught:
            await request
        assert caught.value.status == 503

    monkeypatch.setattr(service._tokens, "of_prompt", slowly)
    monkeypatch.setattr(service, "_most", 2)
    asyncio.run(run())


def test_the_end_does_not_wait_without_bound_for_a_text_that_is_being_read(service, monkeypatch, caplog):
    reading, go_on, read = threading.Event(), threading.Event(), service._tokens.of_prompt

    def block(*arguments):
        reading.set()
        assert go_on.wait(60)
        return read(*arguments)

    async def run():
        request = asyncio.ensure_future(service.complete(CompletionRequest("scripted", (LONG,))))
        assert await asyncio.to_thread(reading.wait, 20)
        began = time.monotonic()
        assert not service.close(0.2)
        assert time.monotonic() - began < 20
        assert service._engine.model.context, "what is in use was freed"
        go_on.set()
        with pytest.raises(RequestError) as caught:
            await request
        assert caught.value.status == 503

    monkeypatch.setattr(service._tokens, "of_prompt", block)
    asyncio.run(run())
    assert [message for message in caplog.messages if "still being read" in message]
    assert service.close()


def test_the_end_does_not_wait_without_bound_for_vectors(service, slow, monkeypatch, caplog):
    begun, go_on = slow
    monkeypatch.setattr(service, "_most", 2)

    async def run():
        waiting = [await service.embed(EmbeddingRequest("scripted", ("hello",))) for _ in range(2)]
        assert await asyncio.to_thread(begun.get, timeout=20)
        began = time.monotonic()
        assert not service.close(0.2)
        assert time.monotonic() - began < 20
        assert service._engine.model.context, "what is in use was freed"
        for embedding in waiting:
            with pytest.raises(RequestError) as caught:
                await asyncio.wait_for(embedding.vectors(), 20)
            assert caught.value.status == 503

    asyncio.run(run())
    assert [message for message in caplog.messages if "embeddings does not end" in message]
    go_on.release(2)


def test_no_grammar_is_made_for_a_prompt_that_does_not_fit(service, monkeypatch):
    made = []
    monkeypatch.setattr(grammar, "of", lambda *_, **__: made.append(True))

    async def run(prompt):
        with pytest.raises(RequestError) as caught:
            await service.start(chat(prompt, tools=Tools((TOOL,))))
        assert caught.value.error.code == "context_length_exceeded"

    asyncio.run(run("unicode " * 5000))
    assert not made


@pytest.mark.parametrize("strict", [True, False])
def test_where_llama_cpp_cannot_read_a_grammar_a_lenient_tool_takes_any_object(service, monkeypatch, strict):
    tool = replace(TOOL, parameters={"type": "object", "properties": {"a": {"const": 1}}}, strict=strict)
    seen, reads = [], service._engine.reads

    def only_any(form):
        seen.append("tool-0-any" in form.text)
        return seen[-1] and reads(form)

    monkeypatch.setattr(service._engine, "reads", only_any)

    async def run():
        (await service.start(chat("hello", tools=Tools((tool,), "required")))).cancel()

    if strict:
        with pytest.raises(RequestError) as caught:
            asyncio.run(run())
        assert (caught.value.error.code, caught.value.error.param) == ("invalid_json_schema", "tools")
    else:
        asyncio.run(run())
        assert seen == [False, True]


def test_texts_for_which_there_are_no_vectors_yet_do_not_hold_the_end_up(service, monkeypatch):
    embedder, seen = service._embedder, []
    mean = embedder._mean

    def ending(tokens, job):
        seen.append(tokens)
        service.retire()
        return mean(tokens, job)

    async def run():
        await (await service.embed(EmbeddingRequest("scripted", ("hello",) * 3))).vectors()

    monkeypatch.setattr(embedder, "_mean", ending)
    with pytest.raises(RequestError) as caught:
        asyncio.run(run())
    assert caught.value.status == 503
    assert len(seen) == 1


@pytest.fixture
def slow(service, monkeypatch):
    """Let a test say when each text is embedded; gives the texts that were begun, and what lets one go on."""
    begun, go_on, mean = queue.SimpleQueue(), threading.Semaphore(0), service._embedder._mean

    def wait(tokens, job):
        begun.put(tokens)
        assert go_on.acquire(timeout=20)
        return mean(tokens, job)

    monkeypatch.setattr(service._embedder, "_mean", wait)
    return begun, go_on


def test_vectors_that_nobody_waits_for_are_not_made(service, slow):
    begun, go_on = slow

    async def run():
        first = await service.embed(EmbeddingRequest("scripted", ("hello",) * 100))
        assert await asyncio.to_thread(begun.get, timeout=20)
        assert service.work().running == 1
        first.cancel()
        go_on.release()
        with pytest.raises(GoneError):
            await first.vectors()
        assert begun.empty()
        assert (service.work().running, service.work().waiting) == (0, 0)
        go_on.release()
        assert len(await (await service.embed(EmbeddingRequest("scripted", ("hello",)))).vectors()) == 1

    asyncio.run(run())


def test_more_requests_for_vectors_than_the_queue_takes_are_told_to_come_back(service, slow, monkeypatch):
    _, go_on = slow
    monkeypatch.setattr(service, "_most", 2)

    async def run():
        waiting = [await service.embed(EmbeddingRequest("scripted", ("hello",))) for _ in range(2)]
        assert (service.work().running, service.work().waiting) == (1, 1)
        with pytest.raises(BusyError):
            await service.embed(EmbeddingRequest("scripted", ("hello",)))
        go_on.release(2)
        for embedding in waiting:
            assert len(await embedding.vectors()) == 1
        assert service.work().running == 0
        assert service.work().prompt_tokens == sum(embedding.tokens for embedding in waiting)

    asyncio.run(run())


def test_a_request_for_vectors_whose_task_ends_is_no_load_any_more(service, slow, monkeypatch):
    _, go_on = slow
    monkeypatch.setattr(service, "_most", 2)

    async def run():
        running, waiting = [await service.embed(EmbeddingRequest("scripted", ("hello",))) for _ in range(2)]
        task = asyncio.ensure_future(waiting.vectors())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert (service.work().running, service.work().waiting) == (1, 0)
        go_on.release()
        assert len(await running.vectors()) == 1

    asyncio.run(asyncio.wait_for(run(), 20))


def test_those_that_are_read_at_once_do_not_overfill_the_queue(service, monkeypatch):
    together, read = threading.Barrier(3), service._tokens.of_text

    def at_once(*arguments):
        together.wait(20)  # else one might be answered before the next is read
        return read(*arguments)

    async def run():
        return await asyncio.gather(*(service.start(chat(LONG)) for _ in range(3)), return_exceptions=True)

    monkeypatch.setattr(service._tokens, "of_text", at_once)
    monkeypatch.setattr(service._engine, "_free", [])  # nobody is answered
    outcomes = asyncio.run(run())
    assert sorted(type(outcome) is BusyError for outcome in outcomes) == [False, True, True]
    next(outcome for outcome in outcomes if type(outcome) is not BusyError).cancel()


@pytest.mark.parametrize("asked", [chat(LONG), chat("hello", format=Format({})), chat("hello", tools=Tools((TOOL,)))])
def test_what_may_take_long_to_prepare_is_prepared_beside_the_event_loop(service, monkeypatch, asked):
    threads, prepare = [], service._prepare

    def noted(request):
        threads.append(threading.current_thread())
        return prepare(request)

    monkeypatch.setattr(service, "_prepare", noted)

    async def run():
        (await service.start(asked)).cancel()

    asyncio.run(run())
    assert threads
    assert threading.main_thread() not in threads

"""What the official Python client makes of refusals, and what the server makes of a client that gives up."""

import asyncio
import contextlib
import socket

import httpx
import openai
import pytest

KEY = "the right key"
WHOLE = 1001
"""Tokens of the answer to `count`."""


def asked(prompt, **parameters):
    return {"model": "scripted", "messages": [{"role": "user", "content": prompt}], **parameters}


MANY = {"model": "scripted", "prompt": ["count"] * 30, "max_tokens": WHOLE, "logprobs": 5}
"""Work for many seconds."""


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=server.url, api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def guarded(serve):
    """The URL of a server that has one place, no queue and a key."""
    with serve("--parallel", "1", "--queue", "0", "--api-key-env", "TEST_KEY", TEST_KEY=KEY) as (url, _):
        yield url


@pytest.mark.parametrize(
    ("changes", "error", "code", "param"),
    [
        ({"model": "nope"}, openai.NotFoundError, "model_not_found", None),
        ({"messages": []}, openai.BadRequestError, "empty_array", "messages"),
        ({"temperature": 5}, openai.BadRequestError, "decimal_above_max_value", "temperature"),
        (asked("x" * 9000), openai.BadRequestError, "context_length_exceeded", "messages"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_a_refusal_is_raised_with_all_that_the_server_said(client, changes, error, code, param, stream):
    with pytest.raises(error) as caught:
        client.chat.completions.create(**asked("hello", stream=stream) | changes)
    refused = caught.value
    assert (refused.code, refused.param, refused.type) == (code, param, "invalid_request_error")
    assert refused.body["message"] in refused.message
    assert refused.request_id.startswith("req_")


def test_an_unknown_model_is_not_found_when_it_is_retrieved(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("nope")
    assert caught.value.code == "model_not_found"


def test_a_wrong_key_is_raised_and_the_right_one_serves(guarded):
    with openai.OpenAI(base_url=guarded, api_key="wrong", max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError) as caught:
            stranger.chat.completions.create(**asked("hello"))
        assert caught.value.code == "invalid_api_key"
        friend = stranger.with_options(api_key=KEY)
        assert friend.chat.completions.create(**asked("hello")).choices[0].message.content.startswith("Hello!")


def test_a_full_queue_is_raised_with_the_time_to_come_back(guarded):
    with openai.OpenAI(base_url=guarded, api_key=KEY, max_retries=0) as client:
        with client.chat.completions.create(**asked("count", stream=True, logprobs=True, top_logprobs=20)) as running:
            next(running)
            with pytest.raises(openai.RateLimitError) as caught:
                client.chat.completions.create(**asked("hello"))
        assert caught.value.code == "rate_limit_exceeded"
        assert caught.value.response.headers["retry-after"] == "1"


def test_the_client_comes_back_by_itself_when_there_is_room_again(guarded):
    seen = []
    with contextlib.ExitStack() as running:

        def watch(reply):
            seen.append(reply.status_code)
            if reply.status_code == 429:
                running.close()  # leaves; the client tries again after the second that it was told

        with (
            openai.DefaultHttpxClient(event_hooks={"response": [watch]}) as transport,
            openai.OpenAI(base_url=guarded, api_key=KEY, max_retries=0) as first,
            openai.OpenAI(base_url=guarded, api_key=KEY, max_retries=2, http_client=transport) as second,
        ):
            long = asked("count", stream=True, logprobs=True, top_logprobs=20)
            next(running.enter_context(first.chat.completions.create(**long)))
            answer = second.chat.completions.create(**asked("hello"))
    assert answer.choices[0].finish_reason == "stop"
    assert seen == [429, 200]


def test_a_server_that_is_not_there_is_raised():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # it does not listen, and nobody else can
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
            with pytest.raises(openai.APIConnectionError) as caught:
                client.models.list()
            assert not isinstance(caught.value, openai.APITimeoutError)


def test_a_shutdown_in_mid_stream_is_raised_from_the_stream(serve):
    with serve() as (url, process), openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        long = asked("count", stream=True, n=4, logprobs=True, top_logprobs=20)
        stream = client.chat.completions.create(**long)
        assert next(stream).choices[0].delta.role == "assistant"
        process.terminate()
        with pytest.raises(openai.APIError, match="shutting down") as caught:
            for _ in stream:
                pass
        assert caught.value.type == "server_error"
        assert process.wait(20) == 0


def test_a_whole_answer_that_takes_too_long_is_given_up_on_both_sides(client, metrics, at_rest):
    before = at_rest()
    with pytest.raises(openai.APITimeoutError):
        client.completions.create(**MANY, timeout=0.5)
    made = at_rest()["completion_tokens_total"] - before["completion_tokens_total"]
    assert made < 30 * WHOLE, "the server went on for nobody"


def test_a_stream_that_does_not_begin_in_time_is_given_up_on_both_sides(client, metrics, at_rest):
    before = at_rest()
    with client.completions.create(**MANY | {"stream": True}) as running:
        next(running)  # all places are taken, so that the next one waits
        with pytest.raises(openai.APITimeoutError):
            for _ in client.chat.completions.create(**asked("count", stream=True), timeout=0.1):
                pass
    made = at_rest()["completion_tokens_total"] - before["completion_tokens_total"]
    assert made < 30 * WHOLE


@pytest.mark.parametrize("leave", ["the with block ends", "close"])
def test_a_stream_that_is_closed_early_is_not_made_to_its_end(client, at_rest, leave):
    before = at_rest()
    stream = client.chat.completions.create(**asked("count", stream=True, n=4, logprobs=True, top_logprobs=20))
    if leave == "close":
        next(stream)
        stream.close()
    else:
        with stream:
            next(stream)
    made = at_rest()["completion_tokens_total"] - before["completion_tokens_total"]
    assert 0 < made < 4 * WHOLE


def test_the_stream_helper_is_left_early(client, at_rest):
    before = at_rest()
    with client.chat.completions.stream(**asked("count", n=4, logprobs=True, top_logprobs=20)) as stream:
        assert next(iter(stream)).type == "chunk"
    made = at_rest()["completion_tokens_total"] - before["completion_tokens_total"]
    assert 0 < made < 4 * WHOLE


@pytest.mark.parametrize("stream", [True, False])
def test_a_cancelled_task_ends_the_work(server, metrics, at_rest, stream):
    before = at_rest()

    async def run():
        async def read(client):
            answer = await client.completions.create(**MANY | {"stream": stream})
            async for _ in answer:
                pass

        def watch(task):
            while not task.done() and metrics()["completion_tokens_total"] == before["completion_tokens_total"]:
                pass  # asked over HTTP: no busy loop

        async with openai.AsyncOpenAI(base_url=server.url, api_key="none", max_retries=0) as client:
            task = asyncio.create_task(read(client))
            await asyncio.to_thread(watch, task)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())
    made = at_rest()["completion_tokens_total"] - before["completion_tokens_total"]
    assert 0 < made < 30 * WHOLE


def test_a_client_that_gave_up_is_served_when_it_comes_back(client, server, at_rest):
    at_rest()
    with pytest.raises(openai.APITimeoutError):
        client.completions.create(**MANY, timeout=httpx.Timeout(20, read=0.2))
    answer = client.chat.completions.create(**asked("hello"))
    assert answer.choices[0].message.content.startswith("Hello!")

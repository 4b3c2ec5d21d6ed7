"""The engine: several texts at once, cancelled and broken ones among them."""

import queue
import threading
import time
from pathlib import Path

import pytest

from reference_server.engine.events import Finish, Token

PROMPT = "<|user|>{}<|end|><|assistant|>"


@pytest.fixture(scope="module")
def new_engine(engine_extra, model_cache):
    from reference_server.engine.engine import Engine
    from reference_server.model import scripted_model

    engines = []

    def build(**options):
        engines.append(Engine(scripted_model(), **{"sequences": 4, "context": 2048} | options))
        return engines[-1]

    yield build
    for engine in engines:
        engine.close()


@pytest.fixture(scope="module")
def engine(new_engine):
    return new_engine()


class Listener:
    def __init__(self):
        self.events = queue.SimpleQueue()

    def start(self, engine, prompt, **options):
        return engine.submit(engine.model.tokenize(PROMPT.format(prompt)), self.events.put, **options)

    def result(self, n=1):
        texts, reasons = [b""] * n, [""] * n
        while not all(reasons):
            match self.events.get(timeout=20):
                case Token(sequence, text):
                    texts[sequence] += text
                case Finish(sequence, reason):
                    reasons[sequence] = reason
        return [text.decode("utf-8", "replace") for text in texts], reasons


def answer(engine, prompt, n=1, **options):
    listener = Listener()
    listener.start(engine, prompt, n=n, **options)
    return listener.result(n)


def test_texts_of_one_prompt_share_it_and_end_apart(engine):
    texts, reasons = answer(engine, "hello", n=3)
    assert set(texts) == {"Hello! I am a reference model compiled by hand."}
    assert reasons == ["stop"] * 3


def test_the_limit_and_the_room_of_a_sequence_end_a_text(engine, new_engine):
    assert answer(engine, "count", limit=3) == (["1, 2, 3"], ["length"])
    small = new_engine(sequences=1, context=16)
    texts, reasons = answer(small, "count")
    assert reasons == ["length"]
    assert texts[0].startswith("1, 2, 3, 4")
    with pytest.raises(ValueError, match="room"):
        small.submit([5] * 16, print)


def test_what_cannot_be_decoded_is_refused_at_once(engine):
    for prompt, options in (([], {}), ([10**6], {}), ([-1], {}), ([5], {"n": 5}), ([5], {"n": 0})):
        with pytest.raises(ValueError):
            engine.submit(prompt, print, **options)


def test_a_grammar_that_cannot_be_read_is_refused_and_nothing_is_left(engine):
    from reference_server.engine.sampling import Grammar, GrammarError, Sampling

    for _ in range(50):
        with pytest.raises(GrammarError):
            engine.submit([5], print, n=4, sampling=Sampling(grammar=Grammar("root ::= ((")))
    assert answer(engine, "hello")[1] == ["stop"]


def test_a_listener_ends_its_sequence_by_returning_true(engine):
    seen = queue.SimpleQueue()

    def listen(event):
        seen.put(event)
        return isinstance(event, Token) and event.text == b", 3"

    engine.submit(engine.model.tokenize(PROMPT.format("count")), listen)
    while not isinstance(event := seen.get(timeout=20), Finish):
        pass
    assert event == Finish(0, "stop", 3)


def test_a_listener_that_fails_ends_its_own_job_only(engine, caplog):
    neighbour = Listener()
    neighbour.start(engine, "count", limit=300)
    ends = queue.SimpleQueue()

    def fail(event):
        if isinstance(event, Finish):
            ends.put(event.reason)
        raise RuntimeError

    engine.submit(engine.model.tokenize(PROMPT.format("count")), fail)
    assert ends.get(timeout=20) == "error"
    engine.submit(engine.model.tokenize(PROMPT.format("count")), fail, limit=1)
    assert ends.get(timeout=20) == "error"  # with its first token the text is complete, and yet it is not
    assert neighbour.result()[1] == ["length"]


def test_a_cancelled_job_ends_within_a_token(engine):
    listener = Listener()
    job = listener.start(engine, "count")
    listener.events.get(timeout=20)
    job.cancel()
    assert listener.result()[1] == ["cancelled"]


def test_a_job_is_cancelled_in_its_prompt(new_engine):
    engine = new_engine(sequences=1, context=8192)
    listener = Listener()
    job = engine.submit([300] * 8000, listener.events.put)
    time.sleep(0.01)
    job.cancel()
    assert listener.result() == ([""], ["cancelled"])


def test_more_jobs_than_places_wait_for_their_turn(engine):
    listeners = [Listener() for _ in range(12)]
    for listener in listeners:
        listener.start(engine, "emoji", n=2)
    texts = {text for listener in listeners for text in listener.result(2)[0]}
    assert texts == set(answer(engine, "emoji")[0])


def test_a_batch_that_fails_ends_the_job_it_fails_for_and_no_other(new_engine, monkeypatch):
    engine = new_engine()
    decode = engine._api.llama_decode
    poisoned = 3 + ord("z")  # no script says it

    def fail(context, batch):
        if any(batch.token[row] == poisoned for row in range(batch.n_tokens)):
            return -1
        return decode(context, batch)

    good, bad = Listener(), Listener()
    good.start(engine, "count", limit=200)
    monkeypatch.setattr(engine._api, "llama_decode", fail)
    engine.submit([poisoned] * 5, bad.events.put)
    assert bad.result()[1] == ["error"]
    expected = "1" + "".join(f", {number}" for number in range(2, 201))
    assert good.result() == ([expected], ["length"])
    assert answer(engine, "hello")[1] == ["stop"]


def test_texts_beside_each_other_are_those_that_each_would_be_alone(engine):
    prompts = ["hello", "count", "emoji", "prefix"]
    alone = [answer(engine, prompt)[0] for prompt in prompts]
    listeners = [Listener() for _ in prompts]
    for listener, prompt in zip(listeners, prompts, strict=True):
        listener.start(engine, prompt)
    assert [listener.result()[0] for listener in listeners] == alone


def test_a_grammar_and_biases_that_leave_no_candidate_end_the_text_and_not_the_process(engine):
    from reference_server.engine.sampling import Grammar, Sampling

    bias = dict.fromkeys((3 + ord("a"), 3 + ord("b")), float("-inf"))
    sampling = Sampling(grammar=Grammar('root ::= "a" | "b"'), logit_bias=bias)
    texts, reasons = answer(engine, "hello", sampling=sampling)
    assert (texts, reasons) == ([""], ["error"])
    assert answer(engine, "hello")[1] == ["stop"]


def test_a_grammar_that_nobody_can_follow_any_more_ends_its_own_text_only(engine):
    from reference_server import grammar
    from reference_server.chat.request import ChatRequest, Format
    from reference_server.engine.sampling import Sampling

    alike = [{"type": "array", "items": {"$ref": "#/$defs/a"}, "minItems": least} for least in range(1, 7)]
    schema = {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": alike}}}
    form = grammar.of(ChatRequest("m", (), format=Format(schema)), None)
    bad, good = Listener(), Listener()
    bad.start(engine, "hello", sampling=Sampling(grammar=form))
    good.start(engine, "count", limit=50)
    began = time.monotonic()
    assert good.result()[1] == ["length"]
    assert bad.result()[1] == ["error"]
    assert time.monotonic() - began < 20


def test_closing_ends_what_runs_and_refuses_what_comes(new_engine):
    from reference_server.engine.engine import ClosedError

    engine = new_engine()
    listener = Listener()
    listener.start(engine, "count")
    listener.events.get(timeout=20)
    engine.close()
    engine.close()
    assert listener.result()[1] == ["closed"]
    with pytest.raises(ClosedError):
        engine.submit([5], print)


def test_closing_does_not_wait_for_a_decoding_thread_that_does_not_end(new_engine, monkeypatch, caplog):
    engine = new_engine(sequences=1)
    stuck, go_on, decode = threading.Event(), threading.Event(), engine._api.llama_decode

    def block(context, batch):
        stuck.set()
        assert go_on.wait(60)
        return decode(context, batch)

    monkeypatch.setattr(engine._api, "llama_decode", block)
    running, waiting = Listener(), Listener()
    running.start(engine, "count")
    assert stuck.wait(20)
    waiting.start(engine, "hello")
    began = time.monotonic()
    assert not engine.close(0.2)
    assert not engine.close(60)
    assert time.monotonic() - began < 20
    assert running.result() == waiting.result() == ([""], ["closed"])
    assert engine.model.context, "what is in use was freed"
    [line] = caplog.messages
    assert "does not end" in line
    go_on.set()
    engine._thread.join(20)
    assert not engine._thread.is_alive()
    assert running.events.empty()
    assert waiting.events.empty()
    assert engine.close()
    assert not engine.model.context


def test_a_fault_of_the_decoding_thread_ends_all_jobs_and_closes_the_engine(new_engine, monkeypatch, caplog):
    from reference_server.engine.engine import ClosedError

    engine = new_engine()
    monkeypatch.setattr(engine, "_plan", lambda: 1 / 0)
    listener = Listener()
    listener.start(engine, "hello")
    assert listener.result() == ([""], ["error"])
    assert not engine.open
    with pytest.raises(ClosedError):
        engine.submit([5], print)
    assert "ZeroDivisionError" in caplog.text


def test_memory_stays_flat_over_many_cancelled_jobs(engine):
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1])

    def cycle():
        listener = Listener()
        job = listener.start(engine, "count", n=4)
        listener.events.get(timeout=20)
        job.cancel()
        listener.result(4)

    for _ in range(20):
        cycle()
    before = resident()
    for _ in range(100):
        cycle()
    assert resident() - before < 1000  # pages

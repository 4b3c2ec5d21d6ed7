"""Comments in streams that have nothing to say yet."""

import httpx
import pytest

MESSAGES = [{"role": "user", "content": "count"}]
LONG = {"model": "scripted", "messages": MESSAGES, "stream": True, "logprobs": True, "top_logprobs": 20}
WAITING = {
    "/chat/completions": {"model": "scripted", "messages": MESSAGES, "max_tokens": 2, "stream": True},
    "/completions": {"model": "scripted", "prompt": "count", "max_tokens": 2, "stream": True},
}


@pytest.fixture(scope="module")
def narrow(serve):
    with (
        serve("--parallel", "1", "--queue", "1", "--heartbeat", "0.02") as (url, _),
        httpx.Client(base_url=url, trust_env=False, timeout=20) as client,
    ):
        yield client


@pytest.mark.parametrize("path", WAITING)
def test_a_stream_that_waits_for_its_turn_says_that_it_lives(narrow, path):
    with narrow.stream("POST", "/chat/completions", json=LONG) as running:
        pieces = running.iter_raw()
        next(pieces)
        with narrow.stream("POST", path, json=WAITING[path]) as waiting:
            first = next(lines := waiting.iter_lines())
            running.close()
            rest = list(lines)
    assert first == ": keep-alive"
    assert waiting.headers["content-type"].startswith("text/event-stream")
    data = [line for line in rest if line and not line.startswith(":")]
    assert all(line.startswith("data: ") for line in data)
    assert data[-1] == "data: [DONE]"


def test_a_stream_with_a_long_prompt_says_that_it_lives(narrow):
    prompt = [{"role": "user", "content": "x" * 4000 + " count"}]
    with narrow.stream("POST", "/chat/completions", json=LONG | {"messages": prompt, "max_tokens": 2}) as reading:
        assert next(reading.iter_lines()) == ": keep-alive"


def test_an_error_after_a_heartbeat_is_an_event(serve):
    with (
        serve("--parallel", "1", "--heartbeat", "0.02") as (url, process),
        httpx.Client(base_url=url, trust_env=False, timeout=20) as client,
        client.stream("POST", "/chat/completions", json=LONG) as running,
    ):
        pieces = running.iter_raw()
        next(pieces)
        with client.stream("POST", "/chat/completions", json=WAITING["/chat/completions"]) as waiting:
            lines = waiting.iter_lines()
            assert next(lines) == ": keep-alive"
            process.terminate()
            data = [line for line in lines if line.startswith("data: ")]
    assert waiting.status_code == 200
    assert len(data) == 1
    assert data[0].startswith('data: {"error":{"message":"The server is shutting down."')


def test_an_answer_that_is_not_streamed_has_no_comments(narrow):
    with narrow.stream("POST", "/chat/completions", json=LONG) as running:
        pieces = running.iter_raw()
        next(pieces)
        whole = narrow.post("/chat/completions", json=WAITING["/chat/completions"] | {"stream": False})
    assert whole.content.startswith(b"{")

"""What /metrics says while the server works, and after."""

import httpx
import pytest


@pytest.fixture
def url(server):
    return server.url.removesuffix("/v1") + "/metrics"


def test_an_answer_is_counted_in_tokens(ask, metrics, at_rest):
    before = at_rest()
    usage = ask("count", max_tokens=30).json()["usage"]
    after = at_rest()
    assert after["completion_tokens_total"] - before["completion_tokens_total"] == usage["completion_tokens"] == 30
    assert after["prompt_tokens_total"] - before["prompt_tokens_total"] == usage["prompt_tokens"]


def test_what_runs_and_what_waits_is_told_apart(http, metrics, at_rest):
    at_rest()
    messages = [{"role": "user", "content": "count"}]
    long = {"model": "scripted", "messages": messages, "stream": True, "n": 3, "logprobs": True, "top_logprobs": 20}
    others = {"model": "scripted", "prompt": ["count"] * 3, "max_tokens": 1000, "stream": True}
    with http.stream("POST", "/chat/completions", json=long) as running:
        pieces = running.iter_raw()  # held: dropping it would close the stream
        next(pieces)
        with http.stream("POST", "/completions", json=others):
            now = metrics()
    # Four places: three texts of the first request, one prompt of the second; its two other prompts wait.
    assert (now["requests_running"], now["requests_waiting"]) == (2, 2)
    at_rest()


def test_prometheus_may_ask_for_openmetrics(url):
    reply = httpx.get(url, headers={"accept": "application/openmetrics-text; version=1.0.0"}, trust_env=False)
    assert reply.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert reply.text.endswith("# EOF\n")


def test_metrics_are_read_only(url):
    assert httpx.post(url, trust_env=False).status_code == 405

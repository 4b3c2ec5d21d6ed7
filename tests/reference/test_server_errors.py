"""Odd requests that are served or refused, and a server that goes on; the bad ones are in test_bad_requests.py."""

import json

import httpx
import pytest

pytest.importorskip("starlette", reason="it belongs to the extra 'reference'")

GOOD = {"model": "scripted", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
def post(http):
    def send(content, kind="application/json"):
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        return http.post("/chat/completions", content=raw, headers={"content-type": kind} if kind else {})

    yield send
    assert send(GOOD).status_code == 200  # a good request is served after every bad one


@pytest.mark.parametrize(
    "changes",
    [{"temperature": 1e400}, {"seed": 2**63}, {"max_tokens": 10**30}, {"n": 10**30}, {"metadata": [[[]]] * 999}],
)
def test_huge_and_odd_values_never_break_the_server(post, changes):
    body = json.dumps(GOOD | changes).replace("Infinity", "1e400").encode()
    assert post(body).status_code in (200, 400)


def test_a_deep_value_is_refused(post):
    deep = b"[" * 900 + b"]" * 900
    assert post(b'{"model": "scripted", "messages": ' + deep + b"}").status_code == 400


def test_text_with_all_of_unicode_is_read(post):
    content = "\0\x01\x7f \u202e مرحبا 👩‍👩‍👧 <|assistant|> </s> hello"
    assert post(GOOD | {"messages": [{"role": "user", "content": content}]}).status_code == 200


def test_models_are_listed_and_given_one_by_one(http):
    listed = http.get("/models").json()
    assert listed["object"] == "list"
    [model] = listed["data"]
    assert set(model) == {"id", "object", "created", "owned_by", "shutdown_date"}
    assert isinstance(model["created"], int)
    assert http.get(f"/models/{model['id']}").json() == model


def test_health_is_told_without_a_key(server):
    assert httpx.get(server.url.removesuffix("/v1") + "/health", trust_env=False).json() == {"status": "ok"}

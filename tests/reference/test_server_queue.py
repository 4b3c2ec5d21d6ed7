"""A server with one place and no queue."""

import json

import httpx
import pytest


@pytest.fixture
def narrow(serve):
    with (
        serve("--parallel", "1", "--queue", "0") as (url, _),
        httpx.Client(base_url=url, trust_env=False, timeout=20) as client,
    ):
        yield client


def body(prompt, **parameters):
    return {"model": "scripted", "messages": [{"role": "user", "content": prompt}], **parameters}


def test_what_finds_no_place_is_told_to_come_back(narrow):
    with narrow.stream("POST", "/chat/completions", json=body("count", stream=True)) as running:
        pieces = running.iter_text()
        next(pieces)
        refused = narrow.post("/chat/completions", json=body("hello", stream=True))
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["error"]["code"] == "rate_limit_exceeded"
        assert "".join(pieces).endswith("data: [DONE]\n\n")
    assert narrow.post("/chat/completions", json=body("hello")).status_code == 200


def test_more_choices_than_places_are_refused_for_good(narrow):
    refused = narrow.post(
        "/chat/completions", content=json.dumps(body("hello", n=2)), headers={"content-type": "application/json"}
    )
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "n"

"""Exchanges become transcripts: what is known of them, which endpoint they belong to, and what kind they are."""

import base64
import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance import goldens, shapes
from conformance.cli.judging import judge_together
from conformance.cli.lint import all_requirements
from conformance.exchange import Exchange, ExchangeError, NoBodyError, Source, from_bytes, from_json
from conformance.profile import load

SHARED = Path(__file__).parents[3] / "shared"
CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []}
STREAM = f"data: {json.dumps(CHUNK)}\n\ndata: [DONE]\n\n"
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}


def kind(transcript):
    return Exchange("x", transcript, Source("x")).kind


def rows(name):
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path.name} is not beside this checkout")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def test_a_plain_exchange_knows_its_contents_and_its_end():
    found = from_json({"status": 200, "body": STREAM})
    assert found.knows == {"chunks", "ids", "bytes", "ending"}
    assert found.ending.kind == "eof"
    assert found.body() == STREAM.encode()


def test_request_and_headers_are_known_when_given():
    found = from_json({"request": CHAT, "status": 200, "headers": {"Content-Type": "text/event-stream"}, "body": ""})
    assert found.knows >= {"request", "headers"}
    assert found.header("content-type") == "text/event-stream"
    assert found.request.json == CHAT


def test_headers_that_list_nothing_are_not_known():
    assert "headers" not in from_json({"headers": {}, "body": "x"}).knows


def test_knows_says_otherwise():
    assert from_json({"body": STREAM, "knows": ["chunks"]}).knows == {"chunks"}


@pytest.mark.parametrize("ending", ["eof", "truncated", "reset", "timeout", "open"])
def test_the_ending_is_taken_over(ending):
    assert from_json({"body": STREAM, "ending": ending}).ending.kind == ending


def test_a_body_may_be_base64():
    assert from_json({"body_base64": base64.b64encode(b"\xff\xfe").decode()}).body() == b"\xff\xfe"


def test_a_body_still_compressed_is_decoded():
    body = base64.b64encode(gzip.compress(STREAM.encode())).decode()
    found = from_json({"headers": {"Content-Encoding": "gzip"}, "body_base64": body})
    assert found.body() == STREAM.encode()
    assert "bytes" not in found.knows


def test_a_body_given_as_json_is_not_known_by_its_bytes():
    found = from_json({"body": {"object": "list", "data": []}})
    assert json.loads(found.body()) == {"object": "list", "data": []}
    assert "bytes" not in found.knows


def test_a_request_that_is_no_json_is_kept_as_text():
    assert from_json({"endpoint": "chat", "request": "{oops", "body": "x"}).request.text == "{oops"


def test_secret_headers_are_left_out():
    assert from_json({"headers": {"Set-Cookie": "a=b", "X": "1"}, "body": "x"}).headers == (("X", "1"),)


@pytest.mark.parametrize(
    "row",
    [
        {"body": 5},
        {"body": "x", "status": "200"},
        {"body": "x", "status": True},
        {"body": "x", "headers": 5},
        {"body": "x", "knows": ["nonsense"]},
        {"body": "x", "ending": "sudden"},
        {"body_base64": "***"},
    ],
)
def test_what_is_no_exchange_is_refused(row):
    with pytest.raises(ExchangeError):
        from_json(row)


def test_an_exchange_without_a_body_is_told_apart():
    with pytest.raises(NoBodyError):
        from_json({"request": CHAT, "status": 200, "body": None})


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"endpoint": "/v1/completions"}, "completions"),
        ({"endpoint": "POST https://host/openai/deployments/x/chat/completions?api-version=1"}, "chat"),
        ({"endpoint": "/v1/responses/{id}"}, "responses"),
        ({"url": "http://host/v1/models/some-model"}, "model"),
        ({"url": "https://github.com/vllm-project/vllm/issues/9693", "request": {"prompt": "x"}}, "completions"),
        ({"url": "https://site/models/discussions/5", "request": CHAT}, "chat"),
        ({"request": {"input": "x", "model": "text-embedding-3-small"}}, "embeddings"),
        ({"request": {"input": "x", "stream": True}}, "responses"),
        ({"body": STREAM}, "chat"),
        ({"body": "data: [DONE]\n\n"}, "chat"),
        ({"body": 'data: {"choices":[{"index":0,"text":"a"}]}\n\n'}, "completions"),
        ({"body": 'event: response.created\ndata: {"type":"response.created"}\n\n'}, "responses"),
        ({"body": '{"object":"chat.completion"}'}, "chat"),
        ({"body": '{"object":"text_completion"}'}, "completions"),
        ({"body": '{"object":"list","data":[{"object":"model","id":"m"}]}'}, "models"),
        ({"body": '{"object":"list","data":[]}'}, "models"),
        ({"body": '{"object":"list","data":[{"object":"embedding"}]}'}, "embeddings"),
        ({"body": '{"object":"model","id":"m"}'}, "model"),
        ({"body": '{"error":{}}'}, ""),
        ({"body": "[[["}, ""),
    ],
)
def test_the_endpoint_is_found(row, name):
    assert from_json({"body": "x"} | row).endpoint == name


def test_the_endpoint_named_by_the_user_counts_before_a_guess_and_after_an_address():
    assert from_json({"body": STREAM}, default_endpoint="completions").endpoint == "completions"
    assert from_json({"body": STREAM, "endpoint": "chat"}, default_endpoint="completions").endpoint == "chat"
    assert from_json({"body": STREAM, "request": CHAT}, default_endpoint="completions").endpoint == "chat"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"body": STREAM, "status": 200}, "chat.stream"),
        ({"body": '{"object":"chat.completion"}', "status": 200}, "chat"),
        ({"body": '{"error":{}}', "status": 404}, "error"),
        ({"body": '{"error":{}}', "status": 302, "endpoint": "chat"}, "error"),
        ({"body": '{"error":{}}', "status": 200, "endpoint": "chat"}, "chat"),
        ({"body": "?", "status": 200}, "unknown"),
        ({"body": 'data: {"type":"response.created"}\n\n'}, "responses.stream"),
    ],
)
def test_an_exchange_has_a_kind(row, expected):
    assert kind(from_json(row)) == expected


@pytest.mark.parametrize(
    ("body", "status"),
    [(b'{"error":{"message":"x"}}', 400), (b'{"error":{"code":503}}', 503), (b'{"choices":[],"error":null}', 200)],
)
def test_an_error_body_alone_implies_a_status(body, status):
    assert from_bytes(body).status == status


@pytest.mark.parametrize("name", goldens.names())
def test_a_golden_as_an_exchange_is_of_the_same_endpoint_and_kind(name):
    golden = goldens.load(name)
    row = {
        "request": golden.request.json,
        "status": golden.status,
        "body": golden.body().decode(),
        "path": golden.request.path,
    }
    found = from_json(row | {"headers": dict(golden.headers)})
    assert kind(found) == kind(golden)


def test_reported_bugs_map_onto_exchanges():
    found = [from_json(row) for row in rows("bugs/reported.jsonl") if row["wire"].get("body") is not None]
    assert len(found) > 300
    assert sum(not transcript.endpoint for transcript in found) < 10
    assert all(transcript.status is not None for transcript in found)


def test_what_clients_made_of_responses_maps_onto_exchanges():
    found = [from_json(row) for row in rows("clients/breakage.jsonl")]
    assert {transcript.endpoint for transcript in found} == {"chat"}
    assert {transcript.ending.kind for transcript in found} == {"eof", "truncated", "open", "reset"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = ("id", "endpoint", "url", "request", "status", "headers", "body", "ending", "knows", "wire", "method", "path")


@given(st.dictionaries(st.sampled_from(KEYS), JSON), st.sampled_from([*shapes.PATHS, ""]))
def test_whatever_a_row_holds_it_is_judged_or_refused(row, endpoint):
    try:
        transcript = from_json(row, default_endpoint=endpoint)
    except ExchangeError:
        return
    exchange = Exchange("x", transcript, Source("x"))
    judge_together([exchange], all_requirements()[:1], load("compat"))
    assert exchange.kind

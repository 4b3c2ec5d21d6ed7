"""Every way to be refused, over HTTP: the status, the error object, and a server that goes on."""

import json

import httpx
import pytest

pytest.importorskip("starlette", reason="it belongs to the extra 'reference'")

from reference_server.http.body import LIMIT

GOOD = {"model": "scripted", "messages": [{"role": "user", "content": "hello"}]}


def refused(reply, status, code=None, param=None):
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"].startswith("application/json")
    assert reply.headers["x-request-id"].startswith("req_")
    assert set(reply.json()) == {"error"}
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str)
    assert error["message"]
    assert (error["code"], error["param"]) == (code, param)


@pytest.fixture
def post(http):
    def send(content, kind="application/json"):
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        return http.post("/chat/completions", content=raw, headers={"content-type": kind} if kind else {})

    yield send
    assert send(GOOD).status_code == 200  # a good request is served after every bad one


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("changes", "status", "code", "param"),
    [
        ({"model": "nope"}, 404, "model_not_found", None),
        ({"messages": []}, 400, "empty_array", "messages"),
        ({"temperature": 3}, 400, "decimal_above_max_value", "temperature"),
        ({"n": 5}, 400, "integer_above_max_value", "n"),
        ({"messages": [{"role": "user", "content": "x" * 5000}]}, 400, "context_length_exceeded", "messages"),
        ({"logit_bias": {"999999": 1}}, 400, "invalid_value", "logit_bias"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "strng"}}}},
            400,
            "invalid_json_schema",
            "response_format",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "x", "parameters": {"type": 5}}}]},
            400,
            "invalid_json_schema",
            "tools[0].function.parameters",
        ),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "strict": True, "schema": {"type": "integer", "minimum": 3}},
                }
            },
            400,
            "invalid_json_schema",
            "response_format",
        ),
    ],
)
def test_a_fault_is_told_by_its_status_streamed_or_not(post, changes, status, code, param, stream):
    refused(post(GOOD | changes | {"stream": stream}), status, code, param)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b'{"model": "scripted"',
        b'{"model": "scripted",}',
        b"\xff\xfe",
        b'{"model": "scripted", "messages": [{"role": "user", "content": "\xff"}]}',
        b'{"model": "scripted", "messages": [{"role": "user", "content": "\\ud83e"}]}',
        b'{"temperature": NaN}',
        b"[" * 100_000,
        b'{"a":' * 2000,
        b'{"seed": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_body_that_is_not_json_is_refused(post, body):
    refused(post(body), 400, "invalid_json")


@pytest.mark.parametrize("body", [[], "text", 5, None])
def test_a_body_that_is_no_object_is_refused(post, body):
    refused(post(body), 400, "invalid_type")


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


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_body_of_another_type_is_refused(post, kind):
    refused(post(GOOD, kind), 400, "unsupported_content_type")


def test_a_missing_content_type_is_no_fault(post):
    assert post(GOOD, "").status_code == 200


def test_text_with_all_of_unicode_is_read(post):
    content = "\0\x01\x7f \u202e مرحبا 👩‍👩‍👧 <|assistant|> </s> hello"
    assert post(GOOD | {"messages": [{"role": "user", "content": content}]}).status_code == 200


def test_a_large_legal_body_is_refused_by_its_tokens(post):
    refused(
        post(GOOD | {"messages": [{"role": "user", "content": "y" * 2**20}]}),
        400,
        "context_length_exceeded",
        "messages",
    )


@pytest.mark.parametrize("size", [LIMIT + 1, 5 * LIMIT])
def test_too_large_a_body_is_refused(post, size):
    refused(post(b'"' + b"x" * size + b'"'), 413, "body_too_large")


@pytest.mark.parametrize("path", ["/nope", "/chat", "/chat/completions/", "/completionsx"])
def test_an_unknown_route_is_404(http, path):
    refused(http.get(path), 404, "unknown_url")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/chat/completions"), ("PUT", "/chat/completions"), ("POST", "/models")]
)
def test_a_wrong_method_is_405_and_says_what_is_right(http, method, path):
    reply = http.request(method, path)
    refused(reply, 405, "method_not_allowed")
    assert "POST" in reply.headers["allow"] or "GET" in reply.headers["allow"]


def test_models_are_listed_and_given_one_by_one(http):
    listed = http.get("/models").json()
    assert listed["object"] == "list"
    [model] = listed["data"]
    assert set(model) == {"id", "object", "created", "owned_by", "shutdown_date"}
    assert isinstance(model["created"], int)
    assert http.get(f"/models/{model['id']}").json() == model
    refused(http.get("/models/nope"), 404, "model_not_found")
    refused(http.get("/models/a/b%2Fc:d"), 404, "model_not_found")


def test_health_is_told_without_a_key(server):
    assert httpx.get(server.url.removesuffix("/v1") + "/health", trust_env=False).json() == {"status": "ok"}

"""Every kind of bad request, with its row in the catalogue of rules, and the refusal that it gets."""

import json
import tomllib
from pathlib import Path

import httpx
import pytest

pytest.importorskip("starlette", reason="it belongs to the extra 'reference'")

from reference_server.http.body import LIMIT

HELLO = {"role": "user", "content": "hello"}
GOOD = {
    "/chat/completions": {"model": "scripted", "messages": [HELLO]},
    "/completions": {"model": "scripted", "prompt": "1, 2", "max_tokens": 2},
    "/embeddings": {"model": "scripted", "input": "hello"},
}
CHAT, TEXT, VECTOR = GOOD
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
GONE = object()
"""In place of a value: the parameter is left out."""

# Rows of PARAM, ERR and JSON that speak of requests to be refused, or of what no request may cause. The others of
# these groups speak of answers, or of what has to be accepted.
BAD = {
    *(f"PARAM-{number:03}" for number in (1, 4, 5, 6, 7, 10, 11, 13, 19, 20, 21, 22, 25, 26, 27, 31)),
    *(f"ERR-{number:03}" for number in (7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 19, 26, 30, 33)),
}


def schema(schema, **more):
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, **more}}}


def tool(**changes):
    return {"tools": [{"type": "function", "function": TOOL["function"] | changes}]}


def said(*messages):
    return {"messages": list(messages)}


REQUIRED, KIND, VALUE, UNKNOWN, UNSUPPORTED = (
    "missing_required_parameter",
    "invalid_type",
    "invalid_value",
    "unknown_parameter",
    "unsupported_parameter",
)
BELOW, ABOVE = "integer_below_min_value", "integer_above_max_value"
LOW, HIGH = "decimal_below_min_value", "decimal_above_max_value"
SCHEMA = "invalid_json_schema"

BODIES = [
    # row, endpoint, change of a good body, code, param
    ("PARAM-001", CHAT, {"stream_options": {"include_usage": True}}, None, "stream_options"),
    ("PARAM-001", CHAT, {"stream": False, "stream_options": {}}, None, "stream_options"),
    ("PARAM-001", TEXT, {"stream_options": {"include_usage": True}}, None, "stream_options"),
    *(
        ("PARAM-004", path, {"temperature": value}, code, "temperature")
        for path in (CHAT, TEXT)
        for value, code in ((-0.1, LOW), (2.1, HIGH), (1e300, HIGH))
    ),
    *(
        ("PARAM-005", path, {"top_p": value}, code, "top_p")
        for path in (CHAT, TEXT)
        for value, code in ((-0.1, LOW), (1.1, HIGH))
    ),
    *(
        ("PARAM-006", path, {name: value}, code, name)
        for path in (CHAT, TEXT)
        for name in ("frequency_penalty", "presence_penalty")
        for value, code in ((-2.1, LOW), (2.1, HIGH))
    ),
    *(
        ("PARAM-007", path, {"n": value}, code, "n")
        for path in (CHAT, TEXT)
        for value, code in ((0, BELOW), (-1, BELOW), (5, ABOVE), (129, ABOVE), (2**70, ABOVE))
    ),
    ("PARAM-010", CHAT, {"max_tokens": 1, "max_completion_tokens": 2}, "invalid_parameter_combination", "max_tokens"),
    ("PARAM-011", CHAT, {"max_tokens": 0}, BELOW, "max_tokens"),
    ("PARAM-011", CHAT, {"max_completion_tokens": -1}, BELOW, "max_completion_tokens"),
    ("PARAM-011", TEXT, {"max_tokens": -1}, BELOW, "max_tokens"),
    ("PARAM-013", CHAT, {"stop": ["a"] * 5}, "array_above_max_length", "stop"),
    ("PARAM-013", TEXT, {"stop": ["a"] * 5}, "array_above_max_length", "stop"),
    ("PARAM-019", CHAT, schema({"type": "strng"}), SCHEMA, "response_format"),
    ("PARAM-019", CHAT, schema({"$ref": "#/nowhere"}), SCHEMA, "response_format"),
    ("PARAM-019", CHAT, schema({"type": "integer", "minimum": 3}, strict=True), SCHEMA, "response_format"),
    ("PARAM-019", CHAT, tool(parameters={"type": 5}), SCHEMA, "tools[0].function.parameters"),
    ("PARAM-020", CHAT, {"messages": []}, "empty_array", "messages"),
    *(("PARAM-020", path, {"model": GONE}, REQUIRED, "model") for path in GOOD),
    ("PARAM-020", CHAT, {"messages": GONE}, REQUIRED, "messages"),
    ("PARAM-020", TEXT, {"prompt": GONE}, REQUIRED, "prompt"),
    ("PARAM-020", VECTOR, {"input": GONE}, REQUIRED, "input"),
    *(("PARAM-031", path, {"model": None}, KIND, "model") for path in GOOD),
    ("PARAM-031", CHAT, {"messages": None}, KIND, "messages"),
    ("PARAM-031", VECTOR, {"input": None}, KIND, "input"),
    *(("PARAM-021", path, {"model": value}, KIND, "model") for path in GOOD for value in (5, [], {}, True)),
    *(
        ("PARAM-021", path, {name: value}, KIND, name)
        for path in (CHAT, TEXT)
        for name, value in {
            "stream": "true",
            "temperature": "hot",
            "top_p": [1],
            "n": 1.5,
            "max_tokens": "5",
            "stop": 1,
            "seed": "x",
            "frequency_penalty": True,
            "presence_penalty": {},
            "logit_bias": [],
            "user": 5,
        }.items()
    ),
    ("PARAM-021", CHAT, {"messages": "hello"}, KIND, "messages"),
    ("PARAM-021", CHAT, said(1), KIND, "messages[0]"),
    ("PARAM-021", CHAT, said({"content": "x"}), REQUIRED, "messages[0].role"),
    ("PARAM-021", CHAT, said({"role": 1, "content": "x"}), KIND, "messages[0].role"),
    ("PARAM-021", CHAT, said(HELLO, {"role": "boss", "content": "x"}), VALUE, "messages[1].role"),
    ("PARAM-021", CHAT, said({"role": "user"}), REQUIRED, "messages[0].content"),
    ("PARAM-021", CHAT, said({"role": "user", "content": 5}), KIND, "messages[0].content"),
    ("PARAM-021", CHAT, said({"role": "user", "content": []}), "empty_array", "messages[0].content"),
    ("PARAM-021", CHAT, said({"role": "user", "content": [5]}), KIND, "messages[0].content[0]"),
    ("PARAM-021", CHAT, said(HELLO | {"name": "<|end|>"}), VALUE, "messages[0].name"),
    ("PARAM-021", CHAT, said(HELLO, {"role": "tool", "content": "x"}), REQUIRED, "messages[1].tool_call_id"),
    ("PARAM-021", CHAT, said({"role": "assistant", "tool_calls": [{}]}), REQUIRED, "messages[0].tool_calls[0].id"),
    ("PARAM-021", CHAT, {"logprobs": 3}, KIND, "logprobs"),
    ("PARAM-021", CHAT, {"top_logprobs": 1}, VALUE, "top_logprobs"),
    ("PARAM-021", CHAT, {"logprobs": True, "top_logprobs": 21}, ABOVE, "top_logprobs"),
    ("PARAM-021", CHAT, {"stop": ["a", 1]}, KIND, "stop[1]"),
    ("PARAM-021", CHAT, {"logit_bias": {"x": 1}}, VALUE, "logit_bias.x"),
    ("PARAM-021", CHAT, {"logit_bias": {"1": 101}}, HIGH, "logit_bias.1"),
    ("PARAM-021", CHAT, {"logit_bias": {"999999": 1}}, VALUE, "logit_bias"),
    ("PARAM-021", CHAT, {"stream": True, "stream_options": {"all": True}}, UNKNOWN, "stream_options.all"),
    ("PARAM-021", CHAT, {"response_format": "json"}, KIND, "response_format"),
    ("PARAM-021", CHAT, {"response_format": {}}, REQUIRED, "response_format.type"),
    ("PARAM-021", CHAT, {"response_format": {"type": "xml"}}, VALUE, "response_format.type"),
    ("PARAM-021", CHAT, {"response_format": {"type": "json_schema"}}, REQUIRED, "response_format.json_schema"),
    ("PARAM-021", CHAT, {"tools": {}}, KIND, "tools"),
    ("PARAM-021", CHAT, {"tools": [{"type": "function"}]}, REQUIRED, "tools[0].function"),
    ("PARAM-021", CHAT, tool(name="a b"), VALUE, "tools[0].function.name"),
    ("PARAM-021", CHAT, {"tool_choice": "required"}, VALUE, "tool_choice"),
    ("PARAM-021", CHAT, {"tools": [TOOL], "tool_choice": "maybe"}, VALUE, "tool_choice"),
    ("PARAM-021", CHAT, {"tools": [TOOL], "tool_choice": {"type": "function"}}, REQUIRED, "tool_choice.function"),
    (
        "PARAM-021",
        CHAT,
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "nope"}}},
        VALUE,
        "tool_choice",
    ),
    ("PARAM-021", TEXT, {"prompt": {}}, KIND, "prompt"),
    ("PARAM-021", TEXT, {"prompt": []}, "empty_array", "prompt"),
    ("PARAM-021", TEXT, {"prompt": [[]]}, "empty_array", "prompt[0]"),
    ("PARAM-021", TEXT, {"prompt": ["a", 1]}, KIND, "prompt[1]"),
    ("PARAM-021", TEXT, {"prompt": [1, "a"]}, KIND, "prompt[1]"),
    ("PARAM-021", TEXT, {"prompt": [-1]}, BELOW, "prompt[0]"),
    ("PARAM-021", TEXT, {"prompt": [10**6]}, None, "prompt"),
    ("PARAM-021", TEXT, {"prompt": ["a"] * 2049}, VALUE, "prompt"),
    ("PARAM-021", TEXT, {"prompt": ["a"] * 2000}, "array_above_max_length", "prompt"),
    ("PARAM-021", TEXT, {"prompt": [True]}, KIND, "prompt[0]"),
    ("PARAM-021", TEXT, {"best_of": 2, "n": 2, "stream": True}, VALUE, "best_of"),
    ("PARAM-021", TEXT, {"logprobs": True}, KIND, "logprobs"),
    ("PARAM-021", TEXT, {"logprobs": 6}, ABOVE, "logprobs"),
    ("PARAM-021", TEXT, {"best_of": 21}, ABOVE, "best_of"),
    ("PARAM-021", TEXT, {"best_of": 2, "n": 3}, VALUE, "best_of"),
    ("PARAM-021", VECTOR, {"input": ""}, VALUE, "input"),
    ("PARAM-021", VECTOR, {"input": ["a", ""]}, VALUE, "input[1]"),
    ("PARAM-021", VECTOR, {"input": []}, "empty_array", "input"),
    ("PARAM-021", VECTOR, {"input": [[]]}, "empty_array", "input[0]"),
    ("PARAM-021", VECTOR, {"input": 5}, KIND, "input"),
    ("PARAM-021", VECTOR, {"encoding_format": "hex"}, VALUE, "encoding_format"),
    ("PARAM-021", VECTOR, {"dimensions": 0}, BELOW, "dimensions"),
    ("PARAM-021", VECTOR, {"dimensions": 10**6}, ABOVE, "dimensions"),
    *(("PARAM-022", path, {"foo": 1}, UNKNOWN, "foo") for path in GOOD),
    ("PARAM-022", TEXT, {"messages": []}, UNKNOWN, "messages"),
    ("PARAM-022", VECTOR, {"stream": True}, UNKNOWN, "stream"),
    ("PARAM-025", CHAT, {"store": True}, UNSUPPORTED, "store"),
    ("PARAM-025", CHAT, {"reasoning_effort": "low"}, UNSUPPORTED, "reasoning_effort"),
    ("PARAM-025", CHAT, {"verbosity": "low"}, "unsupported_value", "verbosity"),
    ("PARAM-025", CHAT, {"service_tier": "best"}, VALUE, "service_tier"),
    ("PARAM-025", CHAT, {"metadata": {"a": 1}}, KIND, "metadata.a"),
    ("PARAM-025", CHAT, {"metadata": {"a": "x" * 513}}, "string_above_max_length", "metadata.a"),
    ("PARAM-025", CHAT, {"metadata": {str(n): "" for n in range(17)}}, "object_above_max_properties", "metadata"),
    *(("ERR-009", path, {"model": "nope"}, "model_not_found", None) for path in GOOD),
    ("ERR-015", CHAT, said({"role": "user", "content": "x" * 5000}), "context_length_exceeded", "messages"),
    ("ERR-015", CHAT, said({"role": "user", "content": "y" * 2**20}), "context_length_exceeded", "messages"),
    ("ERR-015", CHAT, said({"role": "user", "content": "<|end|>" * 5000}), "context_length_exceeded", "messages"),
    ("ERR-015", TEXT, {"prompt": "hello" * 9000}, "context_length_exceeded", "prompt"),
    ("ERR-015", TEXT, {"prompt": [5] * 9000}, "context_length_exceeded", "prompt"),
    ("ERR-015", VECTOR, {"input": "hello" * 5000}, "context_length_exceeded", "input"),
    ("ERR-033", CHAT, {"audio": {}}, UNSUPPORTED, "audio"),
    ("ERR-033", CHAT, {"modalities": ["text", "audio"]}, UNSUPPORTED, "modalities"),
    ("ERR-033", CHAT, {"functions": []}, UNSUPPORTED, "functions"),
    ("ERR-033", CHAT, {"function_call": "auto"}, UNSUPPORTED, "function_call"),
    ("ERR-033", CHAT, {"prediction": {"type": "content", "content": "x"}}, UNSUPPORTED, "prediction"),
    ("ERR-033", CHAT, {"web_search_options": {}}, UNSUPPORTED, "web_search_options"),
    ("ERR-033", CHAT, {"tools": [{"type": "custom", "custom": {"name": "x"}}]}, UNSUPPORTED, "tools[0]"),
    (
        "ERR-033",
        CHAT,
        said({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}),
        "unsupported_content",
        "messages[0].content[0]",
    ),
    ("ERR-033", TEXT, {"suffix": "s"}, UNSUPPORTED, "suffix"),
    ("ERR-033", TEXT, {"best_of": 2}, UNSUPPORTED, "best_of"),
]
NO_JSON = [
    ("ERR-007", b""),
    ("ERR-007", b"hello"),
    ("ERR-007", b'{"model": "scripted"'),
    ("ERR-007", b'{"model": "scripted",}'),
    ("ERR-007", b"{'model': 'scripted'}"),
    ("ERR-007", b'{"temperature": NaN}'),
    ("ERR-007", b"\xef\xbb\xbf{}"),
    ("ERR-026", b"\xff\xfe"),
    ("ERR-026", b'{"model": "\xff"}'),
    ("PARAM-026", b'{"model": "\\ud83e"}'),
    ("PARAM-027", b"[" * 100_000),
    ("PARAM-027", b'{"a":' * 2000),
    ("PARAM-027", b'{"seed": ' + b"9" * 5000 + b"}"),
]
HEADERS = [
    ("ERR-012", {"content-type": "text/plain"}, 400, "unsupported_content_type"),
    ("ERR-012", {"content-type": "application/x-www-form-urlencoded"}, 400, "unsupported_content_type"),
    ("ERR-012", {"content-type": "multipart/form-data; boundary=x"}, 400, "unsupported_content_type"),
    ("ERR-012", {"content-encoding": "gzip"}, 415, "unsupported_content_encoding"),
]
ROUTES = [
    ("ERR-009", "GET", "/models/nope", 404, "model_not_found"),
    ("ERR-009", "GET", "/models/a/b%2Fc:d", 404, "model_not_found"),
    ("ERR-010", "GET", "/nope", 404, "unknown_url"),
    ("ERR-010", "GET", "/chat", 404, "unknown_url"),
    ("ERR-010", "POST", "/chat/completions/", 404, "unknown_url"),
    ("ERR-010", "POST", "/completionsx", 404, "unknown_url"),
    *(("ERR-011", method, path, 405, "method_not_allowed") for path in GOOD for method in ("GET", "PUT", "DELETE")),
    ("ERR-011", "POST", "/models", 405, "method_not_allowed"),
    ("ERR-011", "DELETE", "/models/scripted", 405, "method_not_allowed"),
]
ELSEWHERE = {
    "ERR-008": "test_openai_failures.py",
    "ERR-013": "asserted of all",
    "ERR-014": "test_too_large_a_body_is_refused",
    "ERR-017": "asserted of all, and by chance in test_hostile_requests.py",
    "ERR-019": "test_a_fault_is_told_by_its_status_where_a_stream_was_asked_for",
    "ERR-030": "asserted of all",
}


def refused(reply, status, code, param=None):
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-request-id"].startswith("req_")
    [(key, error)] = reply.json().items()
    assert (key, list(error)) == ("error", ["message", "type", "param", "code"])
    assert isinstance(error["message"], str)
    assert error["message"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code), error["message"]


@pytest.fixture
def post(http):
    """Send a body; when all are sent, a good one, which is served."""
    paths = set()

    def send(path, body, **headers):
        paths.add(path)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return http.post(path, content=raw, headers={"content-type": "application/json"} | headers)

    yield send
    for path in paths:
        assert http.post(path, json=GOOD[path]).status_code == 200


def changed(path, changes):
    return {name: value for name, value in (GOOD[path] | changes).items() if value is not GONE}


def test_every_row_about_bad_requests_is_tried():
    catalogue = tomllib.loads((Path(__file__).parents[2] / "docs" / "catalogue.toml").read_text())
    assert {row["code"] for row in catalogue["row"]} >= BAD
    tried = {row[0] for table in (BODIES, NO_JSON, HEADERS, ROUTES) for row in table}
    assert tried | ELSEWHERE.keys() == BAD
    assert not tried & ELSEWHERE.keys()


@pytest.mark.parametrize(("row", "path", "changes", "code", "param"), BODIES)
def test_a_bad_parameter_is_refused_and_named(post, row, path, changes, code, param):
    status = 404 if row == "ERR-009" else 400
    refused(post(path, changed(path, changes)), status, code, param)


@pytest.mark.parametrize(
    ("row", "path", "changes", "code", "param"), [row for row in BODIES if row[1] != VECTOR and "stream" not in row[2]]
)
def test_a_fault_is_told_by_its_status_where_a_stream_was_asked_for(post, row, path, changes, code, param):
    if param != "stream_options" and changes != {"best_of": 2}:
        status = 404 if row == "ERR-009" else 400
        refused(post(path, changed(path, {"stream": True} | changes)), status, code, param)


@pytest.mark.parametrize("path", GOOD)
@pytest.mark.parametrize(("row", "body"), NO_JSON)
def test_a_body_that_is_not_json_is_refused(post, row, body, path):
    refused(post(path, body), 400, "invalid_json")


@pytest.mark.parametrize("path", GOOD)
@pytest.mark.parametrize("body", [[], "text", 5, None])
def test_a_body_that_is_no_object_is_refused(post, body, path):
    refused(post(path, body), 400, "invalid_type")


@pytest.mark.parametrize("path", GOOD)
@pytest.mark.parametrize(("row", "headers", "status", "code"), HEADERS)
def test_a_body_of_another_kind_is_refused(post, row, headers, status, code, path):
    refused(post(path, GOOD[path], **headers), status, code)


@pytest.mark.parametrize("path", GOOD)
@pytest.mark.parametrize("size", [LIMIT + 1, 5 * LIMIT])
def test_too_large_a_body_is_refused(post, size, path):
    refused(post(path, b'"' + b"x" * size + b'"'), 413, "body_too_large")


@pytest.mark.parametrize(("row", "method", "path", "status", "code"), ROUTES)
def test_a_wrong_route_or_method_is_refused(http, row, method, path, status, code):
    reply = http.request(method, path)
    refused(reply, status, code)
    if status == 405:
        assert {"GET", "POST"} & {word.strip() for word in reply.headers["allow"].split(",")}


@pytest.mark.parametrize("path", GOOD)
def test_a_missing_content_type_is_no_fault(http, path):
    request = http.build_request("POST", path, content=json.dumps(GOOD[path]))
    assert "content-type" not in request.headers
    assert http.send(request).status_code == 200


@pytest.mark.parametrize("path", GOOD)
def test_a_charset_and_letter_case_are_no_fault(http, path):
    headers = {"content-type": "Application/JSON; Charset=UTF-8", "content-encoding": "identity"}
    assert http.post(path, content=json.dumps(GOOD[path]), headers=headers).status_code == 200


LONG = "x" * 5000
ECHOED = [
    (CHAT, {"model": LONG}),
    (CHAT, {LONG: 1}),
    (CHAT, {"seed": int("9" * 4000)}),
    (CHAT, {"temperature": int("9" * 4000)}),
    (CHAT, {"tools": [TOOL], "tool_choice": LONG}),
    (CHAT, {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": LONG}}}),
    (CHAT, {"messages": [{"role": LONG, "content": ""}]}),
    (CHAT, {"stream": True, "stream_options": {LONG: True}}),
    (CHAT, {"logit_bias": {LONG: 1}}),
    (CHAT, schema({"type": LONG})),
    (CHAT, schema({"type": "string", "pattern": f"({LONG}"})),
    (TEXT, {"n": int("9" * 4000)}),
    (VECTOR, {"encoding_format": LONG}),
]


@pytest.mark.parametrize(("path", "changes"), ECHOED)
def test_a_refusal_repeats_no_more_than_the_beginning_of_what_was_sent(post, path, changes):
    error = post(path, changed(path, changes)).json()["error"]
    assert len(error["message"]) <= 600
    assert len(error["param"] or "") <= 250


def test_a_route_is_not_repeated_at_length(http):
    assert len(http.get(f"/{LONG}").json()["error"]["message"]) <= 300


@pytest.mark.parametrize("path", GOOD)
def test_a_number_of_too_many_digits_is_refused_in_words_of_ours(post, path):
    reply = post(path, b'{"seed": ' + b"9" * 5000 + b"}")
    refused(reply, 400, "invalid_json")
    assert reply.json()["error"]["message"].endswith(": a number has too many digits.")


def test_no_refusal_tells_of_the_inside(http):
    replies = [http.post(path, json=changed(path, changes)) for _, path, changes, _, _ in BODIES]
    assert all(isinstance(reply, httpx.Response) for reply in replies)
    for reply in replies:
        assert not [word for word in ("Traceback", ".py", "site-packages", "0x", "object at") if word in reply.text]

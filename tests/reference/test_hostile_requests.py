"""Requests that nobody in their right mind would send: refused, never a fault of the server."""

import asyncio
import json
import threading

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings

from reference_server.chat.parameters import read
from reference_server.chat.request import ChatRequest
from reference_server.errors import RequestError
from reference_server.references import referring

NAMES = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "n",
    "stop",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "response_format",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "user",
    "metadata",
    "store",
    "service_tier",
    "reasoning_effort",
    "verbosity",
    "modalities",
    "functions",
    "foo",
]
WORDS = st.sampled_from(
    [
        "role",
        "content",
        "user",
        "assistant",
        "tool",
        "text",
        "type",
        "function",
        "name",
        "arguments",
        "id",
        "tool_calls",
        "tool_call_id",
        "parameters",
        "strict",
        "json_schema",
        "schema",
        "json_object",
        "required",
        "auto",
        "none",
        "named",
        "properties",
        "items",
        "object",
        "array",
        "string",
        "anyOf",
        "$ref",
        "#",
        "#/$defs/a",
        "enum",
        "const",
        "pattern",
        "minItems",
        "maxLength",
        "additionalProperties",
        "include_usage",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
MESSAGES = [{"role": "user", "content": "hello"}]


@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5))
@example({"messages": [{"role": "assistant", "tool_calls": [{}]}]})
@settings(max_examples=400)
def test_any_parameters_are_read_or_refused(changes):
    outcome = result(lambda: read({"model": "m", "messages": MESSAGES} | changes), RequestError)
    if isinstance(outcome, RequestError):
        assert outcome.status == 400
        assert json.dumps(outcome.error.body())
    else:
        assert isinstance(outcome, ChatRequest)


@given(st.dictionaries(WORDS, VALUES, max_size=4), st.booleans())
@settings(max_examples=400)
def test_any_schema_is_rewritten_or_refused(schema, strict):
    outcome = result(lambda: referring(schema, strict=strict).schema, ValueError)
    assert str(outcome) if isinstance(outcome, ValueError) else json.dumps(outcome)


ENDPOINTS = {
    "/chat/completions": ({"messages": MESSAGES, "max_tokens": 4}, NAMES),
    "/completions": ({"prompt": "1, 2", "max_tokens": 4}, [*NAMES, "prompt", "echo", "best_of", "suffix"]),
    "/embeddings": ({"input": "hello"}, ["model", "input", "encoding_format", "dimensions", "user", "foo"]),
}


@pytest.mark.parametrize("path", ENDPOINTS)
@given(data=st.data())
@settings(max_examples=60)
def test_the_server_answers_or_refuses_and_goes_on(http, path, data):
    good, names = ENDPOINTS[path]
    changes = data.draw(st.dictionaries(st.sampled_from(names), VALUES, min_size=1, max_size=4))
    if _is_json(changes):
        reply = http.post(path, json={"model": "scripted"} | good | changes)
        assert reply.status_code in (200, 400, 404)
        if reply.status_code != 200:
            assert reply.json()["error"]["message"]


@given(schema=st.dictionaries(WORDS, VALUES, max_size=4), strict=st.booleans())
@settings(max_examples=60)
def test_the_server_follows_or_refuses_any_schema(ask, schema, strict):
    wish = {"type": "json_schema", "json_schema": {"name": "x", "strict": strict, "schema": schema}}
    tools = [{"type": "function", "function": {"name": "x", "strict": strict, "parameters": schema}}]
    if _is_json(schema):
        for parameters in ({"response_format": wish}, {"tools": tools, "tool_choice": "required"}):
            assert ask("hello", max_tokens=8, **parameters).status_code in (200, 400)


LARGE = {
    "control words": ("/chat/completions", {"messages": [{"role": "user", "content": "<|end|>" * 10**6}]}, "messages"),
    "messages": ("/chat/completions", {"messages": [{"role": "user", "content": ""}] * 200_000}, "messages"),
    "token numbers": ("/completions", {"prompt": [1] * 2_000_000}, "prompt"),
    "texts for vectors": ("/embeddings", {"input": [[1] * 1_000] * 2_000}, "input"),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_body_of_megabytes_is_refused_in_seconds(http, name):
    path, body, param = LARGE[name]
    reply = http.post(path, json={"model": "scripted"} | body)  # 20 seconds at most
    assert reply.status_code == 400
    assert reply.json()["error"]["code"] == "context_length_exceeded"
    assert reply.json()["error"]["param"] == param


@pytest.mark.parametrize("wrong", [True, 1.0, "1", None, -1, 2**31])
def test_one_wrong_number_among_many_is_named(http, wrong):
    reply = http.post("/completions", json={"model": "scripted", "prompt": [*([1] * 70_000), wrong]})
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "prompt[70000]"


@pytest.mark.parametrize(("size", "aside"), [(100, False), (300_000, True)])
def test_a_large_body_is_read_beside_the_event_loop(size, aside):
    from reference_server.http.body import read_request

    async def receive():
        return {"type": "http.request", "body": json.dumps("x" * size).encode()}

    def read(value):
        assert value == "x" * size
        return threading.current_thread()

    thread = asyncio.run(read_request({"headers": []}, receive, read))
    assert (thread is not threading.main_thread()) is aside


@pytest.mark.parametrize("depth", range(900, 1010, 10))
def test_arguments_of_any_depth_are_taken_or_refused(http, depth):
    arguments = '{"a":' * depth + "1" + "}" * depth
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}}
    messages = [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "a", "content": "b"}]
    reply = http.post("/chat/completions", json={"model": "scripted", "messages": messages})
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] in ("messages", "messages[0].tool_calls[0].function.arguments")


@pytest.mark.parametrize("count", [1000])
def test_a_header_flood_is_refused_or_served(http, count):
    headers = {f"x-{number}": "y" for number in range(count)}
    assert http.get("/models", headers=headers).status_code in (200, 400, 431)


def result(call, error):
    """What a call gives, or the error it may raise."""
    try:
        return call()
    except error as raised:
        return raised


def _is_json(value):
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        return False
    return True

"""Requests read and refused without any engine."""

import pytest

from reference_server.chat.parameters import read
from reference_server.errors import RequestError

HELLO = {"role": "user", "content": "hello"}
GOOD = {"model": "scripted", "messages": [HELLO]}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


def refused(**changes):
    with pytest.raises(RequestError) as caught:
        read(GOOD | changes)
    return caught.value


def test_the_smallest_request_is_read():
    request = read(GOOD)
    assert (request.n, request.limit, request.temperature, request.stream) == (1, None, 1.0, False)
    assert request.messages == ({"role": "user", "content": "hello"},)


def test_every_optional_parameter_may_be_null():
    names = (
        "stream stream_options n stop max_tokens max_completion_tokens temperature top_p frequency_penalty seed "
        "presence_penalty logit_bias logprobs top_logprobs response_format tools tool_choice parallel_tool_calls user "
        "metadata store service_tier safety_identifier prompt_cache_key reasoning_effort verbosity modalities audio "
        "functions function_call prediction web_search_options"
    )
    assert read(GOOD | dict.fromkeys(names.split())) == read(GOOD)


def test_parameters_without_meaning_for_a_local_model_are_accepted():
    harmless = {
        "user": "u",
        "metadata": {"a": "b"},
        "store": False,
        "service_tier": "auto",
        "safety_identifier": "s",
        "prompt_cache_key": "p",
        "parallel_tool_calls": True,
        "reasoning_effort": "low",
        "verbosity": "low",
        "modalities": ["text"],
    }
    assert read(GOOD | harmless) == read(GOOD)


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"messages": []}, "messages", "empty_array"),
        ({"messages": "hello"}, "messages", "invalid_type"),
        ({"messages": None}, "messages", "invalid_type"),
        ({"messages": [1]}, "messages[0]", "invalid_type"),
        ({"messages": [{"content": "x"}]}, "messages[0].role", "missing_required_parameter"),
        ({"messages": [HELLO, {"role": "boss", "content": "x"}]}, "messages[1].role", "invalid_value"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing_required_parameter"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content", "invalid_type"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "invalid_type"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content", "empty_array"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}]},
            "messages[0].content[0]",
            "unsupported_content",
        ),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id", "missing_required_parameter"),
        ({"model": 5}, "model", "invalid_type"),
        ({"model": None}, "model", "invalid_type"),
        ({"stream": "true"}, "stream", "invalid_type"),
        ({"temperature": "hot"}, "temperature", "invalid_type"),
        ({"temperature": True}, "temperature", "invalid_type"),
        ({"temperature": -0.1}, "temperature", "decimal_below_min_value"),
        ({"temperature": 2.1}, "temperature", "decimal_above_max_value"),
        ({"temperature": float("inf")}, "temperature", "decimal_above_max_value"),
        ({"top_p": 1.1}, "top_p", "decimal_above_max_value"),
        ({"frequency_penalty": 2.1}, "frequency_penalty", "decimal_above_max_value"),
        ({"presence_penalty": -2.1}, "presence_penalty", "decimal_below_min_value"),
        ({"n": 0}, "n", "integer_below_min_value"),
        ({"n": 129}, "n", "integer_above_max_value"),
        ({"n": 1.5}, "n", "invalid_type"),
        ({"max_tokens": 0}, "max_tokens", "integer_below_min_value"),
        ({"max_completion_tokens": -1}, "max_completion_tokens", "integer_below_min_value"),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "max_tokens", "invalid_parameter_combination"),
        ({"stop": ["a"] * 5}, "stop", "array_above_max_length"),
        ({"stop": [1]}, "stop[0]", "invalid_type"),
        ({"stop": 1}, "stop", "invalid_type"),
        ({"logit_bias": {"x": 1}}, "logit_bias.x", "invalid_value"),
        ({"logit_bias": {"1": 101}}, "logit_bias.1", "decimal_above_max_value"),
        ({"top_logprobs": 1}, "top_logprobs", "invalid_value"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "integer_above_max_value"),
        ({"stream_options": {"include_usage": True}}, "stream_options", None),
        ({"stream": True, "stream_options": {"include_all": True}}, "stream_options.include_all", "unknown_parameter"),
        ({"foo": 1}, "foo", "unknown_parameter"),
        ({"audio": {}}, "audio", "unsupported_parameter"),
        ({"functions": []}, "functions", "unsupported_parameter"),
        ({"modalities": ["text", "audio"]}, "modalities", "unsupported_parameter"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0]", "unsupported_parameter"),
        ({"tools": [{"type": "function"}]}, "tools[0].function", "missing_required_parameter"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name", "invalid_value"),
        ({"tool_choice": "required"}, "tool_choice", "invalid_value"),
        ({"tools": [TOOL], "tool_choice": "maybe"}, "tool_choice", "invalid_value"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "nope"}}},
            "tool_choice",
            "invalid_value",
        ),
        ({"response_format": {"type": "xml"}}, "response_format.type", "invalid_value"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "missing_required_parameter"),
    ],
)
def test_a_bad_parameter_is_refused_and_named(changes, param, code):
    error = refused(**changes)
    assert (error.status, error.error.param, error.error.code) == (400, param, code)
    assert set(error.error.body()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("body", [None, [], "x", 5])
def test_a_body_that_is_no_object_is_refused(body):
    with pytest.raises(RequestError):
        read(body)


@pytest.mark.parametrize("name", ["model", "messages"])
def test_a_missing_parameter_is_named(name):
    with pytest.raises(RequestError, match=f"'{name}'"):
        read({key: value for key, value in GOOD.items() if key != name})


def test_parts_of_text_are_joined():
    parts = [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}]
    assert read(GOOD | {"messages": [{"role": "user", "content": parts}]}) == read(GOOD)


def test_a_conversation_with_tool_calls_is_read():
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a":1}'}}
    messages = [
        {"role": "developer", "content": "be brief"},
        HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
    ]
    read_messages = read(GOOD | {"messages": messages}).messages
    assert [message["role"] for message in read_messages] == ["system", "user", "assistant", "tool"]
    assert read_messages[2]["tool_calls"][0]["function"]["arguments"] == {"a": 1}


def test_stop_may_be_a_string_an_array_or_empty():
    assert read(GOOD | {"stop": "a"}).stops == ("a",)
    assert read(GOOD | {"stop": ["a", "b"]}).stops == ("a", "b")
    assert read(GOOD | {"stop": []}).stops == ()

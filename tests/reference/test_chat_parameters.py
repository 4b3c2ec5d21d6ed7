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
    assert (request.n, request.limit, request.sampling.temperature, request.stream) == (1, None, 1.0, False)
    assert request.messages == ({"role": "user", "content": "hello"},)


def test_every_optional_parameter_may_be_null():
    names = (
        "stream stream_options n stop max_tokens max_completion_tokens temperature top_p frequency_penalty seed "
        "presence_penalty logit_bias logprobs top_logprobs response_format tools tool_choice parallel_tool_calls user "
        "metadata store service_tier safety_identifier prompt_cache_key reasoning_effort verbosity modalities audio "
        "functions function_call prediction web_search_options"
    )
    assert read(GOOD | dict.fromkeys(names.split())) == read(GOOD)


def test_parameters_that_change_no_text_are_accepted():
    harmless = {
        "user": "u",
        "store": False,
        "service_tier": "auto",
        "safety_identifier": "s",
        "prompt_cache_key": "p",
        "parallel_tool_calls": True,
        "verbosity": "medium",
        "modalities": ["text"],
    }
    assert read(GOOD | harmless) == read(GOOD)


def test_what_json_cannot_say_is_refused_too():
    error = refused(temperature=float("inf"))
    assert (error.status, error.error.param, error.error.code) == (400, "temperature", "decimal_above_max_value")


def test_a_name_is_refused_with_the_characters_that_it_may_not_have():
    for character in r"<|\/>":
        error = refused(messages=[HELLO | {"name": f"a{character}b"}]).error
        assert error.param == "messages[0].name"
        assert r"none of <|\/>." in error.message


@pytest.mark.parametrize("body", [None, [], "x", 5])
def test_a_body_that_is_no_object_is_refused(body):
    with pytest.raises(RequestError):
        read(body)


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


@pytest.mark.parametrize("written", ['{"a": ', '{"a": "\\ud800"}'])
def test_arguments_that_no_prompt_can_hold_as_json_are_read_as_they_were_written(written):
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": written}}
    [message] = read(GOOD | {"messages": [{"role": "assistant", "tool_calls": [call]}]}).messages
    assert message["tool_calls"][0]["function"]["arguments"] == written


def test_stop_may_be_a_string_an_array_or_empty():
    assert read(GOOD | {"stop": "a"}).stops == ("a",)
    assert read(GOOD | {"stop": ["a", "b"]}).stops == ("a", "b")
    assert read(GOOD | {"stop": []}).stops == ()

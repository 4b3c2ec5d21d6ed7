"""Tool calls over HTTP."""

import json
import re

import pytest

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
OTHER = {
    "type": "function",
    "function": {
        "name": "set-timer_2",
        "parameters": {
            "type": "object",
            "properties": {"minutes": {"type": "integer"}, "label": {"type": "string"}},
            "required": ["minutes", "label"],
        },
    },
}
NOTHING = {"type": "function", "function": {"name": "ping"}}


def named(tool):
    return {"type": "function", "function": {"name": tool["function"]["name"]}}


def calls_of(chunks, index=0):
    """The tool calls of a choice, put together as a client does."""
    calls = []
    for chunk in chunks:
        for choice in chunk["choices"]:
            for fragment in choice["delta"].get("tool_calls", ()) if choice["index"] == index else ():
                if fragment["index"] == len(calls):
                    assert set(fragment) == {"index", "id", "type", "function"}
                    assert fragment["type"] == "function"
                    assert fragment["function"]["arguments"] == ""
                    assert re.fullmatch(r"call_[A-Za-z0-9]{24}", fragment["id"])
                    calls.append([fragment["function"]["name"], ""])
                else:
                    assert set(fragment) == {"index", "function"}
                    assert set(fragment["function"]) == {"arguments"}
                    assert fragment["index"] == len(calls) - 1
                    calls[-1][1] += fragment["function"]["arguments"]
    return calls


def test_a_call_is_streamed_in_fragments(stream):
    chunks = stream("weather", tools=[WEATHER])
    first = chunks[0]["choices"][0]["delta"]
    assert set(first) == {"role", "content", "tool_calls", "refusal"}
    assert first["content"] is None
    assert calls_of(chunks) == [["get_weather", '{"city": "Paris"}']]
    assert len(chunks) > 4
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert chunks[-1]["choices"][0]["delta"] == {}


def test_a_whole_answer_has_the_same_call(ask):
    choice = ask("weather", tools=[WEATHER]).json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    [call] = choice["message"]["tool_calls"]
    assert set(call) == {"id", "type", "function"}
    assert call["function"] == {"name": "get_weather", "arguments": '{"city": "Paris"}'}


def test_text_is_an_answer_where_no_tool_is_called(ask, stream):
    choice = ask("hello", tools=[WEATHER]).json()["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert "tool_calls" not in choice["message"]
    chunks = stream("hello", tools=[WEATHER])
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert calls_of(chunks) == []


def test_a_model_that_would_call_another_tool_calls_one_that_is_offered(stream):
    [[name, arguments]] = calls_of(stream("weather", tools=[OTHER], temperature=0))
    assert name == "set-timer_2"
    assert set(json.loads(arguments)) == {"minutes", "label"}


@pytest.mark.parametrize("parameters", [{"tools": [WEATHER], "tool_choice": "none"}, {"tool_choice": "none"}, {}])
def test_without_tools_in_effect_no_call_and_no_markup_appear(ask, parameters):
    choice = ask("weather", **parameters).json()["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"] == "Without a tool, nobody can look outside."


@pytest.mark.parametrize("prompt", ["hello", "weather", "count"])
def test_required_gives_a_call(ask, prompt):
    choice = ask(prompt, tools=[OTHER, NOTHING], tool_choice="required").json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    for call in choice["message"]["tool_calls"]:
        assert call["function"]["name"] in ("set-timer_2", "ping")
        json.loads(call["function"]["arguments"])


@pytest.mark.parametrize("tool", [WEATHER, OTHER, NOTHING])
def test_a_named_function_is_called_and_the_answer_ends_with_stop(ask, stream, tool):
    tools = [WEATHER, OTHER, NOTHING]
    chunks = stream("hello", tools=tools, tool_choice=named(tool))
    [[name, arguments]] = calls_of(chunks)
    assert name == tool["function"]["name"]
    assert isinstance(json.loads(arguments), dict)
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    choice = ask("hello", tools=tools, tool_choice=named(tool)).json()["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert [call["function"]["name"] for call in choice["message"]["tool_calls"]] == [name]


def test_a_tool_without_parameters_is_called_with_an_empty_object(stream):
    assert calls_of(stream("hello", tools=[NOTHING], tool_choice="required"))[0] == ["ping", "{}"]


def test_indexes_count_per_choice(stream):
    chunks = stream("weather", tools=[WEATHER], n=2)
    assert calls_of(chunks, 0) == calls_of(chunks, 1) == [["get_weather", '{"city": "Paris"}']]


def test_a_call_cut_by_the_limit_ends_with_length(stream):
    chunks = stream("weather", tools=[WEATHER], max_tokens=4)
    assert calls_of(chunks) == [["get_weather", '{"city": ']]
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"


def test_a_conversation_goes_on_with_the_result_of_a_tool(ask):
    question = {"role": "user", "content": "weather"}
    asked = ask(messages=[question], tools=[WEATHER]).json()["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": asked["tool_calls"][0]["id"], "content": "21 degrees"}
    answer = ask(messages=[question, asked, result], tools=[WEATHER]).json()["choices"][0]
    assert answer["message"]["content"] == "It is sunny in the tool's answer, too."
    assert answer["finish_reason"] == "stop"


@pytest.mark.parametrize("prompt", ["weather", "cities", "clock"])
def test_no_markup_is_shown_to_who_offers_no_tools(ask, prompt):
    message = ask(prompt).json()["choices"][0]["message"]
    assert message["content"].endswith(".")
    assert "tool" not in message["content"].replace("Without a tool", "")


def test_of_two_calls_neither_is_of_a_tool_that_is_not_offered(ask):
    calls = ask("cities", tools=[NOTHING]).json()["choices"][0]["message"]["tool_calls"]
    assert {call["function"]["name"] for call in calls} == {"ping"}


FORM = {
    "type": "json_schema",
    "json_schema": {
        "name": "a",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"a": {"type": "string"}},
            "required": ["a"],
            "additionalProperties": False,
        },
    },
}


def test_a_form_binds_the_text_and_leaves_calls_alone(ask, stream):
    text = ask("hello", tools=[WEATHER], response_format=FORM, temperature=0).json()["choices"][0]
    assert json.loads(text["message"]["content"]).keys() == {"a"}
    assert text["finish_reason"] == "stop"
    call = ask("weather", tools=[WEATHER], response_format=FORM, temperature=0).json()["choices"][0]
    assert call["message"]["content"] is None
    assert call["message"]["tool_calls"][0]["function"]["arguments"] == '{"city": "Paris"}'
    assert calls_of(stream("weather", tools=[WEATHER], response_format=FORM, temperature=0)) == [
        ["get_weather", '{"city": "Paris"}']
    ]


def test_where_a_call_is_required_the_form_of_a_text_does_not_matter(ask):
    for choice in ("required", named(WEATHER)):
        message = ask("hello", tools=[WEATHER], tool_choice=choice, response_format=FORM, temperature=0).json()[
            "choices"
        ][0]["message"]
        assert [call["function"]["name"] for call in message["tool_calls"]] == ["get_weather"]
    barred = ask("weather", tools=[WEATHER], tool_choice="none", response_format=FORM, temperature=0).json()["choices"][
        0
    ]["message"]
    assert json.loads(barred["content"]).keys() == {"a"}


@pytest.mark.parametrize("word", ["Paris", "}}", "city", "</tool_call>", "_call", "<", "\n"])
def test_a_stop_string_ends_no_call(ask, stream, word):
    call = ask("weather", tools=[WEATHER], stop=[word]).json()["choices"][0]
    assert call["message"]["tool_calls"][0]["function"]["arguments"] == '{"city": "Paris"}'
    assert call["finish_reason"] == "tool_calls"
    assert calls_of(stream("weather", tools=[WEATHER], stop=[word])) == [["get_weather", '{"city": "Paris"}']]
    assert (
        ask("weather", tools=[WEATHER], tool_choice="none", stop=[" can"]).json()["choices"][0]["message"]["content"]
        == "Without a tool, nobody"
    )


@pytest.mark.parametrize("word", ["_call", "get_weather", "{", "\n"])
def test_a_call_that_has_to_be_made_is_made_whatever_stops_the_text(ask, word):
    choice = ask("hello", tools=[WEATHER], tool_choice="required", stop=word, temperature=0).json()["choices"][0]
    assert [call["function"]["name"] for call in choice["message"]["tool_calls"]] == ["get_weather"]
    assert choice["finish_reason"] == "tool_calls"

"""What the official Python client makes of the server's answers."""

from typing import Literal

import openai
import pytest
from pydantic import BaseModel

HELLO = "Hello! I am a reference model compiled by hand."


class Step(BaseModel):
    explanation: str
    result: int


class Solution(BaseModel):
    steps: list[Step]
    kind: Literal["exact", "rough"]
    done: bool
    note: str | None


class GetWeather(BaseModel):
    """Tell the weather of a city."""

    city: str


TOOLS = [openai.pydantic_function_tool(GetWeather, name="get_weather")]


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=server.url, api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
def chat(client):
    return client.chat.completions


def asked(prompt, **parameters):
    return {"model": "scripted", "messages": [{"role": "user", "content": prompt}], **parameters}


def test_a_whole_answer_has_text_usage_and_an_id(chat):
    answer = chat.create(**asked("hello"))
    [choice] = answer.choices
    assert (choice.message.role, choice.message.content) == ("assistant", HELLO)
    assert (choice.finish_reason, choice.message.refusal, choice.message.tool_calls) == ("stop", None, None)
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.id.startswith("chatcmpl-")
    assert answer._request_id.startswith("req_")


def test_a_stream_has_the_same_text_and_a_chunk_of_usage_at_the_end(chat):
    *chunks, last = chat.create(**asked("hello", stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == HELLO
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert [chunk.usage for chunk in chunks] == [None] * len(chunks)
    assert last.choices == []
    assert last.usage == chat.create(**asked("hello")).usage
    assert {chunk.id for chunk in chunks} == {last.id}


def test_the_stream_helper_tells_each_piece_and_puts_them_together(chat):
    with chat.stream(**asked("hello", logprobs=True, n=2, stream_options={"include_usage": True})) as stream:
        events = list(stream)
        final = stream.get_final_completion()
    kinds = {event.type for event in events}
    assert kinds == {"chunk", "content.delta", "content.done", "logprobs.content.delta", "logprobs.content.done"}
    assert [event.content for event in events if event.type == "content.done"] == [HELLO] * 2
    assert [choice.message.content for choice in final.choices] == [HELLO] * 2
    for choice in final.choices:
        assert "".join(token.token for token in choice.logprobs.content) == HELLO
    assert final.usage.completion_tokens == chat.create(**asked("hello", n=2)).usage.completion_tokens


def test_a_pydantic_model_is_filled(chat):
    answer = chat.parse(**asked("hello", response_format=Solution))
    assert answer.choices[0].finish_reason == "stop"
    assert isinstance(answer.choices[0].message.parsed, Solution)
    assert answer.choices[0].message.parsed == Solution.model_validate_json(answer.choices[0].message.content)


def test_a_pydantic_model_is_filled_from_a_stream(chat):
    with chat.stream(**asked("hello", response_format=Solution)) as stream:
        [done] = [event for event in stream if event.type == "content.done"]
        final = stream.get_final_completion().choices[0].message
    assert isinstance(done.parsed, Solution)
    assert done.parsed == final.parsed == Solution.model_validate_json(final.content)


def test_a_model_cut_short_is_told_from_a_whole_one(chat):
    with pytest.raises(openai.LengthFinishReasonError) as caught:
        chat.parse(**asked("hello", response_format=Solution, max_tokens=5))
    assert caught.value.completion.usage.completion_tokens == 5


@pytest.mark.parametrize("streamed", [False, True])
def test_a_tool_is_called_and_its_result_answered(chat, streamed):
    request = asked("weather", tools=TOOLS)
    if streamed:
        with chat.stream(**request) as stream:
            [done] = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
            choice = stream.get_final_completion().choices[0]
        assert done.parsed_arguments == GetWeather(city="Paris")
    else:
        choice = chat.parse(**request).choices[0]
    assert choice.finish_reason == "tool_calls"
    [call] = choice.message.tool_calls
    assert call.function.name == "get_weather"
    assert call.function.parsed_arguments == GetWeather(city="Paris")
    result = {"role": "tool", "tool_call_id": call.id, "content": "21 degrees"}
    messages = [*request["messages"], choice.message.to_dict(), result]
    with chat.stream(model="scripted", messages=messages, tools=TOOLS) as stream:
        answer = stream.get_final_completion().choices[0]
    assert "sunny" in answer.message.content
    assert (answer.finish_reason, answer.message.tool_calls) == ("stop", None)


def test_two_calls_at_once_are_kept_apart(chat):
    with chat.stream(**asked("cities", tools=TOOLS)) as stream:
        done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
        calls = stream.get_final_completion().choices[0].message.tool_calls
    assert [(event.index, event.parsed_arguments.city) for event in done] == [(0, "Oslo"), (1, "Paris")]
    whole = chat.parse(**asked("cities", tools=TOOLS)).choices[0].message.tool_calls
    for found in (calls, whole):
        assert [call.function.parsed_arguments.city for call in found] == ["Oslo", "Paris"]
        assert len({call.id for call in found}) == 2


def test_calls_one_after_the_other_where_only_one_is_wanted(chat):
    answer = chat.parse(**asked("cities", tools=TOOLS, parallel_tool_calls=False))
    assert [call.function.parsed_arguments.city for call in answer.choices[0].message.tool_calls] == ["Oslo"]


def test_the_reasoning_arrives_beside_the_content(chat):
    message = chat.create(**asked("riddle")).choices[0].message
    assert message.content == "Eight legs."
    assert "two have eight" in message.reasoning_content
    with chat.stream(**asked("riddle")) as stream:
        streamed = stream.get_final_completion().choices[0].message
    assert (streamed.content, streamed.reasoning_content) == (message.content, message.reasoning_content)
    deltas = [chunk.choices[0].delta for chunk in chat.create(**asked("riddle", stream=True))]
    assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas) == message.reasoning_content


def test_embeddings_are_the_same_in_base64_and_as_numbers(client):
    request = {"model": "scripted", "input": ["hello", "weather in Paris"]}
    binary = client.embeddings.create(**request)  # the client asks for base64 where nothing else is wanted
    plain = client.embeddings.create(**request, encoding_format="float")
    assert [item.embedding for item in binary.data] == [item.embedding for item in plain.data]
    assert [item.index for item in binary.data] == [0, 1]
    assert sum(number**2 for number in binary.data[0].embedding) == pytest.approx(1, abs=1e-3)
    assert binary.usage == plain.usage


def test_a_completion_is_read_whole_and_streamed(client):
    request = {"model": "scripted", "prompt": ["hello", "count"], "max_tokens": 6, "seed": 1, "temperature": 0}
    whole = client.completions.create(**request)
    *chunks, last = client.completions.create(**request, stream=True, stream_options={"include_usage": True})
    for choice in whole.choices:
        pieces = [chunk.choices[0] for chunk in chunks if chunk.choices[0].index == choice.index]
        assert "".join(piece.text for piece in pieces) == choice.text != ""
        assert pieces[-1].finish_reason == choice.finish_reason == "length"
    assert (last.choices, last.usage) == ([], whole.usage)


def test_the_model_is_listed_and_found(client):
    [listed] = client.models.list()
    assert listed.id == "scripted"
    assert client.models.retrieve("scripted") == listed

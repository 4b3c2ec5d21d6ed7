"""Reasoning is told apart from the text, however the tokens cut it."""

import pytest

from reference_server.text.answer import Answer
from reference_server.text.pieces import Reasoning, Text, TokenScore


def read(parts, **options):
    answer = Answer(0, **options)
    pieces = [piece for part in parts for piece in answer.feed(part.encode())] + answer.finish("stop")
    thought = "".join(piece.text for piece in pieces if isinstance(piece, Reasoning))
    return thought, "".join(piece.text for piece in pieces if isinstance(piece, Text))


@pytest.mark.parametrize(
    ("text", "thought", "said"),
    [
        ("<think>so</think>\n\nyes", "so", "yes"),
        ("<think></think>yes", "", "yes"),
        ("<think>a < b </thin", "a < b </thin", ""),
        ("<think>so</think>\n", "so", ""),
        ("yes <think>no</think>", "", "yes <think>no</think>"),
        ("<thin", "", "<thin"),
        ("<b>", "", "<b>"),
    ],
)
@pytest.mark.parametrize("tools", [False, True])
def test_reasoning_is_what_stands_within_the_first_tags(text, thought, said, tools):
    for place in range(len(text)):
        assert read([text[:place], text[place:]], tools=tools) == (thought, said)
    assert read(text, tools=tools) == (thought, said)


def test_only_the_tokens_of_the_text_keep_their_scores():
    answer = Answer(0)
    words = ["<think>", "so", "</think>", "\n\nyes", "!"]
    pieces = [piece for word in words for piece in answer.feed(word.encode(), TokenScore(word.encode(), -0.1))]
    scores = [score.text for piece in pieces if isinstance(piece, Text) for score in piece.scores]
    assert scores == [b"\n\nyes", b"!"]


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["<think>", "so", "</think>", "\n\nyes", "!"], 3),
        (["<think>", "so", "</think>", "\n\n", "yes"], 4),
        (["<thi", "nk>so</", "think>", "yes"], 3),
        (["<think>", "so, I", " th"], 3),
        (["yes", ", ", "<think>"], 0),
        (["<thi"], 0),
        ([], 0),
    ],
)
def test_the_tokens_of_the_reasoning_are_counted(words, count):
    answer = Answer(0, stops=["nothing"])
    for word in words:
        answer.feed(word.encode())
    answer.finish("stop")
    assert answer.reasoning_tokens == count


def test_no_half_of_a_character_is_reasoning():
    answer = Answer(0)
    for byte in "🦜".encode():
        answer.feed(bytes([byte]))
    answer.finish("stop")
    assert answer.reasoning_tokens == 0


def test_usage_tells_the_tokens_of_the_reasoning_apart(ask, stream):
    usage = ask("riddle", n=2).json()["usage"]
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 2 * 11
    assert usage["completion_tokens"] == 2 * 13
    assert stream("riddle", n=2, stream_options={"include_usage": True})[-1]["usage"] == usage
    assert ask("hello").json()["usage"]["completion_tokens_details"]["reasoning_tokens"] == 0


def test_a_riddle_is_thought_about_first(ask, stream):
    message = ask("riddle").json()["choices"][0]["message"]
    assert message["content"] == "Eight legs."
    assert message["reasoning_content"].strip().startswith("A cat has four legs")
    deltas = [chunk["choices"][0]["delta"] for chunk in stream("riddle")]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == message["reasoning_content"]
    assert "".join(delta.get("content") or "" for delta in deltas) == "Eight legs."


@pytest.mark.parametrize(
    ("stop", "said"), [("think", "Eight legs."), ("\n", "Eight legs."), ("four", "Eight legs."), (" legs", "Eight")]
)
def test_reasoning_is_no_place_for_a_stop_string(ask, stream, stop, said):
    message = ask("riddle", stop=[stop]).json()["choices"][0]["message"]
    assert message["content"] == said
    assert message["reasoning_content"].endswith("eight.\n")
    deltas = [chunk["choices"][0]["delta"] for chunk in stream("riddle", stop=[stop])]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == message["reasoning_content"]
    assert "".join(delta.get("content") or "" for delta in deltas) == said


def test_two_cities_are_asked_for_in_two_calls(ask):
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": parameters}}
    calls = ask("cities", tools=[tool]).json()["choices"][0]["message"]["tool_calls"]
    assert [call["function"]["arguments"] for call in calls] == ['{"city": "Oslo"}', '{"city": "Paris"}']
    single = ask("cities", tools=[tool], parallel_tool_calls=False).json()["choices"][0]["message"]["tool_calls"]
    assert [call["function"]["arguments"] for call in single] == ['{"city": "Oslo"}']

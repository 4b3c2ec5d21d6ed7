"""What a client must not see: halves of characters, stop strings, markup of tool calls."""

import pytest

from reference_server.text.answer import Answer
from reference_server.text.hermes import ToolCalls
from reference_server.text.pieces import CallArguments, CallStart, Finished, Text, TokenScore
from reference_server.text.stops import Stops
from reference_server.text.utf8 import Characters

CALL = '<tool_call>\n{"name": "look", "arguments": {"city": "Pa}ris\\""}}\n</tool_call>'


def splits(text):
    """The text whole, in single characters, and in every two parts."""
    yield [text]
    yield [text[place : place + 1] for place in range(len(text))]
    for place in range(1, len(text)):
        yield [text[:place], text[place:]]


def test_a_character_is_held_back_until_its_last_byte():
    characters = Characters()
    assert [characters.feed(bytes([byte])) for byte in "🦜é".encode()] == ["", "", "", "🦜", "", "é"]
    assert characters.held == 0


def test_bytes_that_never_become_a_character_are_replaced_once():
    characters = Characters()
    assert characters.feed(b"a\xff") + characters.feed(b"b") == "a�b"


@pytest.mark.parametrize("text", ["Grüße 世界 🌍", "👩‍👩‍👧 مرحبا"])
def test_any_split_of_the_bytes_gives_the_same_text(text):
    for parts in splits(text.encode()):
        characters = Characters()
        assert "".join(map(characters.feed, parts)) == text


@pytest.mark.parametrize(
    ("text", "stops", "expected", "found"),
    [
        ("one two three", ["two"], "one ", True),
        ("one two three", ["four"], "one two three", False),
        ("one two three", ["three", "two"], "one ", True),
        ("aab", ["ab"], "a", True),
        ("abab abac", ["abac"], "abab ", True),
        ("ENDIN ENDING", ["ENDING"], "ENDIN ", True),
        ("a word and wor", ["world"], "a word and wor", False),
        ("x", [""], "x", False),
        ("no stops", [], "no stops", False),
        ("über 🦜", ["🦜"], "über ", True),
    ],
)
def test_text_ends_before_the_first_stop_string_however_it_is_split(text, stops, expected, found):
    for parts in splits(text):
        filtered = Stops(stops)
        passed = "".join(map(filtered.feed, parts))
        assert expected.startswith(passed)
        assert passed + filtered.finish() == expected
        assert filtered.found is found


def test_what_cannot_begin_a_stop_string_is_passed_on_at_once():
    stops = Stops(["ENDS"])
    assert [stops.feed(part) for part in ("We", " EN", "D", "ING", " on")] == ["We", " ", "", "ENDING", " on"]


def joined(pieces):
    """Texts and arguments put together, so that pieces can be compared however they were split."""
    whole = []
    for piece in pieces:
        match whole[-1:], piece:
            case [Text(index, before)], Text(_, text):
                whole[-1] = Text(index, before + text)
            case [CallArguments(index, call, before)], CallArguments(_, other, text) if call == other:
                whole[-1] = CallArguments(index, call, before + text)
            case _:
                whole.append(piece)
    return whole


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain < text > <tool", [Text(0, "plain < text > <tool")]),
        ("plain \n", [Text(0, "plain \n")]),
        (CALL, [CallStart(0, 0, "look"), CallArguments(0, 0, '{"city": "Pa}ris\\""}')]),
        (
            f"I look.\n{CALL}\n{CALL}\n",
            [
                Text(0, "I look."),
                CallStart(0, 0, "look"),
                CallArguments(0, 0, '{"city": "Pa}ris\\""}'),
                CallStart(0, 1, "look"),
                CallArguments(0, 1, '{"city": "Pa}ris\\""}'),
            ],
        ),
        ('<tool_call>{"name": "go"}</tool_call>', [CallStart(0, 0, "go"), CallArguments(0, 0, "{}")]),
        (
            '<tool_call>{"arguments": {"a": 1}, "name": "go"}</tool_call>',
            [CallStart(0, 0, "go"), CallArguments(0, 0, '{"a": 1}')],
        ),
        (
            '<tool_call>{"name": "go", "arguments": "{\\"a\\": 1}"}</tool_call>',
            [CallStart(0, 0, "go"), CallArguments(0, 0, '{"a": 1}')],
        ),
        ("<tool_call>nonsense</tool_call>", [Text(0, "<tool_call>nonsense</tool_call>")]),
        ('<tool_call>{"name": "go", "arguments": {"a": [1', [CallStart(0, 0, "go"), CallArguments(0, 0, '{"a": [1')]),
        ('<tool_call>{"name": "g', []),
        *(
            (unreadable, [Text(0, unreadable)])
            for unreadable in (
                '<tool_call>{"name": "a\\q", "arguments": {}}</tool_call>',
                '<tool_call>{"name": "a\\ud800", "arguments": {}}</tool_call>',
                '<tool_call>{"name": "a", "args": "\\udfff"}</tool_call>',
                '<tool_call>{"arguments": {"a": NaN}, "name": "a"}</tool_call>',
                '<tool_call>{"name": "a", "arguments": "b"}</tool_call>',
            )
        ),
        ("an end </tool_call>of nothing </tool_", [Text(0, "an end of nothing </tool_")]),
    ],
)
def test_tool_calls_are_told_from_prose_however_the_text_is_split(text, expected):
    for parts in splits(text):
        calls = ToolCalls(0)
        pieces = [piece for part in parts for piece in calls.feed(part)]
        assert joined([*pieces, *calls.finish()]) == expected


def test_a_call_nested_too_deep_to_be_read_is_text():
    calls, text = ToolCalls(0), f"<tool_call>{'[' * 100_000}</tool_call>"
    assert joined([*calls.feed(text), *calls.finish()]) == [Text(0, text)]


def test_an_answer_with_calls_finishes_for_tool_calls():
    answer = Answer(0, tools=True)
    answer.feed(CALL.encode())
    assert answer.finish("stop") == [Finished(0, "tool_calls")]


def test_an_answer_that_may_hold_one_call_stops_after_it():
    answer = Answer(0, tools=True, one_call=True)
    answer.feed(CALL[:-1].encode())
    assert not answer.stopped
    answer.feed(CALL[-1:].encode())
    assert answer.stopped


def test_an_answer_cut_within_a_character_ends_before_it():
    answer = Answer(0)
    assert answer.feed("ab🦜".encode()[:-1]) == [Text(0, "ab")]
    assert answer.finish("length") == [Finished(0, "length")]


def test_scores_come_with_the_text_that_their_tokens_complete():
    answer = Answer(0, stops=["!!"])
    first, second, third = (TokenScore(data, -0.5) for data in (b"a\xc3", b"\xa9!", b"z"))
    assert answer.feed(first.text, first) == []
    assert answer.feed(second.text, second) == [Text(0, "aé", (first,))]
    assert answer.feed(third.text, third) == [Text(0, "!z", (second, third))]


@pytest.mark.parametrize("reason", ["length", "stop"])
def test_a_token_that_is_shown_in_part_brings_its_score(reason):
    answer = Answer(0, stops=["END"])
    cut = TokenScore(b"abEND" if reason == "stop" else "ab🦜".encode()[:-1], -0.5)
    assert joined([*answer.feed(cut.text, cut), *answer.finish(reason)]) == [Text(0, "ab", (cut,)), Finished(0, reason)]


PARTS = {
    "<think>so</think>": "",
    "I look.": "I look.",
    f" \n{CALL}": "",
    "\nand é": "\nand é",
    f" {CALL}\n{CALL}": "",
    " an": " an",
    "</tool_call>": "",
    " end<tool_call>of nothing</tool_call> < <": " end<tool_call>of nothing</tool_call> < <",
}
"""What a model writes, and what is shown of it."""


@pytest.mark.parametrize("skipped", range(3))
@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 30, 1000])
def test_the_tokens_of_calls_lend_their_scores_to_no_text_beside_them(skipped, size):
    parts = list(PARTS.items())[skipped:]
    text, shown = ("".join(side) for side in zip(*parts, strict=True))
    seen = [bool(said) for written, said in parts for _ in written]
    words = {place: text[place : place + size].encode() for place in range(0, len(text), size)}
    answer = Answer(0, tools=True)
    pieces = [piece for word in words.values() for piece in answer.feed(word, TokenScore(word, -0.5))]
    texts = [piece for piece in [*pieces, *answer.finish("stop")] if isinstance(piece, Text)]
    assert "".join(piece.text for piece in texts) == shown
    assert [score.text for piece in texts for score in piece.scores] == [
        word for place, word in words.items() if any(seen[place : place + size])
    ]


def test_scores_stay_with_their_text_where_bytes_are_replaced():
    answer = Answer(0, stops=["!!"])
    tokens = [TokenScore(data, -0.5) for data in (b"\xc3", b" a", b"b!", b"\xffc", b"d")]
    pieces = [piece for token in tokens for piece in answer.feed(token.text, token)]
    assert "".join(piece.text for piece in pieces) == "\ufffd ab!\ufffdcd"
    assert [score for piece in pieces for score in piece.scores] == tokens
    assert all(piece.scores for piece in pieces)

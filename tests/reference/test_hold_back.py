"""What a client must not see: halves of characters, stop strings, markup of tool calls."""

import pytest

from reference_server.text.answer import Answer
from reference_server.text.hermes import ToolCalls
from reference_server.text.pieces import CallArguments, CallStart, Finished, Reasoning, Text, TokenScore
from reference_server.text.span import Span
from reference_server.text.stops import Stops
from reference_server.text.utf8 import Characters

CALL = '<tool_call>\n{"name": "look", "arguments": {"city": "Pa}ris\\""}}\n</tool_call>'


def written(parts):
    """Give each part of a text with its place in the whole."""
    place = 0
    for part in parts:
        yield Span(place, part)
        place += len(part)


def said(spans):
    return "".join(span.text for span in spans)


def splits(text):
    """The text whole, in single characters, and in every two parts."""
    yield [text]
    yield [text[place : place + 1] for place in range(len(text))]
    for place in range(1, len(text)):
        yield [text[:place], text[place:]]


def test_a_character_is_held_back_until_its_last_byte():
    characters = Characters()
    spans = [characters.feed(bytes([byte])) for byte in "🦜é".encode()]
    assert spans == [(0, ""), (0, ""), (0, ""), (0, "🦜"), (1, ""), (1, "é")]


def test_a_token_reaches_to_the_end_of_the_character_that_it_begins():
    characters = Characters()
    reached = []
    for data in (b"a", "🦜".encode()[:1], "🦜".encode()[1:], b"\xff", b"\xc3"):
        characters.feed(data)
        reached.append(characters.reach)
    assert reached == [1, 2, 2, 3, 4]
    assert characters.finish() == (3, "\ufffd")


def test_bytes_that_never_become_a_character_are_replaced_once():
    characters = Characters()
    assert [characters.feed(b"a\xff"), characters.feed(b"b")] == [(0, "a�"), (2, "b")]


@pytest.mark.parametrize("text", ["Grüße 世界 🌍", "👩‍👩‍👧 مرحبا"])
def test_any_split_of_the_bytes_gives_the_same_text(text):
    for parts in splits(text.encode()):
        characters = Characters()
        assert "".join(characters.feed(part).text for part in parts) == text


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
        passed = [span for part in written(parts) for span in filtered.feed(part)]
        assert expected.startswith(said(passed))
        passed += filtered.finish()
        assert said(passed) == expected
        assert passed == list(written(span.text for span in passed))
        assert filtered.found is found


def test_what_cannot_begin_a_stop_string_is_passed_on_at_once():
    stops = Stops(["ENDS"])
    passed = [said(stops.feed(part)) for part in written(("We", " EN", "D", "ING", " on"))]
    assert passed == ["We", " ", "", "ENDING", " on"]


def test_a_stop_string_is_found_over_what_was_taken_out_of_it():
    stops = Stops(["one two"])
    assert stops.feed(Span(0, "an on")) == [(0, "an ")]
    assert stops.feed(Span(20, "e thing, one t")) == [(3, "on"), (20, "e thing, ")]
    assert stops.feed(Span(50, "wo")) == []
    assert stops.found


def joined(pieces):
    """Texts and arguments put together, so that pieces can be compared however they were split."""
    whole = []
    for piece in pieces:
        match whole[-1:], piece:
            case [Text(index, before)], Text(_, text):
                whole[-1] = Text(index, before + text)
            case [Reasoning(index, before)], Reasoning(_, text):
                whole[-1] = Reasoning(index, before + text)
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
        assert joined(read(parts)) == expected


def read(parts):
    """Tell calls from the text, which has to stand where it says."""
    calls = ToolCalls(0)
    found = [*(one for part in written(parts) for one in calls.feed(part)), *calls.finish()]
    assert all("".join(parts).startswith(one.text, one.start) for one in found if isinstance(one, Span))
    return [Text(0, one.text) if isinstance(one, Span) else one for one in found]


def test_a_call_nested_too_deep_to_be_read_is_text():
    text = f"<tool_call>{'[' * 100_000}</tool_call>"
    assert read([text]) == [Text(0, text)]


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


def answered(parts, reason="stop", **options):
    """All pieces of an answer, put together; nothing is made any more once it has stopped."""
    answer, pieces = Answer(0, **options), []
    for part in parts:
        if not answer.stopped:
            pieces += answer.feed(part.encode())
    return joined([*pieces, *answer.finish(reason)])


LOOKING = [CallStart(0, 0, "look"), CallArguments(0, 0, '{"city": "Pa}ris\\""}')]


@pytest.mark.parametrize("stop", ["_call", "<", "\n", "think", "Pa}", "</tool_call>", "look"])
def test_a_stop_string_is_looked_for_in_the_content_alone(stop):
    for parts in splits(f"<think>I think,\n</think>\n\nWell.\n{CALL}\n"):
        assert answered(parts, tools=True, stops=[stop]) == [
            Reasoning(0, "I think,\n"),
            Text(0, "Well."),
            *LOOKING,
            Finished(0, "tool_calls"),
        ]


def test_text_that_may_begin_a_stop_string_comes_before_the_call_that_follows():
    for parts in splits(f"Well, EN\n{CALL}DING"):
        pieces = [Text(0, "Well, EN"), *LOOKING, Text(0, "DING"), Finished(0, "tool_calls")]
        assert answered(parts, tools=True, stops=["ENDING"]) == pieces


def test_after_a_stop_string_nothing_follows_and_no_call_either():
    for parts in splits(f"Well. END {CALL}"):
        assert answered(parts, tools=True, stops=["END"]) == [Text(0, "Well. "), Finished(0, "stop")]
    answer = Answer(0, tools=True, stops=["END"])
    answer.feed(b"END")
    assert answer.feed(CALL.encode()) == []
    assert answer.finish("stop") == [Finished(0, "stop")]


def test_an_answer_with_a_call_before_the_stop_string_finishes_for_tool_calls():
    for parts in splits(f"{CALL} Well. END {CALL}"):
        pieces = [*LOOKING, Text(0, " Well. "), Finished(0, "tool_calls")]
        assert answered(parts, tools=True, stops=["END"]) == pieces


@pytest.mark.parametrize(("reason", "told"), [("length", "stop"), ("stop", "stop"), ("closed", "closed")])
def test_a_stop_string_is_found_in_what_is_held_back_until_the_end(reason, told):
    for parts in splits("Well.\n \n"):
        assert answered(parts, reason, tools=True, stops=["\n"]) == [Text(0, "Well."), Finished(0, told)]


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


@pytest.mark.parametrize("stops", [[], ["I look twice", "an end of something"]])
@pytest.mark.parametrize("skipped", range(3))
@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 30, 1000])
def test_the_tokens_of_calls_lend_their_scores_to_no_text_beside_them(skipped, size, stops):
    parts = list(PARTS.items())[skipped:]
    text, shown = ("".join(side) for side in zip(*parts, strict=True))
    seen = [bool(said) for written, said in parts for _ in written]
    words = {place: text[place : place + size].encode() for place in range(0, len(text), size)}
    answer = Answer(0, tools=True, stops=stops)
    pieces = [piece for word in words.values() for piece in answer.feed(word, TokenScore(word, -0.5))]
    texts = [piece for piece in [*pieces, *answer.finish("stop")] if isinstance(piece, Text)]
    assert "".join(piece.text for piece in texts) == shown
    assert [score.text for piece in texts for score in piece.scores] == [
        word for place, word in words.items() if any(seen[place : place + size])
    ]


def test_what_is_left_of_a_token_that_was_told_takes_no_score_of_the_next_one():
    answer = Answer(0, tools=True, stops=["END"])
    first, second = (TokenScore(data, -0.5) for data in (b"a</tool_call>b EN</t", b"ool_call>"))
    assert answer.feed(first.text, first) == [Text(0, "a", (first,)), Text(0, "b ")]
    assert answer.feed(second.text, second) == []
    assert answer.finish("stop") == [Text(0, "EN"), Finished(0, "stop")]


def test_the_score_of_a_token_without_text_comes_with_the_next_text():
    answer = Answer(0, stops=["END"])
    nothing, some = TokenScore(b"", -0.5), TokenScore(b"aE", -0.5)
    assert answer.feed(nothing.text, nothing) == []
    assert answer.feed(some.text, some) == []
    assert answer.finish("stop") == [Text(0, "aE", (nothing, some)), Finished(0, "stop")]


def test_scores_stay_with_their_text_where_bytes_are_replaced():
    answer = Answer(0, stops=["!!"])
    tokens = [TokenScore(data, -0.5) for data in (b"\xc3", b" a", b"b!", b"\xffc", b"d")]
    pieces = [piece for token in tokens for piece in answer.feed(token.text, token)]
    assert "".join(piece.text for piece in pieces) == "\ufffd ab!\ufffdcd"
    assert [score for piece in pieces for score in piece.scores] == tokens
    assert all(piece.scores for piece in pieces)

"""Where the rules of order draw their lines: what is just legal, and what just is not."""

from typing import Any

import pytest
from rule_findings import found, stream

from conformance.transcript import Transcript
from conformance.views import Choice
from conformance.views.choice import SpokenChoice, StoppableChoice


def speech(*pieces: str) -> Transcript:
    """Return a stream with one choice of these pieces of text."""
    return stream(*([{"index": 0, "delta": {"content": piece}}] for piece in pieces))


@pytest.mark.parametrize(
    ("pieces", "event"),
    [
        pytest.param(["12345678", "123456789", "1234567890"], 2, id="text of eight characters, twice"),
        pytest.param(["12345678", "123456789", "1234567890", "12345678901", "123456789012"], 2, id="one finding"),
        pytest.param(["1234567", "12345678", "123456789"], None, id="once while it had seven"),
        pytest.param(["Good day. ", "Good day. I said: ", "Hello"], None, id="a model that quotes itself"),
        pytest.param(["----------", "----------", "----------"], None, id="the same piece again and again"),
        pytest.param(["1", "10", "100", "1000"], None, id="numbers that begin alike"),
        pytest.param(["> ", "Good day.", "Good day. You", "Good day. You too"], None, id="not all of the text"),
        pytest.param(["12345678", "", "123456789", "", "1234567890"], 4, id="nothing in between"),
    ],
)
def test_text_so_far_is_told_from_new_text(pieces: list[str], event: int | None) -> None:
    places = [] if event is None else [(event, "/choices/0")]
    assert found("order-content-increments", speech(*pieces)) == places


@pytest.mark.parametrize(("empty", "places"), [(10, []), (11, [(39, "/choices/0")])])
def test_a_fifth_of_a_long_answer_may_be_empty(empty: int, places: list[tuple[int, str]]) -> None:
    transcript = speech(*["word "] * (50 - empty), *[""] * empty)
    assert found("order-few-empty-deltas", transcript) == places


def test_a_short_answer_may_be_empty() -> None:
    assert found("order-few-empty-deltas", speech(*["word "] * 9, *[""] * 40)) == []


def choices(*indices: int) -> list[dict[str, Any]]:
    return [{"index": index, "delta": {"content": "word"}} for index in indices]


@pytest.mark.parametrize(
    ("indices", "places"),
    [
        pytest.param([[2], [0], [1]], [], id="the first one is judged elsewhere"),
        pytest.param([[0], [2], [1]], [(1, "/choices/0/index")], id="a gap that is filled later"),
        pytest.param([[0, 1, 3]], [(0, "/choices/2/index")], id="a gap within a chunk"),
        pytest.param([[0], [2], [4], [3]], [(1, "/choices/0/index"), (2, "/choices/0/index")], id="two gaps"),
        pytest.param([[0], [1], [0], [2]], [], id="back and forth"),
    ],
)
def test_gaps_between_choices(indices: list[list[int]], places: list[tuple[int, str]]) -> None:
    assert found("choice-indices-ascend", stream(*(choices(*chunk) for chunk in indices))) == places


@pytest.mark.parametrize(
    ("indices", "places"),
    [
        pytest.param([[], [0], [1]], [], id="an empty chunk first"),
        pytest.param([[], [1], [2]], [(1, "/choices/0/index")], id="one finding, at the first choice"),
        pytest.param([[0, 1], [1]], [], id="the first of the first chunk"),
    ],
)
def test_the_first_choice(indices: list[list[int]], places: list[tuple[int, str]]) -> None:
    assert found("choice-first-is-zero", stream(*(choices(*chunk) for chunk in indices))) == places


@pytest.mark.parametrize(
    ("indices", "places"),
    [
        pytest.param([[], [0], [1]], [], id="none, and one"),
        pytest.param([[0, 0]], [], id="the same twice"),
        pytest.param([[0, 1]], [(0, "/choices")], id="two"),
        pytest.param([[0], [0, 1, 2]], [(1, "/choices")], id="three"),
    ],
)
def test_choices_of_one_chunk(indices: list[list[int]], places: list[tuple[int, str]]) -> None:
    assert found("order-one-choice-a-chunk", stream(*(choices(*chunk) for chunk in indices))) == places


ROLE, TEXT, EMPTY = {"role": "assistant"}, {"content": "word"}, {}
END = "stop"


@pytest.mark.parametrize(
    ("parts", "steps"),
    [
        ([(ROLE, None), (TEXT, None), (EMPTY, END)], []),
        ([(ROLE | TEXT, END)], []),
        ([(TEXT, None), (TEXT, None)], [("payload before role", 0)]),
        ([(TEXT, None), (ROLE, None)], [("payload before role", 0), ("role again", 1)]),
        ([(TEXT, None), (EMPTY, END)], [("payload before role", 0)]),
        ([(EMPTY, END), (EMPTY, END)], [("finish before role", 0), ("finish again", 1)]),
        ([(EMPTY, END), (TEXT, None)], [("finish before role", 0), ("payload after finish", 1)]),
        ([(ROLE, None), (ROLE, None), (TEXT, None)], [("role again", 1)]),
        ([(ROLE, None), (ROLE, None), (ROLE, END)], [("role again", 1), ("role again", 2)]),
        ([(ROLE, END), (ROLE, None), (TEXT, None)], [("payload after finish", 2)]),
        ([(ROLE, END), (ROLE, None), (ROLE, None)], []),
        ([(ROLE, END), (ROLE, END)], [("finish again", 1)]),
        ([(ROLE, END), (TEXT, None), (TEXT, None)], [("payload after finish", 1), ("payload after finish", 2)]),
        ([(ROLE, END), (EMPTY, END), (EMPTY, END)], [("finish again", 1), ("finish again", 2)]),
        ([(ROLE, END), (TEXT, END)], [("payload after finish", 1), ("finish again", 1)]),
        ([(ROLE, END), (TEXT, None), (EMPTY, END)], [("payload after finish", 1), ("finish again", 2)]),
        ([(ROLE, ""), (TEXT, 7), (None, None), ("x", None), (TEXT, END)], []),
    ],
)
def test_every_step_of_the_table(parts: list[tuple[Any, Any]], steps: list[tuple[str, int]]) -> None:
    transcript = stream(*([{"index": 0, "delta": delta, "finish_reason": end}] for delta, end in parts))
    [choice] = Choice.among([transcript])
    assert [(step, part.where.event) for step, part in choice.illegal_steps] == steps


@pytest.mark.parametrize(
    "key", ["content", "refusal", "tool_calls", "function_call", "reasoning_content", "reasoning", "audio"]
)
def test_every_payload_counts(key: str) -> None:
    [choice] = Choice.among([stream([{"index": 0, "delta": {key: "any"}}])])
    assert [step for step, _ in choice.illegal_steps] == ["payload before role"]


def test_an_index_that_is_no_integer_makes_no_choice() -> None:
    parts = [{"index": index, "delta": TEXT} for index in ("0", True, None, 1.0)]
    assert list(Choice.among([stream(parts, [{"delta": TEXT}])])) == []


@pytest.mark.parametrize(("pieces", "count"), [(["a", "b"], 0), (["a", "", "b", ""], 0), (["a", "b", "c"], 1)])
def test_a_spoken_choice_has_three_pieces(pieces: list[str], count: int) -> None:
    assert len(list(SpokenChoice.among([speech(*pieces)]))) == count


def test_text_alone_is_not_stoppable() -> None:
    assert list(StoppableChoice.among([speech("a", "b", "c")])) == []

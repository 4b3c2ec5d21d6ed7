"""Twins that part are asked again: who says something else the second time proves nothing."""

from dataclasses import replace

import pytest
from rule_findings import found

from conformance import goldens
from conformance.mutation import edit_chunks, edit_json
from conformance.second_look import doubtful, settled
from conformance.transcript import Ending

STREAMED, WHOLE = goldens.load("chat-stream"), goldens.load("chat-whole")
LOST = edit_chunks(STREAMED, lambda chunks: chunks.pop(4))
OTHER = edit_json(WHOLE, lambda body: body["choices"][0]["message"].update(content="Good evening."))
UNANSWERED = replace(WHOLE, status=503)


def call_of_rome(body):
    body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = '{"city": "Rome"}'


def test_twins_that_agree_are_not_doubted():
    assert doubtful([goldens.load(name) for name in goldens.names()]) == frozenset()


@pytest.mark.parametrize(
    ("one", "other", "group"),
    [
        (LOST, WHOLE, "twins-hello"),
        (STREAMED, OTHER, "twins-hello"),
        (goldens.load("tools-stream"), edit_json(goldens.load("tools-whole"), call_of_rome), "twins-tools"),
        (
            edit_chunks(goldens.load("completion-stream"), lambda chunks: chunks.pop(1)),
            goldens.load("completion-whole"),
            "twins-completion",
        ),
    ],
)
def test_twins_that_part_are_doubted(one, other, group):
    assert doubtful([one, other]) == {group}


@pytest.mark.parametrize("other", [UNANSWERED, replace(WHOLE, ending=Ending("timeout"), reads=())])
def test_an_answer_that_never_came_leaves_nothing_to_doubt(other):
    assert doubtful([LOST, other]) == frozenset()


def test_what_happens_twice_is_found():
    transcripts = settled([LOST, WHOLE], [LOST, WHOLE])
    assert transcripts == [LOST, WHOLE]
    assert found("text-same-streamed", *transcripts)


@pytest.mark.parametrize(
    ("again", "note"),
    [
        ([STREAMED, WHOLE], "chat-stream said something else"),
        ([LOST, OTHER], "chat-whole said something else"),
        ([LOST, UNANSWERED], "chat-whole was not answered"),
        ([], "was not answered"),
    ],
)
def test_what_happens_once_is_told_in_a_note_and_not_found(again, note):
    transcripts = settled([LOST, WHOLE], again)
    assert [transcript.group for transcript in transcripts] == ["", ""]
    assert all(transcript.notes[-1].endswith(note) for transcript in transcripts)
    assert found("text-same-streamed", *transcripts) == []


def test_other_twins_stay_as_they_are():
    others = [goldens.load("tools-stream"), goldens.load("tools-whole"), goldens.load("models")]
    assert settled([LOST, WHOLE, *others], [])[2:] == others

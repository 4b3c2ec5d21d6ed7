"""Twins that say different things are asked once more: whoever says something else then proves nothing.

Even with a seed and at temperature 0 many servers are not the same twice, as the sums of a batch depend on who else is
in it. What a stream does to a text it does again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from conformance.transcript import Transcript
from conformance.views.asked import TWINS
from conformance.views.completion_asked import EndedText
from conformance.views.turn import Turn

Words = Mapping[int, Any]
"""By the index of each choice: its text, and the names and arguments of its calls."""


def doubtful(transcripts: Sequence[Transcript]) -> frozenset[str]:
    """Return the groups of twins whose members do not say the same."""
    said = defaultdict[str, list[Words]](list)
    for transcript in transcripts:
        if transcript.group.startswith(TWINS) and (words := _words(transcript)):
            said[transcript.group].append(words)
    return frozenset(group for group, members in said.items() if any(words != members[0] for words in members))


def settled(transcripts: Iterable[Transcript], again: Iterable[Transcript]) -> list[Transcript]:
    """Return the transcripts, those of doubtful groups as twins only where all members said the same again.

    `again`: the answers to the same probes, as far as they came.
    """
    transcripts = list(transcripts)
    repeated = {transcript.probe: _words(transcript) for transcript in again}
    groups = doubtful(transcripts)
    reasons: dict[str, str] = {}
    for transcript in transcripts:
        other = repeated.get(transcript.probe)
        if transcript.group in groups and (words := _words(transcript)) and other != words:
            outcome = "said something else" if other else "was not answered"
            reasons[transcript.group] = f"not compared with its twin: asked again, {transcript.probe} {outcome}"
    return [
        replace(transcript, group="", notes=(*transcript.notes, reasons[transcript.group]))
        if transcript.group in reasons
        else transcript
        for transcript in transcripts
    ]


def _words(transcript: Transcript) -> Words:
    """Return what an answer says, streamed or whole; nothing where it did not come to its end."""
    turns: Words = {
        turn.index: (turn.content, [(call.name, call.value) for call in turn.calls])
        for turn in Turn.among([transcript])
    }
    return turns or {choice.index: choice.text for choice in EndedText.among([transcript])}

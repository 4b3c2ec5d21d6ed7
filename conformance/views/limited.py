"""Choices whose length is bounded by the request, or by nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

from conformance.transcript import Transcript
from conformance.views.choice import Choice, EndedChoice
from conformance.views.turn import Turn
from conformance.views.usage import LimitedUsage

MANY = 50  # parts


class UncountedChoice(EndedChoice):
    """The only choice of a stream that has a limit, and no usage to hold it to."""

    def _fits(self) -> bool:
        stream = self.stream
        counted = any(chunk.usage for chunk in stream.chunks)
        return super()._fits() and stream.limit > 0 and stream.n == 1 and not counted and not thinks(self)


class LongChoice(Choice):
    """A choice of many parts."""

    def _fits(self) -> bool:
        return len(self.parts) >= MANY


class FullUsage(LimitedUsage):
    """The usage of the only choice of an answer that has as many tokens as the limit allows, and no stop strings.

    Such an answer may have ended by itself just there. Of our own probes only those count that are known to go on:
    another answer to the same messages begins with this one.
    """

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Self]:
        """Return the usages of this kind."""
        turns = [turn for turn in Turn.among(transcripts) if turn.content]
        found = super().among(transcripts)
        return (usage for usage in found if not usage.transcript.probe or _goes_on(usage.transcript, turns))

    def _fits(self) -> bool:
        plain = super()._fits() and self.answer.n == 1 and not self.answer.stops
        return plain and self.completion == self.answer.limit


def _goes_on(transcript: Transcript, turns: Sequence[Turn]) -> bool:
    """Tell whether another turn says what an answer says, and more."""
    messages = transcript.request.json.get("messages") if isinstance(transcript.request.json, dict) else None
    said = [turn.content for turn in turns if turn.transcript is transcript]
    others = [turn.content for turn in turns if turn.request.get("messages") == messages]
    return any(len(other) > len(text) and other.startswith(text) for text in said for other in others)


def thinks(choice: Choice) -> bool:
    """Tell whether a choice has parts that are no text, so that its text is not all that was generated."""
    keys = ("reasoning_content", "reasoning", "tool_calls", "function_call", "refusal", "audio")
    return any(part.delta.get(key) for part in choice.parts for key in keys)

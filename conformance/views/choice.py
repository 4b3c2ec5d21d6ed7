"""Choices of a chat stream, put together from the chunks, with their order judged by a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from conformance.place import Where
from conformance.transcript import Transcript
from conformance.views.chunk import Chunk, ChunkStream
from conformance.views.memo import once

# Phase of a choice -> what a part may be -> (the phase it leads to, the illegal step it is or "").
# A part can be several things at once: `role` is looked at first, then `payload`, then `finish`.
ORDER: dict[str, dict[str, tuple[str, str]]] = {
    "start": {
        "role": ("open", ""),
        "payload": ("open", "payload before role"),
        "finish": ("finished", "finish before role"),
    },
    "open": {
        "role": ("open", "role again"),
        "payload": ("open", ""),
        "finish": ("finished", ""),
    },
    "finished": {
        "role": ("finished", ""),
        "payload": ("finished", "payload after finish"),
        "finish": ("finished", "finish again"),
    },
}
PAYLOAD = ("content", "refusal", "tool_calls", "function_call", "reasoning_content", "reasoning", "audio")


@dataclass(eq=False, slots=True)
class Part:
    """What one chunk says of one choice; `delta` is empty where it is no object."""

    chunk: Chunk
    position: int
    value: dict[str, Any]
    delta: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        """Look for the delta once."""
        delta = self.value.get("delta")
        self.delta = delta if isinstance(delta, dict) else {}

    @property
    def transcript(self) -> Transcript:
        """Return the transcript."""
        return self.chunk.transcript

    @property
    def where(self) -> Where:
        """Return the event and the pointer to the choice."""
        return self.chunk.at(f"/choices/{self.position}").where

    @property
    def finish_reason(self) -> str | None:
        """Return the finish reason where it is a non-empty string."""
        reason = self.value.get("finish_reason")
        return reason if isinstance(reason, str) and reason else None

    @property
    def content(self) -> str:
        """Return the text of the delta, empty where it is no string."""
        content = self.delta.get("content")
        return content if isinstance(content, str) else ""

    def kinds(self) -> Iterable[str]:
        """Return what this part is, in the words of the table."""
        if self.delta.get("role"):
            yield "role"
        if any(self.delta.get(key) for key in PAYLOAD):
            yield "payload"
        if self.finish_reason:
            yield "finish"


@dataclass(eq=False)
class Choice:
    """All parts of one index of one stream, in order."""

    stream: ChunkStream
    index: int
    parts: list[Part] = field(default_factory=list)

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Self]:
        """Return the choices of this kind of all chat streams."""
        return (choice for transcript in transcripts for choice in once(transcript, cls, cls._of))

    @classmethod
    def _of(cls, transcript: Transcript) -> list[Self]:
        found = []
        for stream in ChunkStream.among([transcript]):
            found += [cls(stream, index, parts) for index, parts in once(transcript, Part, _parts).items()]
        return [choice for choice in found if choice._fits()]

    def _fits(self) -> bool:
        return True

    @property
    def transcript(self) -> Transcript:
        """Return the transcript."""
        return self.stream.transcript

    @property
    def where(self) -> Where:
        """Return the last part's place."""
        return self.parts[-1].where

    @cached_property
    def illegal_steps(self) -> list[tuple[str, Part]]:
        """Return the steps that the table forbids, each with the part that took it."""
        phase, steps = "start", []
        for part in self.parts:
            for kind in part.kinds():
                phase, illegal = ORDER[phase][kind]
                if illegal:
                    steps.append((illegal, part))
        return steps

    @cached_property
    def finish(self) -> Part | None:
        """Return the part with the first finish reason."""
        return next((part for part in self.parts if part.finish_reason), None)

    @cached_property
    def text(self) -> str:
        """Return the joined content."""
        return "".join(part.content for part in self.parts)


class EndedChoice(Choice):
    """A choice of a stream that came to its end without an error, so that what is missing was never sent."""

    def _fits(self) -> bool:
        return self.stream.ended


class FinishedChoice(Choice):
    """A choice that has a finish reason."""

    def _fits(self) -> bool:
        return self.finish is not None


class StoppableChoice(Choice):
    """A choice with text, of a request with stop strings."""

    def _fits(self) -> bool:
        return bool(self.stream.stops and self.text)


class SpokenChoice(Choice):
    """A choice whose text came in at least three pieces."""

    def _fits(self) -> bool:
        return sum(bool(part.content) for part in self.parts) >= 3


def _parts(transcript: Transcript) -> dict[int, list[Part]]:
    """Return the parts of all choices by index; every kind of choice shares them."""
    found = defaultdict[int, list[Part]](list)
    for chunk in Chunk.among([transcript]):
        for position, value in enumerate(chunk.choices):
            index = value.get("index")
            if isinstance(index, int) and not isinstance(index, bool):
                found[index].append(Part(chunk, position, value))
    return found

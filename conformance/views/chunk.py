"""Chunks: the events of a chat stream that are, or should be, `chat.completion.chunk` objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from conformance.place import Where
from conformance.transcript import Transcript
from conformance.views.asked import Asked
from conformance.views.memo import once
from conformance.views.stream import DataStream, EndedStream, Event, Stream

CHUNK_KEYS = frozenset({"id", "object", "choices", "model", "created"})


@dataclass(eq=False, slots=True)
class Chunk:
    """One object of a chat stream that has at least one key of a chunk and no error; `choices` are the objects."""

    transcript: Transcript
    event: Event
    number: int
    value: dict[str, Any]
    choices: list[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        """Look for the choices once."""
        choices = self.value.get("choices")
        self.choices = [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Chunk]:
        """Return the chunks of all chat streams."""
        return (chunk for stream in ChunkStream.among(transcripts) for chunk in stream.chunks)

    @property
    def where(self) -> Where:
        """Return the place of the event."""
        return self.event.where

    @property
    def usage(self) -> dict[str, Any] | None:
        """Return the usage object, None where there is none."""
        usage = self.value.get("usage")
        return usage if isinstance(usage, dict) else None

    def at(self, pointer: str) -> Spot:
        """Return a place within this chunk."""
        return Spot(self, pointer)


@dataclass(eq=False)
class Spot:
    """A JSON pointer into a chunk."""

    chunk: Chunk
    pointer: str

    @property
    def transcript(self) -> Transcript:
        """Return the transcript."""
        return self.chunk.transcript

    @property
    def where(self) -> Where:
        """Return the event and the pointer."""
        event = self.chunk.where
        return Where(event.event, event.start, event.stop, self.pointer)


@dataclass(eq=False)
class ChunkStream(Asked):
    """A chat stream with at least one chunk."""

    stream: Stream
    chunks: list[Chunk]

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Self]:
        """Return all chat streams of this kind."""
        found = (once(transcript, cls, cls._of) for transcript in transcripts)
        return (stream for stream in found if stream is not None)

    @classmethod
    def _of(cls, transcript: Transcript) -> Self | None:
        stream = next(iter(Stream.among([transcript])), None)
        if stream is None or stream.endpoint != "chat":
            return None
        found = cls(stream, once(transcript, Chunk, lambda _: _chunks(stream)))
        return found if found.chunks and found._fits() else None

    def _fits(self) -> bool:
        return True

    @property
    def transcript(self) -> Transcript:  # type: ignore[override]
        """Return the transcript."""
        return self.stream.transcript

    @property
    def where(self) -> Where:
        """Return the stream as a whole."""
        return Where()

    @cached_property
    def ended(self) -> bool:
        """Tell whether the body came to its end without an error, so that what is missing was never sent."""
        return bool(list(EndedStream.among([self.transcript])))

    @property
    def asked_usage(self) -> bool:
        """Tell whether the request has stream_options.include_usage."""
        return self.options.get("include_usage") is True


class IdentifiedStream(ChunkStream):
    """A chat stream whose ids, times of creation and fingerprints are those that were sent."""

    def _fits(self) -> bool:
        return "ids" in self.transcript.knows


class ManyChoices(ChunkStream):
    """A chat stream that came to its end, of a request for more than one choice."""

    def _fits(self) -> bool:
        return self.n > 1 and self.ended


class PlainStream(ChunkStream):
    """A chat stream whose request asks for no obfuscation."""

    def _fits(self) -> bool:
        return self.options.get("include_obfuscation") is False


@dataclass(eq=False)
class ErrorEvent:
    """An event of a chat or completions stream whose object has a truthy `error`."""

    stream: Stream
    event: Event

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[ErrorEvent]:
        """Return the error events of all such streams."""
        return (cls(stream, event) for stream in DataStream.among(transcripts) for event in stream.errors)

    @property
    def transcript(self) -> Transcript:
        """Return the transcript."""
        return self.event.transcript

    @property
    def where(self) -> Where:
        """Return the place of the event."""
        return self.event.where


def _chunks(stream: Stream) -> list[Chunk]:
    events = (event for event in stream.events if isinstance(event.value, dict) and not event.error)
    named = (event for event in events if not CHUNK_KEYS.isdisjoint(event.value))
    return [Chunk(stream.transcript, event, number, event.value) for number, event in enumerate(named)]

"""Streams: 2xx answers that are server-sent events, and their events."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from conformance import sse
from conformance.json_text import JSONText, parse
from conformance.place import Where
from conformance.transcript import Transcript
from conformance.views.answer import Answer, endpoint_of, is_stream
from conformance.views.memo import once

NO_JSON = JSONText()
_HEARTBEAT = re.compile(r"""[\s:"']*(\{\s*\}|ping|pong|keep-?alive|heartbeat)[\s"']*""", re.IGNORECASE)
_MARKER_LIKE = re.compile(r"""[\s"']*\[?\s*done\s*\]?[\s"']*""", re.IGNORECASE)


@dataclass(eq=False, slots=True)
class Event:
    """One event of a stream that has data, whether or not a blank line completed it.

    `is_marker`: it is the end marker, or means to be; a misspelt one is judged as a marker, not as JSON. `text` is the
    data parsed as JSON, and `value` its value, None for a marker. `error` is the truthy top-level error that makes
    clients raise, else None.
    """

    transcript: Transcript
    raw: sse.Event
    data: str
    is_marker: bool = field(init=False)
    text: JSONText = field(init=False)
    value: Any = field(init=False)
    error: Any = field(init=False)

    def __post_init__(self) -> None:
        """Parse at once: every event is looked at by dozens of requirements."""
        self.is_marker = len(self.data) < 40 and _MARKER_LIKE.fullmatch(self.data) is not None
        self.text = NO_JSON if self.is_marker else parse(self.data)
        self.value = self.text.value
        self.error = (isinstance(self.value, dict) and self.value.get("error")) or None

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Event]:
        """Return the events of all streams."""
        return (event for stream in Stream.among(transcripts) for event in stream.events)

    @property
    def where(self) -> Where:
        """Return the event's number and bytes."""
        return Where(self.raw.index, self.raw.start, self.raw.stop)

    @property
    def is_utf_8(self) -> bool:
        """Tell whether its bytes could be decoded as they came."""
        try:
            b"".join(field.value for field in self.raw.fields).decode()
        except UnicodeDecodeError:
            return False
        return True

    @property
    def flaw(self) -> str:
        """Return in one word why the data is no JSON object, "" where it is one or the marker.

        The words exclude each other, so that one defect is one finding: `empty`, `prefixed`, `heartbeat`, `merged`
        (each line a JSON text of its own), `broken` (a raw line break inside), `cut`, `garbled`, `other` (not an
        object).
        """
        if self.is_marker or (self.value and type(self.value) is dict):
            return ""
        text = self.data.strip()
        if not text or text.startswith("data:"):
            return "prefixed" if text else "empty"
        if len(text) < 40 and _HEARTBEAT.fullmatch(text):
            return "heartbeat"
        if not self.text.error:
            return "" if isinstance(self.text.value, dict) else "other"
        lines = self.data.split("\n")
        if len(lines) > 1 and all(not parse(line).error or _MARKER_LIKE.fullmatch(line) for line in lines):
            return "merged"
        if len(self.raw.fields) > 1 and not parse(self._with_all_lines()).error:
            return "broken"
        return "garbled" if self.raw.complete else "cut"

    def _with_all_lines(self) -> str:
        """Return the data together with the lines of the block that have no prefix."""
        body = self.transcript.body()
        lines = (f.value if f.name == b"data" else body[f.start : f.stop] for f in self.raw.fields)
        return b"\n".join(lines).decode("utf-8", "replace")


class Stream(Answer):
    """A 2xx answer that is server-sent events."""

    @classmethod
    def _of(cls, transcript: Transcript) -> Self | None:
        ok = transcript.status is not None and 200 <= transcript.status < 300
        return cls(transcript) if ok and is_stream(transcript) and cls._fits(transcript) else None

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return "chunks" in transcript.knows

    @property
    def blocks(self) -> list[sse.Event]:
        """Return every block of fields, those without data too."""
        return self._parsed[0]

    @property
    def parser(self) -> sse.Parser:
        """Return the parser, which knows comments, line ends and a byte order mark."""
        return self._parsed[1]

    @property
    def _parsed(self) -> tuple[list[sse.Event], sse.Parser]:
        return once(self.transcript, sse.Parser, lambda transcript: sse.parse(transcript.body()))

    @cached_property
    def events(self) -> list[Event]:
        """Return the events with data, in order."""
        return once(self.transcript, Event, lambda transcript: _events(transcript, self.blocks))

    @cached_property
    def markers(self) -> list[Event]:
        """Return the end markers, misspelt ones included."""
        return [event for event in self.events if event.is_marker]

    @cached_property
    def errors(self) -> list[Event]:
        """Return the events that carry an error."""
        return [event for event in self.events if event.error]

    def at(self, offset: int) -> float:
        """Return when the byte at this offset arrived, in seconds after the request."""
        end = 0
        for read in self.transcript.reads:
            end += len(read.data)
            if offset < end:
                return read.at
        return self.transcript.reads[-1].at if self.transcript.reads else 0.0


class ByteStream(Stream):
    """A stream whose body bytes are known as sent."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return {"chunks", "bytes"} <= transcript.knows

    @cached_property
    def body(self) -> bytes:
        """Return the body."""
        return self.transcript.body()


class EndedStream(Stream):
    """A stream that came to the end of its body without an error event: what is not there was not sent."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        if not {"chunks", "ending"} <= transcript.knows or transcript.ending.kind != "eof":
            return False
        return not next(iter(Stream.among([transcript]))).errors


class EndedByteStream(ByteStream):
    """A stream whose bytes are known to the end of its body, without an error event."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return ByteStream._fits(transcript) and EndedStream._fits(transcript)


class StreamHead(Stream):
    """The head of a stream; a header that is not listed proves nothing."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return not transcript.knows.isdisjoint({"headers", "head"})


class CompleteStreamHead(Stream):
    """The whole head of a stream, so that absence is a fact."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return "head" in transcript.knows


class FramedStream(Stream):
    """A stream whose message framing is known as sent."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return "framing" in transcript.knows


class DataStream(Stream):
    """A stream of an endpoint that sends nothing but data and the marker: chat and legacy completions."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        name = endpoint_of(transcript)
        return name in ("chat", "completions") and Stream._fits(transcript)


class MarkedStream(DataStream):
    """Such a stream with an end marker."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return DataStream._fits(transcript) and bool(next(iter(Stream.among([transcript]))).markers)


class TimedMarkedStream(MarkedStream):
    """A stream with an end marker, whose end and times are known and which we did not leave."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        known = {"ending", "times"} <= transcript.knows and transcript.ending.kind != "cancelled"
        return known and MarkedStream._fits(transcript)


class WholeStream(DataStream):
    """Such a stream that came to the end of its body without an error event."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return DataStream._fits(transcript) and EndedStream._fits(transcript)


def _events(transcript: Transcript, blocks: list[sse.Event]) -> list[Event]:
    return [Event(transcript, block, block.data) for block in blocks if block.data is not None]

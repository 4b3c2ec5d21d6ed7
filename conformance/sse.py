"""Server-sent events, read the way the WHATWG standard says and reported the way they came.

The parser never repairs: it keeps byte offsets, incomplete blocks, unknown fields, comments and line ends, so that a
requirement can point at them. https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

BOM = b"\xef\xbb\xbf"
KNOWN_FIELDS = frozenset({b"data", b"event", b"id", b"retry"})


class Field(NamedTuple):
    """One line of a block. Offsets are those of the line in the body, without its line end.

    `gap` is the number of blanks after the colon that belong to the framing (0 or 1), -1 where there is no colon.
    """

    name: bytes
    value: bytes
    start: int
    stop: int
    gap: int


class Comment(NamedTuple):
    """A line that begins with a colon."""

    text: bytes
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Event:
    """A block of fields. The standard dispatches it only if it is `complete` and has data.

    `start` and `stop` enclose the fields, without the blank line; `dispatched_at` is the offset of the byte that made
    the block complete. `last_event_id` is sticky over the stream, as the standard has it.
    """

    index: int
    fields: tuple[Field, ...]
    complete: bool
    dispatched_at: int
    last_event_id: str = ""

    @property
    def start(self) -> int:
        """Return the offset of the first byte."""
        return self.fields[0].start

    @property
    def stop(self) -> int:
        """Return the offset after the last byte of the last field."""
        return self.fields[-1].stop

    @property
    def data(self) -> str | None:
        """Return the data lines joined by line feeds, None where there are none; bad UTF-8 becomes U+FFFD."""
        if len(self.fields) == 1:  # nearly always
            name, value, *_ = self.fields[0]
            return value.decode("utf-8", "replace") if name == b"data" else None
        lines = [field.value for field in self.fields if field.name == b"data"]
        return b"\n".join(lines).decode("utf-8", "replace") if lines else None

    @property
    def name(self) -> str | None:
        """Return the event name, None where there is no `event` field."""
        return self._last(b"event")

    @property
    def retry(self) -> int | None:
        """Return the reconnection time in milliseconds, None unless it consists of ASCII digits."""
        value = self._last(b"retry")
        return int(value) if value and len(value) < 20 and value.isascii() and value.isdigit() else None

    def _last(self, name: bytes) -> str | None:
        values = [field.value for field in self.fields if field.name == name]
        return values[-1].decode("utf-8", "replace") if values else None


@dataclass
class Parser:
    """Feed it bytes as they come, close it at the end; both give the events completed by then.

    How the bytes are cut makes no difference. Memory: the event in hand; `comments` and `line_ends` grow with what
    they list. `line_ends` maps each kind seen to the offset of its first use.
    """

    bom: bool = False
    comments: list[Comment] = field(default_factory=list)
    line_ends: dict[bytes, int] = field(default_factory=dict)
    _buffer: bytearray = field(default_factory=bytearray)
    _offset: int = 0  # of the buffer in the body
    _scanned: int = 0  # bytes of the buffer known to hold no line end
    _fields: list[Field] = field(default_factory=list)
    _count: int = 0
    _last_event_id: str = ""

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes of the body."""
        self._buffer += data
        if self._offset == 0 and not self.bom and self._strip_bom() is None:
            return []
        return list(self._events(final=False))

    def close(self) -> list[Event]:
        """Take the end of the body; the last event may be incomplete."""
        self._offset = self._offset or self._strip_bom() or 0
        events = list(self._events(final=True))
        if self._buffer:  # a line without its end
            self._take(bytes(self._buffer), self._offset)
            self._buffer.clear()
        if self._fields:
            last = self._fields[-1]
            events.append(self._event(complete=False, at=max(last.start, last.stop - 1)))
        return events

    def _strip_bom(self) -> int | None:
        """Remove the mark at the start of the body; None while it cannot be told whether there is one."""
        if len(self._buffer) < len(BOM) and BOM.startswith(bytes(self._buffer)):
            return None
        if self._buffer.startswith(BOM):
            self.bom = True
            del self._buffer[: len(BOM)]
            self._offset = len(BOM)
        return self._offset

    def _events(self, *, final: bool) -> Iterator[Event]:
        buffer, start = self._buffer, 0
        lf, cr = buffer.find(b"\n", self._scanned), buffer.find(b"\r", self._scanned)
        while lf >= 0 or cr >= 0:
            if cr >= 0 and (lf < 0 or cr < lf):
                if cr + 1 == len(buffer) and not final:
                    break  # a line feed may follow
                stop, end = cr, b"\r\n" if lf == cr + 1 else b"\r"
            else:
                stop, end = lf, b"\n"
            if end not in self.line_ends:
                self.line_ends[end] = self._offset + stop
            if stop > start:
                self._take(bytes(buffer[start:stop]), self._offset + start)
            elif self._fields:
                yield self._event(complete=True, at=self._offset + stop)
            start = stop + len(end)
            if 0 <= lf < start:
                lf = buffer.find(b"\n", start)
            if 0 <= cr < start:
                cr = buffer.find(b"\r", start)
        del buffer[:start]
        self._offset += start
        self._scanned = max(0, len(buffer) - 1)

    def _take(self, line: bytes, start: int) -> None:
        stop = start + len(line)
        name, colon, value = line.partition(b":")
        if not colon:
            self._fields.append(Field(line, b"", start, stop, -1))
        elif not name:
            self.comments.append(Comment(value, start, stop))
        else:
            gap = int(value.startswith(b" "))
            self._fields.append(Field(name, value[gap:], start, stop, gap))

    def _event(self, *, complete: bool, at: int) -> Event:
        for part in self._fields:
            if part.name == b"id" and b"\0" not in part.value and complete:
                self._last_event_id = part.value.decode("utf-8", "replace")
        event = Event(self._count, tuple(self._fields), complete, at, self._last_event_id)
        self._count += 1
        self._fields.clear()
        return event


def parse(body: bytes) -> tuple[list[Event], Parser]:
    """Read a whole body; the parser that did it knows its comments and line ends."""
    parser = Parser()
    return parser.feed(body) + parser.close(), parser

"""The bytes around a place, cut to a size that a reader takes in, with the place itself kept apart."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from conformance.report.escape import characters, visible_bytes

COLUMNS = 84  # of wire text in a line of the terminal


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Bytes around a spot. `start` is the offset of the first byte; `omitted` bytes of a long spot are left out."""

    start: int
    before: bytes
    spot: bytes
    omitted: int
    after: bytes

    def to_json(self) -> dict[str, Any]:
        """Return the part of report.json, with all that does not print spelled out."""
        pieces = {name: visible_bytes(getattr(self, name)) for name in ("before", "spot", "after")}
        return {"start": self.start} | pieces | {"omitted": self.omitted}

    def lines(self, columns: int = COLUMNS) -> Iterator[str]:
        """Yield lines for a terminal: offset, text, and a line of carets under what is marked."""
        row = _Row(self.start)
        offset = self.start
        for data, marked in ((self.before, False), (self.spot, True), (self.after, False)):
            for shown, size in characters(data):
                if row.width and row.width + _width(shown) > columns:
                    yield from row.lines()
                    row = _Row(offset)
                row = row.plus(shown, "^" if marked else " ")
                offset += size
                if shown == "<LF>":
                    yield from row.lines()
                    row = _Row(offset)
            if marked and self.omitted:
                yield from row.lines()
                yield f"{'...':>8} | ({self.omitted:,} more bytes)"
                offset += self.omitted
                row = _Row(offset)
            if marked and not data:
                row = row.plus("", "^")
        yield from row.lines()


def cut(body: bytes, start: int, stop: int, *, around: int = 60, longest: int = 160) -> Excerpt:
    """Cut out a range and `around` bytes on either side; of a range above `longest` the end is left out."""
    start = min(max(start, 0), len(body))
    stop = min(max(stop, start), len(body))
    shown = stop if stop - start <= longest else _boundary(body, start + longest)
    omitted = stop - shown
    first = _boundary(body, max(0, start - around))
    after = b"" if omitted else body[stop : _boundary(body, min(len(body), stop + around))]
    return Excerpt(first, body[first:start], body[start:shown], omitted, after)


@dataclass(frozen=True, slots=True)
class _Row:
    offset: int
    text: str = ""
    marks: str = ""
    width: int = 0

    def plus(self, shown: str, mark: str) -> _Row:
        width = _width(shown)
        return _Row(self.offset, self.text + shown, self.marks + mark * max(width, not shown), self.width + width)

    def lines(self) -> Iterator[str]:
        if self.text or self.marks.strip():
            yield f"{self.offset:>8} | {self.text}".rstrip()
        if self.marks.strip():
            yield f"{'':>8} | {self.marks.rstrip()}"


def _width(text: str) -> int:
    """Return how many columns a terminal takes for a text."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _boundary(body: bytes, at: int) -> int:
    """Return the offset, moved back to where a UTF-8 character begins if it stands within one."""
    for back in range(min(at, 4)):
        if at == len(body) or body[at - back] & 0xC0 != 0x80:
            return at - back
    return at

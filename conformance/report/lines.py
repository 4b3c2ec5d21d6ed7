"""A body as the lines of a page: event by event, every byte in its place, findings marked where they stand."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from conformance.report.document import is_stream
from conformance.report.escape import visible_bytes
from conformance.sse import parse
from conformance.transcript import Transcript

MOST_EVENTS = 200  # of one transcript
MOST_OF_EVENT, MOST_OF_BODY = 700, 6_000  # bytes shown
LEAST_SAME = 40  # bytes that two events must share before that is shown
OVERHEAD = 190  # bytes that an event costs beside its text


Kind = Literal["plain", "same", "mark"]


@dataclass(frozen=True)
class Line:
    """An event with all bytes since the one before, or a gap of `skipped` events that are not shown.

    Of the pieces of its text, `same` is what the event before has too, and `mark` is what a finding points at.
    """

    number: int | None = None
    offset: int = 0
    at: float | None = None
    pieces: tuple[tuple[str, Kind], ...] = ()
    left_out: int = 0
    requirements: tuple[str, ...] = ()
    skipped: int = 0


@dataclass(frozen=True)
class Spot:
    """A range of the body, and the requirement that points at it."""

    start: int
    stop: int
    requirement: str


@dataclass(frozen=True)
class Clock:
    """When each byte of a body came; `times` is empty where that is not known."""

    times: tuple[float, ...]
    ends: tuple[int, ...]

    def at(self, offset: int) -> float | None:
        """Return the time at which a byte came."""
        return self.times[min(bisect_right(self.ends, offset), len(self.times) - 1)] if self.times else None


@dataclass(frozen=True, slots=True)
class _Region:
    """Bytes of the body that belong to one event; None: what comes after the last, or a body that is no stream."""

    number: int | None
    start: int
    stop: int


def clock(transcript: Transcript) -> Clock:
    """Return the times of a transcript's bytes."""
    if "times" not in transcript.knows:
        return Clock((), ())
    reads = transcript.reads
    return Clock(tuple(read.at for read in reads), tuple(accumulate(len(read.data) for read in reads)))


def lines(transcript: Transcript, spots: Sequence[Spot], *, budget: int) -> tuple[list[Line], int]:
    """Return lines for about as many bytes as the budget allows, and what they cost."""
    body, times, stream = transcript.body(), clock(transcript), is_stream(transcript)
    regions = list(_regions(body)) if stream else [_Region(None, 0, len(body))] if body else []
    most = MOST_OF_EVENT if stream else MOST_OF_BODY
    starts, found = [region.start for region in regions], dict[int, list[Spot]]()
    for spot in spots if regions else ():
        found.setdefault(max(0, bisect_right(starts, spot.start) - 1), []).append(spot)
    chosen, used = _choose(regions, found, budget, most)
    shown, before = list[Line](), -1
    for index in [*chosen, len(regions)]:
        if index > before + 1:
            shown.append(Line(skipped=index - before - 1))
        if index < len(regions):
            same = _same(body, regions[index - 1], regions[index]) if index else (0, 0)
            shown.append(_line(body, regions[index], found.get(index, ()), times, most, same))
        before = index
    return shown, used


def _regions(body: bytes) -> Iterator[_Region]:
    """Cut a stream so that every byte belongs to an event, the comments before it included."""
    start = 0
    for event in parse(body)[0]:
        stop = event.dispatched_at + 1
        if body[stop - 1 : stop + 1] == b"\r\n":
            stop += 1
        yield _Region(event.index, start, stop)
        start = stop
    if start < len(body):
        yield _Region(None, start, len(body))


def _choose(regions: Sequence[_Region], found: Mapping[int, object], budget: int, most: int) -> tuple[list[int], int]:
    """Choose what is shown: findings and what stands beside them, the end, then all from the beginning."""
    count = len(regions)
    near = [index + step for index in sorted(found) for step in (0, -1, 1)]
    wanted = dict.fromkeys([*near[: MOST_EVENTS // 2], *range(count - 3, count), *range(min(count, MOST_EVENTS))])
    chosen, used = list[int](), 0
    for index in wanted:
        if 0 <= index < count and len(chosen) < MOST_EVENTS:
            cost = OVERHEAD + min(most, regions[index].stop - regions[index].start)
            if chosen and used + cost > budget:
                break
            chosen.append(index)
            used += cost
    return sorted(chosen), used


def _same(body: bytes, before: _Region, region: _Region) -> tuple[int, int]:
    """Return how many bytes at the beginning and at the end of an event are those of the one before."""
    last = body[before.start : before.stop][:MOST_OF_EVENT]
    this = body[region.start : region.stop][:MOST_OF_EVENT]
    if len(body[region.start : region.stop]) != len(this) or len(last) != before.stop - before.start:
        return 0, 0
    head, tail = _common(last, this), _common(last[::-1], this[::-1])
    # Whole values are told apart, not their letters: what is shared ends at a mark of JSON.
    head = max(this[:head].rfind(mark) for mark in b"{[:,") + 1
    tail = min(tail, len(this) - head, len(last) - head)
    tail -= min((at for mark in b'"}],\n' if (at := this[len(this) - tail :].find(mark)) >= 0), default=tail)
    return (head, tail) if head + tail >= LEAST_SAME and head < len(this) else (0, 0)


def _common(one: bytes, other: bytes) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def _line(body: bytes, region: _Region, spots: Sequence[Spot], times: Clock, most: int, same: tuple[int, int]) -> Line:
    stop = min(region.stop, region.start + most)
    inner = range(region.start + same[0], stop - same[1])
    return Line(
        number=region.number,
        offset=region.start,
        at=times.at(region.stop - 1),
        pieces=tuple(_pieces(body, region.start, stop, spots, inner)),
        left_out=region.stop - stop,
        requirements=tuple(dict.fromkeys(spot.requirement for spot in spots)),
    )


def _pieces(body: bytes, start: int, stop: int, spots: Iterable[Spot], inner: range) -> Iterator[tuple[str, Kind]]:
    """Yield the text between two offsets in pieces; of spots that overlap the first counts."""
    at = start
    for spot in sorted(spots, key=lambda spot: (spot.start, -spot.stop)):
        first, last = max(spot.start, at), min(spot.stop, stop)
        if first < last:
            yield from _unmarked(body, at, first, inner)
            yield visible_bytes(body[first:last]), "mark"
            at = last
    yield from _unmarked(body, at, stop, inner)


def _unmarked(body: bytes, start: int, stop: int, inner: range) -> Iterator[tuple[str, Kind]]:
    cuts: list[tuple[int, int, Kind]] = [
        (start, min(stop, inner.start), "same"),
        (max(start, inner.start), min(stop, inner.stop), "plain"),
        (max(start, inner.stop), stop, "same"),
    ]
    yield from ((visible_bytes(body[first:last]), kind) for first, last, kind in cuts if first < last)

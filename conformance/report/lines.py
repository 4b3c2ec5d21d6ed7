"""A body as the lines of a page: event by event, every byte in its place, findings marked where they stand."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from conformance.report.document import is_stream
from conformance.report.escape import visible_bytes
from conformance.sse import parse
from conformance.transcript import Transcript

MOST_EVENTS = 200  # of one transcript
MOST_OF_EVENT, MOST_OF_BODY = 700, 6_000  # bytes shown
OVERHEAD = 170  # bytes that an event costs beside its text


@dataclass(frozen=True)
class Line:
    """An event with all bytes since the one before, or a gap of `skipped` events that are not shown."""

    number: int | None = None
    offset: int = 0
    at: float | None = None
    pieces: tuple[tuple[str, bool], ...] = ()
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
            shown.append(_line(body, regions[index], found.get(index, ()), times, most))
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


def _line(body: bytes, region: _Region, spots: Sequence[Spot], times: Clock, most: int) -> Line:
    stop = min(region.stop, region.start + most)
    return Line(
        number=region.number,
        offset=region.start,
        at=times.at(region.stop - 1),
        pieces=tuple(_pieces(body, region.start, stop, spots)),
        left_out=region.stop - stop,
        requirements=tuple(dict.fromkeys(spot.requirement for spot in spots)),
    )


def _pieces(body: bytes, start: int, stop: int, spots: Iterable[Spot]) -> Iterator[tuple[str, bool]]:
    """Yield the text between two offsets in pieces, each marked or not; of spots that overlap the first counts."""
    at = start
    for spot in sorted(spots, key=lambda spot: (spot.start, -spot.stop)):
        first, last = max(spot.start, at), min(spot.stop, stop)
        if first < last:
            if at < first:
                yield visible_bytes(body[at:first]), False
            yield visible_bytes(body[first:last]), True
            at = last
    if at < stop:
        yield visible_bytes(body[at:stop]), False

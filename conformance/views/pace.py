"""When things arrived: streams whose times are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Self

from conformance.transcript import Transcript
from conformance.views.choice import Choice, Part
from conformance.views.run import Twins
from conformance.views.stream import DataStream, Stream

MANY = 50  # pieces of text: fewer say nothing about a pace
LONG = 2.0  # seconds: what is faster needs no pace


class TimedStream(Stream):
    """A stream whose times are known, with at least one byte."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return {"chunks", "times"} <= transcript.knows and bool(transcript.reads)

    @cached_property
    def longest(self) -> tuple[float, float]:
        """Return the longest silence between two reads, and when it began."""
        times = [read.at for read in self.transcript.reads]
        return max(((after - before, before) for before, after in pairwise(times)), default=(0.0, times[0]))

    @property
    def first(self) -> float:
        """Return when the first byte came."""
        return self.transcript.reads[0].at


class OpenStream(DataStream):
    """A chat or completion stream that we had to give up on, or that ended, and whose times are known."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        known = {"ending", "times"} <= transcript.knows and transcript.ending.kind in ("eof", "timeout")
        return known and DataStream._fits(transcript)

    @property
    def silence(self) -> float:
        """Return for how long nothing had come when we gave up, 0 where it ended."""
        ending, reads = self.transcript.ending, self.transcript.reads
        return (ending.at or 0.0) - (reads[-1].at if reads else 0.0) if ending.kind == "timeout" else 0.0


class FailedStream(OpenStream):
    """Such a stream with an error event."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return OpenStream._fits(transcript) and bool(next(iter(Stream.among([transcript]))).errors)


@dataclass(eq=False)
class Paced(Choice):
    """The only choice of a stream whose times are known, with many pieces of text and an end."""

    def _fits(self) -> bool:
        timed = "times" in self.transcript.knows and self.transcript.ending.kind == "eof" and self.stream.n < 2
        return timed and sum(bool(part.content) for part in self.parts) >= MANY

    @cached_property
    def spoken(self) -> list[Part]:
        """Return the parts with text."""
        return [part for part in self.parts if part.content]

    @cached_property
    def times(self) -> list[float]:
        """Return when each piece of text came."""
        return [self.stream.stream.at(part.chunk.event.raw.dispatched_at) for part in self.spoken]

    @cached_property
    def held_back(self) -> bool:
        """Tell whether all text came at once, after a long silence."""
        first, last = self.times[0], self.times[-1]
        return last >= LONG and last - first < last / 20 and len(set(self.times)) <= 3

    @cached_property
    def burst(self) -> float:
        """Return the share of the pieces that came together, most of all."""
        return max(self.times.count(at) for at in set(self.times)) / len(self.times)

    @cached_property
    def gaps(self) -> list[float]:
        """Return the silences between the pieces."""
        return [after - before for before, after in pairwise(self.times)]

    @cached_property
    def tail(self) -> float:
        """Return how long after the last piece the last byte came."""
        return self.transcript.reads[-1].at - self.times[-1]


class Spread(Paced):
    """Such a choice whose text took a while, and was not held back as a whole."""

    def _fits(self) -> bool:
        return super()._fits() and not self.held_back and self.times[-1] - self.times[0] >= LONG


@dataclass(eq=False)
class TimedTwins(Twins):
    """The same request, streamed and whole, with the times of both."""

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Self]:
        """Return the pairs with text whose times are known."""
        for twins in super().among(transcripts):
            both = twins.transcript, twins.whole.transcript
            if all("times" in t.knows and t.reads for t in both) and next(iter(twins.streamed.values())).text:
                yield twins

    @property
    def first(self) -> float:
        """Return when the first text of the stream came."""
        choice = next(iter(self.streamed.values()))
        part = next(part for part in choice.parts if part.content)
        return choice.stream.stream.at(part.chunk.event.raw.dispatched_at)

    @property
    def total(self) -> float:
        """Return when the whole answer was there."""
        return self.whole.transcript.reads[-1].at

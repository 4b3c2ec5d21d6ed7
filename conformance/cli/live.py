"""Standard input shown as it comes: events with their times, and at once what a single event breaks."""

from __future__ import annotations

import io
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO, TextIO

from conformance import shapes, sse
from conformance.cli.single import Key, judge_event, key, singles
from conformance.cli.words import paragraphs
from conformance.exchange import LIMIT, Exchange, Source, from_bytes
from conformance.profile import Profile
from conformance.reading import Batch, Item, Trouble, curl, read_stream
from conformance.reading.rows import TOO_LONG
from conformance.report.escape import visible
from conformance.requirement import Requirement
from conformance.transcript import Ending, Read
from conformance.views.answer import is_stream

FIRST, LAST = 24, 92  # characters of an event that are shown: what is new in a chunk stands at its end
MOST = 10_000  # events that are shown; nobody reads more
STEP = 1 << 16
NAME = "stdin"


def follow(
    file: BinaryIO,
    out: TextIO,
    profile: Profile,
    requirements: Iterable[Requirement],
    default_endpoint: str,
    told: set[Key],
) -> Iterator[Item]:
    """Show a stream while it comes, then yield it to be judged as a whole; of anything else yield what it is.

    What was said of an event at once is added to `told`, so that it need not be said again. An interrupt ends the
    input, and nothing is concluded from the end.
    """
    follower = _Follower(out, profile, singles(requirements), default_endpoint, told)
    start, interrupted = b"", False
    try:
        while (streamed := _begins(start)) is None:
            data = _peek(file) if not start else b""
            if data and _begins(data) is False:
                yield from read_stream(file, NAME, default_endpoint)
                return
            if not (data := _some(file)):
                break
            start += data
        if not streamed:
            rest = start + (file.read(LIMIT) if start else b"")
            yield from read_stream(io.BytesIO(rest), NAME, default_endpoint)
            return
        follower.take(start)
        while follower.size <= LIMIT and (data := _some(file)):
            follower.take(data)
    except KeyboardInterrupt:
        interrupted = True
    yield from follower.finish("open" if interrupted else "eof")


def _some(file: BinaryIO) -> bytes:
    """Return what has come by now, at least a byte; nothing at the end."""
    return file.read1(STEP) if isinstance(file, io.BufferedReader) else file.read(STEP)


def _peek(file: BinaryIO) -> bytes:
    return file.peek(STEP) if isinstance(file, io.BufferedReader) else b""


def _begins(start: bytes) -> bool | None:
    """Tell whether this is the beginning of a stream or of a head; None while that can't be told."""
    text = start.removeprefix(sse.BOM).lstrip()
    if shapes.looks_like_events(start):
        return True
    if text.startswith(b"HTTP/"):
        head = curl.final_head(start)
        settled = head is not None and head.stop < len(start) and not b"HTTP/".startswith(start[head.stop :][:5])
        return True if settled else None
    return None if len(text) < 8 and b"\n" not in text else False


@dataclass
class _Follower:
    """What came so far of one answer."""

    out: TextIO
    profile: Profile
    requirements: list[Requirement]
    endpoint: str
    told: set[Key]
    size: int = 0
    _started: float = field(default_factory=time.monotonic)
    _head: curl.Head | None = None
    _body: bytearray = field(default_factory=bytearray)
    _reads: list[Read] = field(default_factory=list)
    _parser: sse.Parser | None = None
    _shown: int = 0

    def take(self, data: bytes) -> None:
        """Take the next bytes, show the events that they complete, and what these break."""
        at = time.monotonic() - self._started
        self.size += len(data)
        if not self._reads and curl.begins_with_head(data) and (head := curl.final_head(data)):
            self._head, data = head, data[head.stop :]
            self.out.write(f"status {head.status}\n")
        if not self._reads:
            self._parser = sse.Parser() if self._streams(data) else None
        self._reads.append(Read(at, data))
        self._body += data
        for event in self._parser.feed(data) if self._parser else ():
            self._show(event, at)
        self.out.flush()

    def finish(self, ending: str) -> Iterator[Item]:
        """Yield the answer as a whole."""
        at = time.monotonic() - self._started
        if self.size > LIMIT:
            yield Trouble(NAME, TOO_LONG)
            return
        head = self._head
        transcript = from_bytes(
            bytes(self._body),
            status=head.status if head else None,
            headers=head.headers if head else (),
            default_endpoint=self.endpoint,
            stream=self._parser is not None,
        )
        kind = "interrupted" if ending == "open" else "end of input"
        self.out.write(f"{'':>5} +{at:8.3f} s  {kind}\n\n")
        if ending == "open":
            transcript = replace(transcript, ending=Ending("open"))
        offset = 0 if head is None else head.stop
        yield Batch((Exchange(NAME, replace(transcript, reads=tuple(self._reads)), Source(NAME, offset=offset)),))

    def _streams(self, body: bytes) -> bool:
        head = self._head
        if head is None:
            return True
        return 200 <= head.status < 300 and is_stream(from_bytes(body, status=head.status, headers=head.headers))

    def _show(self, event: sse.Event, at: float) -> None:
        self._shown += 1
        if event.data is None or self._shown > MOST:
            if self._shown == MOST + 1:
                self.out.write("  ... further events are judged at the end\n")
            return
        if not self.endpoint and (name := shapes.one_event(event.data)) != shapes.UNKNOWN:
            self.endpoint = name
        short = len(event.data) <= FIRST + LAST + 3
        shown = event.data if short else f"{event.data[:FIRST]}...{event.data[-LAST:]}"
        self.out.write(f"{event.index:>5} +{at:8.3f} s  {visible(shown)}\n")
        raw = bytes(self._body[event.start : event.dispatched_at + 1])
        findings = judge_event(raw, event, self.requirements, self.profile, self.endpoint)
        for line in paragraphs(findings, excerpts=False):
            self.out.write(f"{line}\n")
        self.told.update(key(finding) for finding in findings)

"""Target x probe -> transcript, over httpx: whatever a server does ends as a transcript, in bounded time and memory."""

from __future__ import annotations

import asyncio
import json
import math
import os
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any, cast

import httpx

from conformance import __version__
from conformance.coding import decoded
from conformance.negotiation import Negotiation
from conformance.probe import Probe
from conformance.redact import Redactor, shortened
from conformance.target import Target, TargetError
from conformance.transcript import (
    EVERY_FACET,
    SECRET_HEADERS,
    ClientEvent,
    Ending,
    EndingKind,
    Read,
    Request,
    Transcript,
)

BUSY = (408, 429, 503)
FAILED = (500, 502, 504, *range(520, 530))  # a passing fault, as every server has one in some thousand answers
HANG = 90.0  # seconds: what is silent for as long is no slow model any more
GONE = 3  # refused connections, or answers that never began, in a row: then the server is taken for dead
NO_CONNECTION = "no connection"
NO_ANSWER = "no answer"
PER_READ = 128  # bytes that a read takes beside its data, so that an endless stream of single bytes is bounded too


@dataclass(frozen=True)
class Limits:
    """Deadlines in seconds, and bounds. `first` is the wait for the status line, `idle` for each further byte.

    `hang`, where it is longer than `idle`, is the wait for a further byte until an answer has once been given up on: a
    server that is only slow goes on after all, and one that hangs shows it once.
    """

    connect: float = 10.0
    first: float = 60.0
    idle: float = 30.0
    hang: float = 0.0
    total: float = 120.0
    size: int = 64 << 20
    retries: int = 2  # of a server that is busy; one that fails is asked again once
    patience: float = 20.0  # the longest Retry-After that is waited for
    requests: int | None = None
    at_once: int = 4


Sink = Callable[[Transcript], None]


@dataclass
class Recorder:
    """Sends probes to one target. `requests` counts what was sent; `sink` is given each transcript as it ends."""

    target: Target
    limits: Limits = Limits()
    sink: Sink = lambda transcript: None
    requests: int = 0
    _negotiation: Negotiation = field(default_factory=Negotiation)
    _running: dict[str, _Exchange] = field(default_factory=dict)
    _silent: int = 0  # answers in a row that never began
    _reason: str = ""  # what the last of them said
    _hung: bool = False  # an answer that had begun was given up on

    def __post_init__(self) -> None:
        """Prepare what removes secrets."""
        self._redactor = Redactor(self.target.secrets)

    async def record(self, probes: Iterable[Probe]) -> list[Transcript]:
        """Return a transcript for each probe, in their order; the first goes alone, the others several at once."""
        probes = list(probes)
        found: list[Transcript] = []
        gate = asyncio.Semaphore(self.limits.at_once)
        async with self._transport() as transport:

            async def one(probe: Probe) -> Transcript:
                async with gate:
                    transcript = await self._persistently(transport, probe)
                self.sink(transcript)
                return transcript

            found += [await one(probe) for probe in probes[:1]]
            tasks = [asyncio.create_task(one(probe)) for probe in probes[1:]]
            try:
                found += await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        return found

    def lost(self, probe: Probe, detail: str) -> Transcript:
        """Return the transcript of a probe that was never sent."""
        return self._blank(probe, Ending("cancelled", detail=detail))

    def cut_short(self, probe: Probe, detail: str) -> Transcript:
        """Return what has come by now of an answer that nobody waits for any more."""
        exchange = self._running.get(probe.name)
        return self._kept(exchange.so_far("open", detail), []) if exchange else self.lost(probe, detail)

    @asynccontextmanager
    async def _transport(self) -> AsyncIterator[httpx.AsyncHTTPTransport]:
        """Open a bare transport: no redirects, no cookies, nothing from the environment, a connection a request."""
        ca, proxy = self.target.ca, self.target.proxy
        try:
            verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=ca) if ca else True
        except OSError as error:
            raise TargetError(f"--target-ca={ca}: no readable certificates ({error})") from None
        try:
            transport = httpx.AsyncHTTPTransport(
                verify=verify,
                proxy=httpx.Proxy(proxy) if proxy else None,
                trust_env=False,
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            )
        except (ValueError, httpx.InvalidURL, ImportError) as error:
            raise TargetError(f"--target-proxy cannot be used: {type(error).__name__}") from None
        async with transport:
            yield transport

    async def _persistently(self, transport: httpx.AsyncHTTPTransport, probe: Probe) -> Transcript:
        """Ask again where the server is busy for a while, or refuses a parameter that can be left out."""
        notes: list[str] = []
        tries = 0
        while True:
            if self._silent >= GONE:
                return self.lost(probe, f"not sent: the server is gone ({self._reason})")
            if self.limits.requests is not None and self.requests >= self.limits.requests:
                return self.lost(probe, f"not sent: --conformance-max-requests={self.limits.requests} is reached")
            transcript = await self._once(transport, probe)
            self._watch(transcript)
            if probe.key:  # who tries a wrong key over and over is locked out
                return self._kept(transcript, ["sent with a wrong key in place of the target's"])
            wait = _wait(transcript, tries)
            most = self.limits.retries if transcript.status in BUSY else 1
            if wait is not None and tries < most and wait <= self.limits.patience:
                tries += 1
                notes.append(f"asked again after {wait:g} s: status {transcript.status}")
                await asyncio.sleep(wait)
            elif probe.literal or not self._negotiation.learn(transcript) or len(notes) > 5:
                changed = probe.json and not probe.literal
                return self._kept(transcript, [*notes, *(self._negotiation.notes if changed else ())])
            else:
                notes.append(f"asked again with other parameters: status {transcript.status}")

    async def _once(self, transport: httpx.AsyncHTTPTransport, probe: Probe) -> Transcript:
        """Send one request and listen to its answer."""
        idle = self.limits.idle if self._hung else max(self.limits.idle, self.limits.hang)
        limits = replace(self.limits, idle=idle)
        exchange = _Exchange(self._blank(probe, Ending("eof")), limits, probe.cancel_after)
        self.requests += 1
        self._running[probe.name] = exchange
        transcript = await exchange.run(transport, self._outgoing(exchange.blank.request, probe))
        self._running.pop(probe.name, None)
        return transcript

    def _blank(self, probe: Probe, ending: Ending) -> Transcript:
        extra = self.target.body if probe.method == "POST" else None
        request = probe.request(model=self.target.model, prefix=self.target.prefix, extra=extra)
        if request.json is not None and not probe.literal:
            request = replace(request, json=self._negotiation.apply(request.json))
        headers = [("User-Agent", f"openai-conformance/{__version__}")]
        headers += [("Accept", "text/event-stream" if probe.wants_stream else "application/json")]
        if probe.method == "POST":
            headers.append(("Content-Type", "application/json"))
        headers.append(("Accept-Encoding", "identity"))
        if probe.key:
            headers += self.target.with_key(probe.key).keys
        own = {name.lower() for name, _ in request.headers}
        headers = [*(each for each in headers if each[0].lower() not in own), *request.headers]
        return Transcript(
            request=replace(request, headers=tuple(headers)),
            ending=ending,
            probe=probe.name,
            group=probe.group,
            endpoint=probe.endpoint,
            knows=EVERY_FACET,
        )

    def _outgoing(self, request: Request, probe: Probe) -> httpx.Request:
        """Return the request as it goes out: the recorded one, and the secrets on top."""
        target = self.target.with_key(probe.key) if probe.key else self.target
        headers = {name.lower(): (name, value) for name, value in (*request.headers, *target.headers)}
        text = json.dumps(request.json, ensure_ascii=False) if request.text is None else request.text
        try:
            return httpx.Request(
                request.method,
                self.target.address(request.path),
                headers=list(headers.values()),
                content=text.encode("utf-8", "surrogateescape") if request.method == "POST" else None,
                extensions={"timeout": {"connect": self.limits.connect, "write": self.limits.idle}},
            )
        except httpx.InvalidURL as error:
            raise TargetError(f"--target-url is no URL: {error}") from None

    def _kept(self, transcript: Transcript, notes: list[str]) -> Transcript:
        request = transcript.request
        own = tuple((name, "***") for name, _ in self.target.headers if name.lower() not in SECRET_HEADERS)
        shown = {name.lower(): (name, value) for name, value in (*request.headers, *own)}
        request = replace(request, path=request.path + self.target.shown_query, headers=tuple(shown.values()))
        request = replace(request, json=shortened(request.json))
        transcript = replace(transcript, request=request, notes=(*transcript.notes, *notes))
        return self._redactor.transcript(decoded(transcript, self.limits.size))

    def _watch(self, transcript: Transcript) -> None:
        """Count answers that never began, so that a dead server doesn't cost a deadline for each probe left."""
        detail = transcript.ending.detail
        if transcript.status is not None:
            self._silent = 0
            self._hung |= transcript.ending.kind == "timeout"
        elif detail.startswith((NO_CONNECTION, NO_ANSWER)):
            self._silent += 1
            self._reason = self._redactor.text(detail)


@dataclass
class _Exchange:
    """One request and what comes back, on one clock."""

    blank: Transcript
    limits: Limits
    cancel_after: int | None
    reads: list[Read] = field(default_factory=list)
    events: list[ClientEvent] = field(default_factory=list)
    head: dict[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    async def run(self, transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> Transcript:
        """Send the request and return the transcript."""
        limits = self.limits
        try:
            # A connection has deadlines of its own, for TCP and for TLS: cut short from here, it would leak its socket.
            async with asyncio.timeout(2 * limits.connect + limits.idle + 1) as deadline:
                request.extensions["trace"] = _Clock(self, deadline).trace
                response = await transport.handle_async_request(request)
            pairs = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw)
            self.head = {
                "status": response.status_code,
                "headers": tuple(pairs),
                "http_version": response.http_version,
            }
            try:
                return await self._listen(response)
            finally:
                with suppress(httpx.HTTPError, OSError):
                    await response.aclose()
        except TimeoutError:
            return self.so_far("timeout", f"{NO_ANSWER} within {min(limits.first, limits.total):g} s")
        except httpx.HTTPError as error:
            return self._broken(error)

    def so_far(self, kind: EndingKind, detail: str = "") -> Transcript:
        """Return what has come by now, with this ending."""
        ending = Ending(kind, self._now(), detail)
        return replace(
            self.blank, **self.head, reads=tuple(self.reads), client_events=tuple(self.events), ending=ending
        )

    async def _listen(self, response: httpx.Response) -> Transcript:
        """Take the body piece by piece, until it ends or we have had enough."""
        size, last, seen = 0, b"", 0
        stop = self.started + self.limits.total
        async with aclosing(
            cast("AsyncGenerator[bytes]", aiter(cast("httpx.AsyncByteStream", response.stream)))
        ) as pieces:
            while True:
                left = stop - time.perf_counter()
                wait = min(self.limits.idle, left)
                try:
                    async with asyncio.timeout(max(0.0, wait)):
                        piece = await anext(pieces, None)
                except TimeoutError:
                    what = f"nothing for {wait:g} s" if wait < left else f"not at its end after {self.limits.total:g} s"
                    return self.so_far("timeout", what)
                if piece is None:
                    return self.so_far("eof")
                self.reads.append(Read(self._now(), piece))
                size += len(piece) + PER_READ
                if size > self.limits.size:
                    return self.so_far("open", f"more than {size >> 20} MiB: we stopped listening")
                if self.cancel_after is not None:
                    seen += (last + piece).count(b"\n\n")
                    last = piece[-1:] if piece[-2:] != b"\n\n" else b""
                    if seen >= self.cancel_after:
                        self.events.append(ClientEvent(self._now(), "cancel"))
                        return self.so_far("cancelled", f"left after {seen} events")

    def _broken(self, error: httpx.HTTPError) -> Transcript:
        """Return how an answer ended that the network library could not go on with."""
        match error:
            case httpx.ConnectTimeout():
                return self.so_far("timeout", f"{NO_CONNECTION} within {self.limits.connect:g} s")
            case httpx.TimeoutException():
                return self.so_far("timeout", type(error).__name__)
            case httpx.ConnectError():
                return self.so_far("reset", f"{NO_CONNECTION}: {_cause(error)}")
            case httpx.RemoteProtocolError():
                return self.so_far("truncated", str(error))
            case _:
                return self.so_far("reset", _cause(error))

    def _now(self) -> float:
        return time.perf_counter() - self.started


@dataclass
class _Clock:
    """Starts the time of an exchange when its request is on its way, and with it the wait for the status line."""

    exchange: _Exchange
    deadline: asyncio.Timeout

    async def trace(self, step: str, info: Any) -> None:
        """Take note of a step of the network library."""
        if step.endswith(".receive_response_headers.started"):
            limits = self.exchange.limits
            self.exchange.started = time.perf_counter()
            self.deadline.reschedule(asyncio.get_running_loop().time() + min(limits.first, limits.total))


def _cause(error: BaseException) -> str:
    """Return what the operating system or the TLS library said, beneath the network library's own words."""
    words = str(error) or type(error).__name__
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, ConnectionError) and below.errno:
            words = os.strerror(below.errno).lower()
        elif isinstance(below, OSError) and (below.strerror or str(below)):
            words = below.strerror or str(below)
        below = below.exceptions[0] if isinstance(below, BaseExceptionGroup) else below.__cause__ or below.__context__
    return words


def _wait(transcript: Transcript, tries: int) -> float | None:
    """Return the seconds after which to ask again, None where a server is neither busy nor fails."""
    if transcript.status in FAILED:
        return 0.5
    if transcript.status not in BUSY:
        return None
    after = transcript.header("retry-after") or ""
    said = (_number(transcript.header("retry-after-ms") or "") / 1000, _number(after), _until(after))
    return next((max(0.0, wait) for wait in said if math.isfinite(wait)), float(2**tries))


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return math.nan


def _until(date: str) -> float:
    try:
        return parsedate_to_datetime(date).timestamp() - time.time()
    except (ValueError, OverflowError):
        return math.nan

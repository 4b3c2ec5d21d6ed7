"""How answers that are made piece by piece go out, streamed and whole, whatever their objects look like."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Protocol

from starlette.types import Receive, Send

from reference_server.errors import RequestError
from reference_server.http import wire
from reference_server.text.pieces import Piece
from reference_server.usage import Usage

HEARTBEAT = 5.0
"""Seconds of silence after which a stream says that it lives."""


class Cancellable(Protocol):
    """Something that is being made for a client."""

    @property
    def cancel(self) -> Callable[[], None]:
        """End it."""


class Answering(Cancellable, Protocol):
    """A generation under way."""

    usage: Usage

    async def pieces(self) -> list[Piece]:
        """Wait for news."""

    @property
    def ended(self) -> bool:
        """Tell whether everything was given."""


class Streamed(Protocol):
    """Writes the events of a stream."""

    def events(self, pieces: Iterable[Piece]) -> Iterable[bytes]:
        """Give the events for some news."""

    def end(self, usage: Usage) -> bytes:
        """Give the last events."""


class Gathered(Protocol):
    """Gathers the pieces of a whole answer."""

    def add(self, pieces: Iterable[Piece]) -> None:
        """Take some news."""

    def document(self, usage: Usage) -> dict[str, Any]:
        """Give the object they make."""


@contextlib.asynccontextmanager
async def cancelled_with_client(work: Cancellable, receive: Receive) -> AsyncIterator[None]:
    """End the work when the client goes away, or when the answer fails."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        work.cancel()

    watcher = asyncio.create_task(watch())
    try:
        yield
    finally:
        watcher.cancel()
        work.cancel()


async def send_whole(whole: Gathered, generation: Answering, send: Send) -> None:
    """Send the answer when it is complete."""
    while not generation.ended:
        whole.add(await generation.pieces())
    document = whole.document(generation.usage)
    body = wire.encode(document).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_stream(
    chunks: Streamed, generation: Answering, send: Send, media_type: str, heartbeat: float = HEARTBEAT
) -> None:
    """Send each piece as it comes; a failure before anything was sent has a status of its own.

    Where nothing comes for `heartbeat` seconds, as in the queue or in a long prompt, a comment keeps the connection
    open: proxies and clients close those that are silent.
    """
    headers = [
        (b"content-type", media_type.encode()),
        (b"cache-control", b"no-cache, must-revalidate"),
        (b"x-accel-buffering", b"no"),
    ]
    begun = False
    more = True
    while more:
        data, failed = bytearray(), False
        try:
            for event in chunks.events(await _news(generation, heartbeat)):
                data += event
        except TimeoutError:
            data += wire.KEEP_ALIVE
        except RequestError as failure:
            if not begun and not data:
                raise  # nothing is sent yet, so that the status can tell it
            data, failed = data + wire.event(failure.error.body()), True
        if not begun:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            begun = True
        more = not generation.ended and not failed
        if not more and not failed:
            data += chunks.end(generation.usage)
        await send({"type": "http.response.body", "body": bytes(data), "more_body": more})


async def _news(generation: Answering, patience: float) -> list[Piece]:
    async with asyncio.timeout(patience):
        return await generation.pieces()

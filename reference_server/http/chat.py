"""`POST /v1/chat/completions`, streamed and not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from starlette.types import Receive, Scope, Send

from reference_server.chat.parameters import read
from reference_server.chat.request import ChatRequest
from reference_server.errors import RequestError
from reference_server.http import wire
from reference_server.http.body import read_json
from reference_server.http.chunks import Chunks
from reference_server.http.outcome import GoneError
from reference_server.http.whole import Whole
from reference_server.text.pieces import Piece


class Answering(Protocol):
    """A generation under way."""

    prompt_tokens: int
    completion_tokens: int
    cancel: Callable[[], None]

    async def pieces(self) -> list[Piece]:
        """Wait for news."""

    @property
    def ended(self) -> bool:
        """Tell whether everything was given."""


_EVENT_STREAM = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, must-revalidate"),
    (b"x-accel-buffering", b"no"),
]

Start = Callable[[ChatRequest], Awaitable[Answering]]
"""Begins to answer a request; raises RequestError for what cannot be done."""


class ChatCompletions:
    """The endpoint as an ASGI application, so that every piece goes out as it comes."""

    def __init__(self, start: Start, fingerprint: str) -> None:
        self._start, self._fingerprint = start, fingerprint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        with contextlib.suppress(ConnectionAbortedError, GoneError):
            request = read(await read_json(scope, receive))
            identity = wire.Identity(request.model, self._fingerprint)
            generation = await self._start(request)
            async with _cancelled_with_client(generation, receive):
                if request.stream:
                    await _stream(Chunks(request, identity), generation, send)
                else:
                    await _whole(Whole(request, identity), generation, send)


@contextlib.asynccontextmanager
async def _cancelled_with_client(generation: Answering, receive: Receive) -> AsyncIterator[None]:
    """End the generation when the client goes away, or when the answer fails."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        generation.cancel()

    watcher = asyncio.create_task(watch())
    try:
        yield
    finally:
        watcher.cancel()
        generation.cancel()


async def _whole(whole: Whole, generation: Answering, send: Send) -> None:
    while not generation.ended:
        whole.add(await generation.pieces())
    document = whole.document(generation.prompt_tokens, generation.completion_tokens)
    body = wire.encode(document).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _stream(chunks: Chunks, generation: Answering, send: Send) -> None:
    begun = False
    more = True
    while more:
        data, failed = bytearray(), False
        try:
            for event in chunks.events(await generation.pieces()):
                data += event
        except RequestError as failure:
            if not begun and not data:
                raise  # nothing is sent yet, so that the status can tell it
            data, failed = data + wire.event(failure.error.body()), True
        if not begun:
            await send({"type": "http.response.start", "status": 200, "headers": _EVENT_STREAM})
            begun = True
        more = not generation.ended and not failed
        if not more and not failed:
            data += chunks.end(generation.prompt_tokens, generation.completion_tokens)
        await send({"type": "http.response.body", "body": bytes(data), "more_body": more})

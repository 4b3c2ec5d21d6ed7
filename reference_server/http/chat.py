"""`POST /v1/chat/completions`, streamed and not."""

import contextlib
from collections.abc import Awaitable, Callable

from starlette.types import Receive, Scope, Send

from reference_server.chat.parameters import read
from reference_server.chat.request import ChatRequest
from reference_server.errors import GoneError
from reference_server.http import wire
from reference_server.http.body import read_request
from reference_server.http.chunks import Chunks
from reference_server.http.sending import HEARTBEAT, Answering, cancelled_with_client, send_stream, send_whole
from reference_server.http.whole import Whole

Start = Callable[[ChatRequest], Awaitable[Answering]]
"""Begins to answer a request; raises RequestError for what cannot be done."""


class ChatCompletions:
    """The endpoint as an ASGI application, so that every piece goes out as it comes."""

    def __init__(self, start: Start, fingerprint: str, heartbeat: float = HEARTBEAT) -> None:
        self._start, self._fingerprint, self._heartbeat = start, fingerprint, heartbeat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        with contextlib.suppress(ConnectionAbortedError, GoneError):
            request = await read_request(scope, receive, read)
            identity = wire.Identity(request.model, self._fingerprint)
            generation = await self._start(request)
            async with cancelled_with_client(generation, receive):
                if request.stream:
                    chunks = Chunks(request, identity)
                    await send_stream(chunks, generation, send, "text/event-stream; charset=utf-8", self._heartbeat)
                else:
                    await send_whole(Whole(request, identity), generation, send)

"""`POST /v1/embeddings`: vectors as arrays of numbers, or as base64 of little-endian float32."""

import asyncio
import base64
import contextlib
import struct
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from reference_server.embedding.request import EmbeddingRequest, read
from reference_server.errors import GoneError
from reference_server.http import wire
from reference_server.http.body import read_request
from reference_server.http.sending import Cancellable, cancelled_with_client


class Embedding(Cancellable, Protocol):
    """Vectors in the making."""

    tokens: int

    async def vectors(self) -> list[list[float]]:
        """Wait for them; raises RequestError where they cannot be made, and GoneError where nobody waits for them."""


Start = Callable[[EmbeddingRequest], Awaitable[Embedding]]
"""Begins to make vectors; raises RequestError for what cannot be done."""


class Embeddings:
    """The endpoint as an ASGI application."""

    def __init__(self, start: Start) -> None:
        self._start = start

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        with contextlib.suppress(ConnectionAbortedError, GoneError):
            asked = await read_request(scope, receive, read)
            embedding = await self._start(asked)
            async with cancelled_with_client(embedding, receive):
                vectors = await embedding.vectors()
                # Beside the event loop: thousands of vectors are a million numbers to write.
                document = await asyncio.to_thread(_written, asked, vectors, embedding.tokens)
                await Response(document, media_type="application/json")(scope, receive, send)


def _written(asked: EmbeddingRequest, vectors: Sequence[Sequence[float]], tokens: int) -> str:
    items = (
        {"object": "embedding", "index": index, "embedding": _packed(vector) if asked.base64 else vector}
        for index, vector in enumerate(vectors)
    )
    rest = {"model": asked.model, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}
    # One by one, as nothing else runs while one text is encoded.
    return f'{{"object":"list","data":[{",".join(map(wire.encode, items))}],{wire.encode(rest)[1:]}'


def _packed(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")

"""`POST /v1/embeddings`: vectors as arrays of numbers, or as base64 of little-endian float32."""

import base64
import struct
from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response

from reference_server.embedding.request import EmbeddingRequest, read
from reference_server.http import wire
from reference_server.http.body import read_json

Embed = Callable[[EmbeddingRequest], Awaitable[tuple[list[list[float]], int]]]
"""Gives the vectors and the number of tokens; raises RequestError for what cannot be done."""


class Embeddings:
    """The endpoint."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        asked = read(await read_json(request.scope, request.receive))
        vectors, tokens = await self._embed(asked)
        data = [
            {"object": "embedding", "index": index, "embedding": _packed(vector) if asked.base64 else vector}
            for index, vector in enumerate(vectors)
        ]
        counts = {"prompt_tokens": tokens, "total_tokens": tokens}
        document = {"object": "list", "data": data, "model": asked.model, "usage": counts}
        return Response(wire.encode(document), media_type="application/json")


def _packed(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")

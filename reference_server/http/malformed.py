"""What is no HTTP is refused like every other bad request: by JSON in OpenAI's shape."""

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from reference_server.errors import RequestError

_HEAD = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n"


def _refuse(connection: Any, message: str) -> None:
    error = RequestError(f"This is no valid HTTP request: {message}", code="invalid_http")
    body = json.dumps(error.error.body())
    connection.transport.write((_HEAD.format(len(body)) + body).encode())
    connection.transport.close()


# The parser is whichever uvicorn finds; all of them refuse by this method.
Http: type[asyncio.Protocol] = type("Http", (AutoHTTPProtocol,), {"send_400_response": _refuse})

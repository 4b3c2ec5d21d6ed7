"""What is no HTTP is refused like every other bad request: by JSON in OpenAI's shape."""

import json

from uvicorn.protocols.http.h11_impl import H11Protocol

from reference_server.errors import RequestError

_HEAD = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n"


class Http(H11Protocol):
    """HTTP by h11, the strictest of uvicorn's parsers, and always this one, whatever else is installed."""

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be read, and hang up."""
        error = RequestError(f"This is no valid HTTP request: {msg}", code="invalid_http")
        body = json.dumps(error.error.body())
        self.transport.write((_HEAD.format(len(body)) + body).encode())
        self.transport.close()

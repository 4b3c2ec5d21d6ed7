"""What every response carries: an id, the time it took, and the version of the API."""

import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Stamp:
    """Adds OpenAI's own headers to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and stamp its response."""
        began = time.perf_counter()

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                took = round((time.perf_counter() - began) * 1000)
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", f"req_{secrets.token_hex(16)}".encode()),
                    (b"openai-version", b"2020-10-01"),
                    (b"openai-processing-ms", str(took).encode()),
                ]
            await send(message)

        await self._app(scope, receive, stamped)

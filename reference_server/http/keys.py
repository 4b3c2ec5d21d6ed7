"""API keys: where the server was told one, every request to the API must bear it."""

import hmac

from starlette.types import ASGIApp, Receive, Scope, Send

from reference_server.errors import RequestError
from reference_server.http.refusals import refusal


class KeyCheck:
    """Refuses requests that do not bear the key."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app, self._key = app, key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on when its key is right."""
        if scope["type"] == "http" and scope["path"].startswith("/v1/"):
            scheme, _, key = dict(scope["headers"]).get(b"authorization", b"").partition(b" ")
            if scheme.lower() != b"bearer" or not hmac.compare_digest(key.strip(), self._key):
                message = "Incorrect API key provided." if key else "You didn't provide an API key."
                error = RequestError(message, code="invalid_api_key", status=401)
                await refusal(error, {"www-authenticate": 'Bearer realm="OpenAI API"'})(scope, receive, send)
                return
        await self._app(scope, receive, send)

"""Error responses: JSON in OpenAI's shape, whatever went wrong."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from reference_server.errors import RequestError, shown


def refusal(error: RequestError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Give the response to a refused request."""
    return JSONResponse(error.error.body(), error.status, headers)


async def request_error(_: Request, error: Exception) -> Response:
    """Answer a request that was refused."""
    assert isinstance(error, RequestError)
    return refusal(error, error.headers)


async def http_error(request: Request, error: Exception) -> Response:
    """Answer a request for an unknown route, or with a wrong method."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        message, code = f"Not allowed to {request.method} on {shown(request.url.path)}.", "method_not_allowed"
    else:
        message, code = f"Invalid URL ({request.method} {shown(request.url.path)})", "unknown_url"
    return refusal(RequestError(message, code=code, status=error.status_code), error.headers)


async def server_error(_: Request, __: Exception) -> Response:
    """Answer a request that uncovered a fault of ours, without telling its inside; uvicorn logs it."""
    return refusal(RequestError("The server had an error.", status=500, kind="server_error"))

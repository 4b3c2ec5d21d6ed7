"""The ASGI application: routes, and what surrounds them."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from reference_server.errors import RequestError, unknown_model
from reference_server.http.chat import ChatCompletions
from reference_server.http.completions import Completions
from reference_server.http.embeddings import Embeddings
from reference_server.http.keys import KeyCheck
from reference_server.http.metrics import Metrics
from reference_server.http.refusals import http_error, request_error, server_error
from reference_server.http.sending import HEARTBEAT
from reference_server.http.stamp import Stamp
from reference_server.service import Service

_TOLD = ("openai-processing-ms", "openai-version", "retry-after", "x-request-id")
"""Headers of ours that a page of another origin may read, beside those that every page may."""


def application(service: Service, key: str | None = None, *, heartbeat: float = HEARTBEAT) -> ASGIApp:
    """Put a service behind HTTP.

    `key`: what requests must bear, where one is wanted; `heartbeat`: after how many silent seconds a stream sends a
    comment.
    """
    card = service.card.body()

    async def models(_: Request) -> JSONResponse:
        return JSONResponse({"object": "list", "data": [card]})

    async def model(request: Request) -> JSONResponse:
        if request.path_params["id"] != card["id"]:
            raise unknown_model(request.path_params["id"])
        return JSONResponse(card)

    async def health(_: Request) -> JSONResponse:
        if not service.healthy:
            raise RequestError("The server takes no more requests.", status=503, kind="server_error")
        return JSONResponse({"status": "ok"})

    chat = ChatCompletions(service.start, service.fingerprint, heartbeat)
    app = Starlette(
        routes=[
            Route("/v1/chat/completions", chat, methods=["POST"]),
            Route("/v1/completions", Completions(service.complete, heartbeat), methods=["POST"]),
            Route("/v1/embeddings", Embeddings(service.embed), methods=["POST"]),
            Route("/v1/models", models),
            Route("/v1/models/{id:path}", model),
            Route("/health", health),
            Route("/metrics", Metrics(service.work), methods=["GET"]),
        ],
        middleware=[Middleware(KeyCheck, key)] if key else [],
        exception_handlers={RequestError: request_error, HTTPException: http_error, Exception: server_error},
    )
    app.router.redirect_slashes = False
    # Both outermost, as Starlette answers our own faults outside its middleware, and a page has to see those too. A
    # preflight bears no key; `*` would not cover Authorization in its answer, so Starlette repeats what was asked for.
    pages = CORSMiddleware(
        app, allow_origins=["*"], allow_methods=["GET", "POST"], allow_headers=["*"], expose_headers=_TOLD
    )
    return Stamp(pages)

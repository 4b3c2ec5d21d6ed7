"""Serve a model over HTTP until a signal comes."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn

import uvicorn

from reference_server.http.app import application
from reference_server.http.malformed import Http
from reference_server.listening import announce, bind
from reference_server.service import Service, open_service

_GRACE = 5
"""Seconds that open connections have to end after a signal."""


class KeyVariableError(Exception):
    """The variable that should hold the key does not, or holds one that no client can send."""


def serve(
    *,
    host: str,
    port: int,
    model: Path | None,
    parallel: int,
    context: int | None,
    queue: int,
    heartbeat: float,
    key_variable: str | None,
) -> None:
    """Serve until a signal comes; raises what `bind` and the engine raise before it listens."""
    key = _key(key_variable) if key_variable else None
    listener = bind(host, port)
    service = open_service(model, parallel=parallel, context=context, queue=queue)
    config = uvicorn.Config(
        application(service, key, heartbeat=heartbeat),
        http=Http,
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        headers=[("server", "openai-conformance-reference")],
        timeout_graceful_shutdown=_GRACE,
    )
    signal.signal(signal.SIGTERM, _leave)  # uvicorn hands the signal on to us when it is done
    try:
        asyncio.run(_serve(uvicorn.Server(config), service, listener))
    finally:
        listener.close()
        if not service.close():
            _end_now()  # Python would wait for the threads that do not end


def _key(variable: str) -> str:
    """Give the key that an environment variable holds."""
    key = os.environ.get(variable)
    if not key:
        raise KeyVariableError(f"the environment variable {variable} is not set, or is empty")
    if key != key.strip():
        raise KeyVariableError(f"the key in {variable} begins or ends with a blank, which no header keeps")
    if not key.isprintable():  # nor is what was no UTF-8
        raise KeyVariableError(f"the key in {variable} has characters that no header can hold")
    return key


async def _serve(server: uvicorn.Server, service: Service, listener: socket.socket) -> None:
    serving = asyncio.create_task(server.serve([listener]))
    while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    if server.started:
        announce(service.card.id, listener)
    while not server.should_exit and not serving.done():  # noqa: ASYNC110 - nor for this
        await asyncio.sleep(0.1)
    service.retire()
    await asyncio.to_thread(service.close)  # ends open streams with an error event: uvicorn need not wait for them
    await serving


def _end_now() -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)


def _leave(*_: object) -> NoReturn:
    sys.exit(0)

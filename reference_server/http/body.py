"""The body of a request."""

import asyncio
import json
import re
from collections.abc import Callable
from typing import NoReturn, TypeVar

from starlette.types import Receive, Scope

from reference_server.errors import RequestError

T = TypeVar("T")

LARGE, LIMIT = 2**18, 2**23
_PATIENCE = 8 * LIMIT
"""How much more is read and thrown away, so that the client gets its answer rather than a reset."""

_LONE = re.compile(rb"\\u[dD][89a-fA-F]")


class _ConstantError(ValueError):
    """A number of Python's that JSON does not have."""


async def read_request(scope: Scope, receive: Receive, read: Callable[[object], T]) -> T:
    """Read the body as strict JSON, and what it asks for by `read`; raises RequestError with the reason of a refusal.

    A large one is read beside the event loop, as it has millions of values to look at.
    """
    headers = dict(scope["headers"])
    kind, coding = (headers.get(name, b"").decode("latin-1") for name in (b"content-type", b"content-encoding"))
    raw = await _read(receive)
    if coding and coding.strip().lower() != "identity":
        message = f"Unsupported content encoding {coding[:80]!r}: send the body as it is."
        raise RequestError(message, code="unsupported_content_encoding", status=415)
    if kind and kind.partition(";")[0].strip().lower() != "application/json":
        message = f"Unsupported content type {kind[:80]!r}: expected 'application/json'."
        raise RequestError(message, code="unsupported_content_type")
    if len(raw) < LARGE:
        return read(_parsed(raw))
    return await asyncio.to_thread(lambda: read(_parsed(raw)))


def _parsed(raw: bytes) -> object:
    try:
        value = json.loads(raw.decode(), parse_constant=_refuse)
        if _LONE.search(raw):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise _no_json(f"it is not UTF-8, see byte {error.start}.") from error
    except UnicodeEncodeError as error:
        raise _no_json("a string holds half of a surrogate pair.") from error
    except RecursionError as error:
        raise _no_json("it is nested too deep.") from error
    except (json.JSONDecodeError, _ConstantError) as error:
        raise _no_json(f"{error}.") from error
    except ValueError as error:  # Python converts no integer of more digits
        raise _no_json("a number has too many digits.") from error
    return value


async def _read(receive: Receive) -> bytes:
    pieces, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionAbortedError
        size += len(message.get("body", b""))
        if size <= LIMIT:
            pieces.append(message.get("body", b""))
        elif size > LIMIT + _PATIENCE:
            break
        more = message.get("more_body", False)
    if size > LIMIT:
        raise RequestError(f"The body is too large: at most {LIMIT} bytes are read.", code="body_too_large", status=413)
    return b"".join(pieces)


def _refuse(constant: str) -> NoReturn:
    raise _ConstantError(f"{constant} is not JSON")


def _no_json(reason: str) -> RequestError:
    return RequestError(f"We could not parse the JSON body of your request: {reason}"[:400], code="invalid_json")

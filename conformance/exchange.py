"""Exchanges from elsewhere: one request and its answer, as a JSON object or as bytes, made into a transcript.

Where it was not recorded by us little is known of an exchange: what is missing here proves nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast, get_args

from conformance import shapes
from conformance.coding import decoded
from conformance.features import endpoint
from conformance.json_text import parse_bytes
from conformance.redact import Redactor
from conformance.transcript import (
    EVERY_FACET,
    SECRET_HEADERS,
    Ending,
    EndingKind,
    Facet,
    Read,
    Request,
    Transcript,
)
from conformance.views.answer import is_stream

LIMIT = 256 << 20  # bytes of one exchange
PLAIN: frozenset[Facet] = frozenset({"chunks", "ids", "bytes", "ending"})
STREAMED = ("chat", "completions", "responses")
_GZIP = b"\x1f\x8b"

Headers = tuple[tuple[str, str], ...]


class ExchangeError(ValueError):
    """The object is no exchange; the message says why."""


class NoBodyError(ExchangeError):
    """The object is an exchange of which no body was kept, so that there is nothing to judge."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where an exchange stands: the file, and its line there or, where the body stands there verbatim, its offset.

    `lines_before` is the number of lines that come before such a body.
    """

    path: str
    line: int | None = None
    offset: int | None = None
    lines_before: int = 0


@dataclass(frozen=True, slots=True)
class Exchange:
    """A transcript with a name and an origin."""

    id: str
    transcript: Transcript
    source: Source

    @property
    def kind(self) -> str:
        """Return what kind of answer it is: `chat.stream`, `chat`, `models`, ..., `error` or `unknown`."""
        transcript = self.transcript
        if transcript.status is None:
            return shapes.UNKNOWN
        if not 200 <= transcript.status < 300:
            return "error"
        name = transcript.endpoint or endpoint(transcript.request.path)
        return f"{name}.stream" if name in STREAMED and is_stream(transcript) else name


def from_json(row: Mapping[str, Any], *, default_endpoint: str = "") -> Transcript:
    """Return the transcript of one row of a `.jsonl` of exchanges; raises ExchangeError.

    `default_endpoint` counts where neither an address nor the request tells.
    """
    if isinstance(answer := row.get("wire", row.get("response")), dict):
        row = {**row, **answer}
    if row.get("body") is None and row.get("body_base64") is None:
        raise NoBodyError("it has no body")
    body = _body(row)
    headers = _headers(row.get("headers"))
    sent, text = _request(row.get("request"))
    name = _endpoint(row, sent, body, default_endpoint)
    known = PLAIN | _facets("headers" if headers else None, "request" if row.get("request") is not None else None)
    if isinstance(row.get("body"), dict | list):
        known -= _facets("bytes")
    method = row.get("method", "GET" if row.get("request") is None and name in ("models", "model") else "POST")
    transcript = Transcript(
        request=Request(str(method).upper(), _path(row) or shapes.PATHS.get(name, ""), json=sent, text=text),
        status=_status(row, body),
        headers=headers,
        reads=(Read(0.0, body),) if body else (),
        ending=_ending(row.get("ending")),
        endpoint="" if name == shapes.UNKNOWN else name,
        knows=_knows(row["knows"]) if row.get("knows") is not None else known,
    )
    return decoded(transcript, LIMIT) if body.startswith(_GZIP) else transcript


def from_bytes(
    body: bytes, *, status: int | None = None, headers: Headers = (), default_endpoint: str = "", stream: bool = False
) -> Transcript:
    """Return the transcript of a body alone, or with the head that came before it.

    `stream`: it is known to be server-sent events although it may not begin like them.
    """
    name = default_endpoint or shapes.answered(body, stream=stream)
    known = PLAIN | _facets("headers" if headers else None)
    if stream and not headers:
        headers = (("content-type", "text/event-stream"),)  # for the views; that it was sent is not claimed
    transcript = Transcript(
        request=Request(method="GET" if name in ("models", "model") else "POST", path=shapes.PATHS.get(name, "")),
        status=_implied_status(body) if status is None else status,
        headers=headers,
        reads=(Read(0.0, body),) if body else (),
        endpoint="" if name == shapes.UNKNOWN else name,
        knows=known,
    )
    return decoded(transcript, LIMIT) if body.startswith(_GZIP) else transcript


def without_secrets(transcript: Transcript, secrets: Iterable[str]) -> Transcript:
    """Return the transcript without the credentials of its request, and without what the server echoed of them."""
    headers = transcript.request.headers
    hidden = {word for value in secrets for word in value.split() if len(word) > 7}
    hidden |= {w for name, v in headers if name.lower() in SECRET_HEADERS for w in v.split() if len(w) > 7}
    kept = tuple((name, value) for name, value in headers if name.lower() not in SECRET_HEADERS)
    return Redactor(hidden).transcript(replace(transcript, request=replace(transcript.request, headers=kept)))


def _facets(*names: Facet | None) -> frozenset[Facet]:
    return frozenset(name for name in names if name is not None)


def _body(row: Mapping[str, Any]) -> bytes:
    body, encoded = row.get("body"), row.get("body_base64")
    if isinstance(encoded, str):
        try:
            return base64.b64decode(encoded, validate=True)
        except ValueError as error:
            raise ExchangeError(f"its body_base64 is not base64: {error}") from error
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    if isinstance(body, dict | list):  # a whole answer, kept as what it means
        return json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
    raise ExchangeError("its body is neither text nor JSON")


def _headers(found: Any) -> Headers:
    if found is None:
        return ()
    if isinstance(found, dict):
        pairs = [(name, v) for name, value in found.items() for v in (value if isinstance(value, list) else [value])]
    elif isinstance(found, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in found):
        pairs = [(pair[0], pair[1]) for pair in found]
    else:
        raise ExchangeError("its headers are no object")
    return tuple((str(name), str(value)) for name, value in pairs if str(name).lower() not in SECRET_HEADERS)


def _request(found: Any) -> tuple[Any, str | None]:
    """Return the request's JSON, and its text where it is none."""
    if not isinstance(found, str):
        return found, None
    try:
        return json.loads(found), None
    except (ValueError, RecursionError):
        return None, found


def _endpoint(row: Mapping[str, Any], sent: Any, body: bytes, default: str) -> str:
    addresses = (row[key] for key in ("endpoint", "url", "path") if isinstance(row.get(key), str))
    told = (*map(shapes.named, addresses), shapes.asked(sent), default or shapes.UNKNOWN)
    return next((name for name in told if name != shapes.UNKNOWN), None) or shapes.answered(body)


def _path(row: Mapping[str, Any]) -> str:
    """Return the path where the row gives one; an address of something else, such as a bug report, is none."""
    for key in ("endpoint", "path"):
        if isinstance(row.get(key), str) and row[key].startswith("/"):
            return str(row[key]).partition("?")[0]
    return ""


def _status(row: Mapping[str, Any], body: bytes) -> int | None:
    status = row.get("status")
    if status is None:
        return _implied_status(body)
    if isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 999:
        raise ExchangeError("its status is no HTTP status")
    return status


def _implied_status(body: bytes) -> int:
    """Return the status that goes with a body alone: of an error object its code, or that of a client's mistake."""
    if shapes.looks_like_events(body) or b'"error"' not in body[:4096]:
        return 200
    found = parse_bytes(body).value
    error = found.get("error") if isinstance(found, dict) and shapes.value(found) == shapes.UNKNOWN else None
    if not error:
        return 200
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 400 <= code <= 599 else 400


def _ending(found: Any) -> Ending:
    kind = found.get("kind") if isinstance(found, dict) else "eof" if found is None else found
    if kind not in get_args(EndingKind):
        raise ExchangeError(f"its ending is none of {', '.join(get_args(EndingKind))}")
    return Ending(cast("EndingKind", kind))


def _knows(found: Any) -> frozenset[Facet]:
    if not isinstance(found, list) or not all(isinstance(facet, str) for facet in found) or set(found) - EVERY_FACET:
        raise ExchangeError(f"what it knows is not among {', '.join(sorted(EVERY_FACET))}")
    return frozenset(found)

"""What was said on the wire: bytes on a clock, kept as files.

A transcript is one request and all that came back. Every other part of the suite starts from it, so a live server, a
recorded file, a mutated stream and a public bug report are judged by the same code.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

FORMAT = "openai-conformance/transcript/1"

Facet = Literal["request", "head", "headers", "framing", "bytes", "chunks", "ids", "ending", "times"]
EndingKind = Literal["eof", "truncated", "reset", "timeout", "cancelled", "open"]

EVERY_FACET: frozenset[Facet] = frozenset(get_args(Facet))
SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "api-key", "x-api-key", "cookie", "set-cookie"})


class TranscriptError(ValueError):
    """The document is not a transcript; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Read:
    """Body bytes that arrived together, `at` seconds after the request was sent."""

    at: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Ending:
    """How the answer ended, `at` seconds after the request was sent.

    `eof`: complete by its own framing. `truncated`: the connection closed before the framing said so. `reset`: broken
    off by the peer. `timeout`: we gave up. `cancelled`: we left on purpose. `open`: we stopped listening, it went on.
    `detail` says in words what the network library reported.
    """

    kind: EndingKind
    at: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What was sent: `json` as parsed, or `text` where the body was no JSON on purpose."""

    method: str = "POST"
    path: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    json: Any = None
    text: str | None = None

    def asks_for_stream(self) -> bool:
        """Tell whether the request has `stream: true`."""
        return isinstance(self.json, dict) and self.json.get("stream") is True


@dataclass(frozen=True, slots=True)
class ClientEvent:
    """Something we did while the answer ran: `cancel`, `half-close` or `pause`."""

    at: float
    kind: str


@dataclass(frozen=True, eq=False)
class Transcript:
    """One exchange, as recorded.

    `knows` says which facets are facts; a view of an unknown facet has no subjects. Two of them differ in what absence
    proves: `headers` means that those listed are true, `head` that the list is complete as well. `status` is None
    where no answer came at all; `ending` then says why.
    """

    request: Request
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    reads: tuple[Read, ...] = ()
    ending: Ending = Ending("eof")
    probe: str = ""
    group: str = ""
    endpoint: str = ""
    head: bytes | None = None
    http_version: str = ""
    connection: str = ""
    client_events: tuple[ClientEvent, ...] = ()
    knows: frozenset[Facet] = EVERY_FACET
    notes: tuple[str, ...] = ()
    # Views computed so far, by their kind: a cache, never part of the record.
    derived: dict[object, Any] = field(default_factory=dict, repr=False, init=False)

    def header(self, name: str) -> str | None:
        """Return the first value of a header, by name in any letter case."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    def body(self) -> bytes:
        """Return all body bytes."""
        return b"".join(read.data for read in self.reads)

    def with_body(self, body: bytes) -> Transcript:
        """Return a copy whose whole body came in one read, at the time of the last one; a Content-Length follows it."""
        at = self.reads[-1].at if self.reads else 0.0
        headers = tuple((k, str(len(body)) if k.lower() == "content-length" else v) for k, v in self.headers)
        return replace(self, headers=headers, reads=(Read(at, body),))

    def to_json(self) -> dict[str, Any]:
        """Return the document of `schemas/transcript.json`; secrets stay out of it."""
        request = self.request
        sent = {"method": request.method, "path": request.path, "headers": _without_secrets(request.headers)}
        document: dict[str, Any] = {
            "format": FORMAT,
            "probe": self.probe,
            "group": self.group,
            "endpoint": self.endpoint,
            "request": sent | ({"json": request.json} if request.text is None else {"text": request.text}),
            "status": self.status,
            "headers": _without_secrets(self.headers),
            "http_version": self.http_version,
            "connection": self.connection,
            "reads": [{"at": round(read.at, 6)} | _as_text(read.data) for read in self.reads],
            "client_events": [{"at": event.at, "kind": event.kind} for event in self.client_events],
            "ending": {"kind": self.ending.kind, "at": self.ending.at, "detail": self.ending.detail},
            "knows": sorted(self.knows),
            "notes": list(self.notes),
        }
        if self.head is not None:
            document["head"] = _as_text(self.head)
        return document

    @classmethod
    def from_json(cls, document: Any) -> Transcript:
        """Read the document of `schemas/transcript.json`; raises TranscriptError where it is not one."""
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise TranscriptError(f"not a transcript: its format is not {FORMAT!r}")
        try:
            sent, ending = document["request"], document["ending"]
            found = cls(
                request=Request(
                    method=sent["method"],
                    path=sent["path"],
                    headers=_pairs(sent.get("headers", ())),
                    json=sent.get("json"),
                    text=sent.get("text"),
                ),
                status=document["status"],
                headers=_pairs(document["headers"]),
                reads=tuple(Read(float(read["at"]), _as_bytes(read)) for read in document["reads"]),
                ending=Ending(ending["kind"], ending.get("at"), ending.get("detail", "")),
                probe=document.get("probe", ""),
                group=document.get("group", ""),
                endpoint=document.get("endpoint", ""),
                head=_as_bytes(document["head"]) if "head" in document else None,
                http_version=document.get("http_version", ""),
                connection=document.get("connection", ""),
                client_events=tuple(ClientEvent(e["at"], e["kind"]) for e in document.get("client_events", ())),
                knows=frozenset(document["knows"]),
                notes=tuple(document.get("notes", ())),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise TranscriptError(f"not a transcript: {type(error).__name__} at {error}") from error
        if wrong := found._of_wrong_type():
            raise TranscriptError(f"not a transcript: its {wrong} is not what the schema says")
        return found

    def _of_wrong_type(self) -> str:
        """Return what has another type or value than declared, "" where all is well: views rely on it."""
        request = self.request
        texts = (request.method, request.path, self.probe, self.group, self.endpoint, self.http_version)
        right = {
            "request or name": all(isinstance(text, str) for text in texts),
            "request text": request.text is None or isinstance(request.text, str),
            "status": self.status is None or type(self.status) is int,
            "ending": self.ending.kind in get_args(EndingKind) and isinstance(self.ending.detail, str),
            "time of the ending": self.ending.at is None or type(self.ending.at) in (int, float),
            "knows": self.knows <= EVERY_FACET,
        }
        return next((name for name, fits in right.items() if not fits), "")


def dumps(transcript: Transcript) -> str:
    """Return the text of a transcript file."""
    return json.dumps(transcript.to_json(), ensure_ascii=True, indent=1) + "\n"


def loads(text: str | bytes) -> Transcript:
    """Read the text of a transcript file; raises TranscriptError where it is not one."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TranscriptError(f"not a transcript: {error}") from error
    return Transcript.from_json(document)


def _without_secrets(headers: Iterable[tuple[str, str]]) -> list[list[str]]:
    return [[name, value] for name, value in headers if name.lower() not in SECRET_HEADERS]


def _pairs(headers: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), str(value)) for name, value in headers)


def _as_text(data: bytes) -> dict[str, str]:
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def _as_bytes(part: Mapping[str, str]) -> bytes:
    return part["text"].encode() if "text" in part else base64.b64decode(part["base64"], validate=True)

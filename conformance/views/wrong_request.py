"""Requests that every server has to refuse, and what it answered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from conformance import refusal
from conformance.features import endpoint
from conformance.json_text import parse, parse_bytes
from conformance.place import Where
from conformance.transcript import Request, Transcript
from conformance.views.answer import BUSY, Answer
from conformance.views.memo import once

UNKNOWN_MODEL = "no-such-model-conformance"
UNKNOWN_ROUTE = "/nope-conformance"
OVERLONG = "A prompt longer than any context:"
RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "n": (1, 128),
    "max_tokens": (1, float("inf")),
    "max_completion_tokens": (1, float("inf")),
}
TYPES: dict[str, tuple[type, ...]] = dict.fromkeys(RANGES, (int, float)) | {
    "messages": (list,),
    "model": (str,),
    "stream": (bool,),
}
SCHEMA_TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")
NO_BYTES = re.compile("[\udc80-\udcff]")


class WrongRequest(Answer):
    """An answer to a request that is wrong by the schema, from a server that had time to look at it.

    `wrong` says how it is wrong, in one of the words below.

    `not UTF-8`, `not JSON`, `deep`, `messages missing`, `messages empty`, `model missing`, `unknown route`,
    `unknown model`, `PUT`, `content type`, `type of X`, `range of X`, `stops`, `stream_options alone`, `schema`,
    `overlong`.
    """

    kinds: ClassVar[tuple[str, ...]] = ("",)

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        word = wrong_in(transcript)
        return bool(word) and word.startswith(cls.kinds) and transcript.status not in BUSY

    @cached_property
    def wrong(self) -> str:
        """Return what is wrong."""
        return wrong(self.transcript.request)

    @property
    def refused(self) -> bool:
        """Tell whether the status is a client error."""
        return 400 <= self.status < 500

    @cached_property
    def error(self) -> dict[str, Any]:
        """Return the error object of the body, empty where there is none."""
        return refusal.error(parse_bytes(self.transcript.body()).value)


class Invalid(WrongRequest):
    """An answer to a request whose body no schema and no server would take."""

    kinds = ("not JSON", "messages", "type of")


class WithoutMessages(WrongRequest):
    """An answer to a chat request without messages, or with none."""

    kinds = ("messages",)


class WithoutModel(WrongRequest):
    """An answer to a chat request without a model."""

    kinds = ("model missing",)


class Unparsable(WrongRequest):
    """An answer to a body that is not JSON."""

    kinds = ("not JSON",)


class NotUTF8(WrongRequest):
    """An answer to a body that is not UTF-8."""

    kinds = ("not UTF-8",)


class UnknownRoute(WrongRequest):
    """An answer to a path that no server has."""

    kinds = ("unknown route",)


class WrongMethod(WrongRequest):
    """An answer to PUT where only POST has a meaning."""

    kinds = ("PUT",)


class WrongType(WrongRequest):
    """An answer to a request with a parameter of another type."""

    kinds = ("type of",)


class TemperatureBeyond(WrongRequest):
    """An answer to a request with a temperature beyond 0 to 2."""

    kinds = ("range of temperature",)


class TopPBeyond(WrongRequest):
    """An answer to a request with a top_p beyond 0 to 1."""

    kinds = ("range of top_p",)


class PenaltyBeyond(WrongRequest):
    """An answer to a request with a penalty beyond -2 to 2."""

    kinds = ("range of frequency_penalty", "range of presence_penalty")


class ChoicesBeyond(WrongRequest):
    """An answer to a request for no choice, or for more than 128."""

    kinds = ("range of n",)


class LimitBelowOne(WrongRequest):
    """An answer to a request for no token, or for less."""

    kinds = ("range of max_",)


class ManyStops(WrongRequest):
    """An answer to a request with more than four stop strings."""

    kinds = ("stops",)


class OptionsAlone(WrongRequest):
    """An answer to a request with stream_options that is for no stream."""

    kinds = ("stream_options alone",)


class BrokenSchema(WrongRequest):
    """An answer to a request for JSON by a schema that is none."""

    kinds = ("schema",)


class Overlong(WrongRequest):
    """An answer to a prompt that hardly any context holds."""

    kinds = ("overlong",)


@dataclass(eq=False)
class Sent:
    """A prompt that hardly any context holds, whether or not there was an answer."""

    transcript: Transcript

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Sent]:
        """Return every exchange of this kind."""
        return (cls(t) for t in transcripts if wrong_in(t) == "overlong")

    @property
    def where(self) -> Where:
        """Return the exchange as a whole."""
        return Where()


class Misnamed(WrongRequest):
    """A refusal, with an error object, of a request in which one field is at fault: `field`.

    A model that lacks another parameter says that first, so what speaks of support is left out.
    """

    kinds = ("messages", "type of", "range of", "stops", "stream_options alone")

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        if not super()._fits(transcript):
            return False
        answer = cls(transcript)
        return answer.refused and bool(answer.error) and "support" not in str(answer.error.get("message")).lower()

    @property
    def field(self) -> str:
        """Return the field at fault."""
        words = self.wrong.split()
        return words[-1] if " of " in self.wrong else {"stops": "stop"}.get(words[0], words[0])


class UnknownModel(WrongRequest):
    """A refusal of a model that no server has."""

    kinds = ("unknown model",)

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return super()._fits(transcript) and (transcript.status or 0) >= 400


def wrong_in(transcript: Transcript) -> str:
    """Return what is wrong with the request of a transcript, "" where it is not known."""
    return once(transcript, wrong, lambda t: wrong(t.request) if "request" in t.knows else "")


def wrong(request: Request) -> str:
    """Return what is wrong with a request, "" where nothing is seen to be."""
    if request.path.partition("?")[0].endswith(UNKNOWN_ROUTE):
        return "unknown route"
    if endpoint(request.path) != "chat" or request.method not in ("POST", "PUT"):
        return ""
    if request.method == "PUT":
        return "PUT"
    if request.text is not None:
        return _wrong_text(request.text) or _wrong_type_said(request)
    return _wrong_body(request.json) if isinstance(request.json, dict) else ""


def _wrong_text(text: str) -> str:
    if NO_BYTES.search(text):
        return "not UTF-8"
    error = parse(text).error
    return "deep" if error.startswith("nested") else "not JSON" if error else ""


def _wrong_type_said(request: Request) -> str:
    said = next((value for name, value in request.headers if name.lower() == "content-type"), "")
    return "content type" if said and "json" not in said.lower() else ""


def _wrong_body(body: dict[str, Any]) -> str:
    if not body.get("messages") and not isinstance(body.get("messages"), str):
        return "messages empty" if "messages" in body else "messages missing"
    for name, kinds in TYPES.items():
        value = body.get(name)
        if value is not None and (not isinstance(value, kinds) or isinstance(value, bool) > (bool in kinds)):
            return f"type of {name}"
    for name, (least, most) in RANGES.items():
        if body.get(name) is not None and not least <= body[name] <= most:
            return f"range of {name}"
    if isinstance(body.get("stop"), list) and len(body["stop"]) > 4:
        return "stops"
    if body.get("stream_options") and not body.get("stream"):
        return "stream_options alone"
    return _wrong_content(body)


def _wrong_content(body: dict[str, Any]) -> str:
    if "model" not in body:
        return "model missing"
    if body["model"] == UNKNOWN_MODEL:
        return "unknown model"
    if _prompt(body).startswith(OVERLONG):
        return "overlong"
    wanted = body.get("response_format")
    named = wanted.get("json_schema") if isinstance(wanted, dict) else None
    schema = named.get("schema") if isinstance(named, dict) else None
    kind = schema.get("type") if isinstance(schema, dict) else None
    return "schema" if isinstance(kind, str) and kind not in SCHEMA_TYPES else ""


def _prompt(body: dict[str, Any]) -> str:
    first = body["messages"][0] if isinstance(body["messages"], list) else None
    content = first.get("content") if isinstance(first, dict) else None
    return content if isinstance(content, str) else ""

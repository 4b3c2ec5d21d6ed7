"""Requests that every server has to refuse, and what it answered."""

from __future__ import annotations

from functools import cached_property

from conformance.features import endpoint
from conformance.json_text import parse
from conformance.transcript import Request, Transcript
from conformance.views.answer import Answer

UNKNOWN_MODEL = "no-such-model-conformance"
UNKNOWN_ROUTE = "/nope-conformance"


class WrongRequest(Answer):
    """An answer to a request that is wrong by the schema: `wrong` says how."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return "request" in transcript.knows and bool(wrong(transcript.request))

    @cached_property
    def wrong(self) -> str:
        """Return what is wrong: `not JSON`, `messages missing`, `messages empty`, `unknown route`, `unknown model`."""
        return wrong(self.transcript.request)

    @property
    def refused(self) -> bool:
        """Tell whether the status is a client error."""
        return 400 <= self.status < 500


class Invalid(WrongRequest):
    """An answer to a request without messages, with none, or that is not JSON."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return WrongRequest._fits(transcript) and not wrong(transcript.request).startswith("unknown")


class WithoutMessages(WrongRequest):
    """An answer to a chat request without messages, or with none."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return WrongRequest._fits(transcript) and wrong(transcript.request).startswith("messages")


class Unparsable(WrongRequest):
    """An answer to a body that is not JSON."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return WrongRequest._fits(transcript) and wrong(transcript.request) == "not JSON"


class UnknownRoute(WrongRequest):
    """An answer to a path that no server has."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return WrongRequest._fits(transcript) and wrong(transcript.request) == "unknown route"


class UnknownModel(WrongRequest):
    """A refusal of a model that no server has."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        unknown = WrongRequest._fits(transcript) and wrong(transcript.request) == "unknown model"
        return unknown and (transcript.status or 0) >= 400


def wrong(request: Request) -> str:
    """Return what is wrong with a request, "" where nothing is seen to be."""
    if request.path.partition("?")[0].endswith(UNKNOWN_ROUTE):
        return "unknown route"
    if request.method != "POST" or endpoint(request.path) != "chat":
        return ""
    if request.text is not None:
        return "not JSON" if parse(request.text).error else ""
    if not isinstance(request.json, dict):
        return ""
    if "messages" not in request.json:
        return "messages missing"
    if request.json["messages"] == []:
        return "messages empty"
    return "unknown model" if request.json.get("model") == UNKNOWN_MODEL else ""

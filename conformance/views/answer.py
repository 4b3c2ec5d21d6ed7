"""Answers as HTTP messages: status, head, framing, and bodies that are one JSON text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from conformance.features import endpoint
from conformance.json_text import JSONText, parse_bytes
from conformance.place import Where
from conformance.transcript import Transcript
from conformance.views.asked import Asked
from conformance.views.memo import once

BUSY = frozenset({408, 425, 429, 502, 503, 504, *range(520, 530)})
"""Says that a server, or what stands before it, has no time or is not there, and nothing about the request.

520 to 527 are those of a content delivery network whose origin fails, 529 is widely used for an overload.
"""


@dataclass(frozen=True, eq=False)
class Answer:
    """An answer of any kind: all that is needed is a status line."""

    transcript: Transcript

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Self]:
        """Return every answer of this kind."""
        found = [once(transcript, cls, cls._of) for transcript in transcripts]
        return [answer for answer in found if answer is not None]

    @classmethod
    def _of(cls, transcript: Transcript) -> Self | None:
        return cls(transcript) if transcript.status is not None and cls._fits(transcript) else None

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return True

    @property
    def where(self) -> Where:
        """Return the answer as a whole."""
        return Where()

    @property
    def status(self) -> int:
        """Return the status code."""
        return self.transcript.status or 0

    @property
    def endpoint(self) -> str:
        """Return the endpoint asked: `chat`, `completions`, `models`, ..."""
        return endpoint_of(self.transcript)

    @cached_property
    def media_type(self) -> tuple[str, dict[str, str]]:
        """Return the essence of Content-Type as sent, "" where there is none, and its parameters."""
        essence, *parts = (self.transcript.header("content-type") or "").split(";")
        pairs = (part.partition("=") for part in parts)
        return essence.strip(), {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}

    def values(self, name: str) -> list[str]:
        """Return all values of a header, by its lower-case name."""
        return [value for key, value in self.transcript.headers if key.lower() == name]


class Head(Answer):
    """An answer whose headers are known; a header that is not listed proves nothing."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return not transcript.knows.isdisjoint({"headers", "head"})


class CompleteHead(Answer):
    """An answer whose whole head is known, so that absence is a fact."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return "head" in transcript.knows


class Unframed(Answer):
    """An answer whose message framing and end are known as sent."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return {"framing", "ending"} <= transcript.knows and transcript.ending.kind in ("eof", "truncated", "reset")


class Uncoded(Answer):
    """An answer to a request that accepts no content coding."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        accepted = [value for name, value in transcript.request.headers if name.lower() == "accept-encoding"]
        return {"request", "headers"} <= transcript.knows and accepted == ["identity"]


class StreamAsked(Answer):
    """A 2xx answer to a request with `stream: true`, whose Accept header, if there is one, allows for it."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return _streamed(transcript) and not _accepts_json_only(transcript)


class StreamAskedAsJSON(Answer):
    """A 2xx answer to a request with `stream: true` and with `Accept: application/json`, as openai-python sends it."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return _streamed(transcript) and _accepts_json_only(transcript)


class WholeAsked(Answer):
    """A 2xx answer to a POST without `stream: true`."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        ok = 200 <= (transcript.status or 0) < 300 and {"request", "chunks"} <= transcript.knows
        request = transcript.request
        named = isinstance(request.json, dict) and request.json.get("stream") in (None, False)
        return ok and request.method == "POST" and named


class JSONBody(Answer):
    """A complete body that is, or should be, one JSON text: any answer but a stream."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        known = "chunks" in transcript.knows and transcript.ending.kind == "eof"
        return known and transcript.request.method not in ("HEAD", "OPTIONS") and not is_stream(transcript)

    @cached_property
    def text(self) -> JSONText:
        """Return the parsed body."""
        return once(self.transcript, JSONText, lambda transcript: parse_bytes(transcript.body()))

    @property
    def value(self) -> Any:
        """Return the parsed body's value, None where it is no JSON."""
        return self.text.value

    @property
    def says_json(self) -> bool:
        """Tell whether its media type, where that is known, is one of JSON."""
        essence = self.media_type[0].lower()
        return essence == "application/json" or essence.endswith("+json")


class JSONHead(JSONBody):
    """The head and the body of such an answer, where both are known and there is a body."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        headed = not transcript.knows.isdisjoint({"headers", "head"})
        return headed and bool(transcript.reads) and JSONBody._fits(transcript)


class FailedAnswer(Answer):
    """An answer with a status of 400 or more, whatever its body."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return (transcript.status or 0) >= 400


class Failure(JSONBody, Asked):
    """An answer with a status of 400 or more."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return (transcript.status or 0) >= 400 and JSONBody._fits(transcript)

    @property
    def strings(self) -> Iterable[str]:
        """Return all strings of its JSON, or what it says instead."""
        if self.text.error:
            yield self.transcript.body().decode("utf-8", "replace")
        values = [self.value]
        while values:
            value = values.pop()
            if isinstance(value, str):
                yield value
            elif isinstance(value, dict | list):
                values += value.values() if isinstance(value, dict) else value


class EndpointFailure(Failure):
    """A failure at a path of the API."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return endpoint_of(transcript) != "unknown" and Failure._fits(transcript)


def _streamed(transcript: Transcript) -> bool:
    ok = 200 <= (transcript.status or 0) < 300 and {"request", "chunks"} <= transcript.knows
    return ok and transcript.request.asks_for_stream()


def _accepts_json_only(transcript: Transcript) -> bool:
    return ("accept", "application/json") in ((name.lower(), value) for name, value in transcript.request.headers)


def is_stream(transcript: Transcript) -> bool:
    """Tell whether the body is server-sent events, by its media type or, where that says otherwise, by its look."""
    return transcript.status is not None and once(transcript, is_stream, _is_stream)


def _is_stream(transcript: Transcript) -> bool:
    media_type = (transcript.header("content-type") or "").partition(";")[0].strip().lower()
    if media_type == "text/event-stream":
        return True
    start = transcript.body()[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith((b"data:", b"event:", b": "))


def endpoint_of(transcript: Transcript) -> str:
    """Return the endpoint that was asked: as the transcript says, else by the path."""
    return once(transcript, endpoint_of, lambda t: t.endpoint or endpoint(t.request.path))

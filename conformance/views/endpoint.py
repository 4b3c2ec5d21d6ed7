"""Endpoints beside chat: requests to one of them, and what a server says to all plain ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from conformance.place import Where
from conformance.transcript import Transcript
from conformance.views.answer import BUSY, Answer, endpoint_of

ABSENT = BUSY | {401, 403, 404, 405, 501}  # no such endpoint, no access, or no time for it


class EndpointRequest(Answer):
    """An answer of a server that has the endpoint, to a request that is known.

    A failure of the server's counts only where another such request was answered.
    """

    to: ClassVar[str]

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Self]:
        """Return every answer of this kind."""
        served = cls._served(transcripts)
        return (answer for answer in super().among(transcripts) if served or answer.status < 500)

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        known = "request" in transcript.knows and transcript.request.method == "POST"
        asked, request = known and endpoint_of(transcript) == cls.to, transcript.request.json
        return asked and transcript.status not in ABSENT and isinstance(request, dict) and cls._asks(request)

    @classmethod
    def _served(cls, transcripts: Sequence[Transcript]) -> bool:
        """Tell whether the endpoint has answered a request."""
        raise NotImplementedError

    @classmethod
    def _asks(cls, request: dict[str, Any]) -> bool:
        return True

    @property
    def refused(self) -> bool:
        """Tell whether the status is a client error."""
        return 400 <= self.status < 500


@dataclass(eq=False)
class Endpoint:
    """The plain requests to an endpoint that were answered, all of them probes of ours, by a server with time."""

    name: ClassVar[str]
    needed: ClassVar[str]
    special: ClassVar[frozenset[str]]
    answers: list[Transcript]

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterator[Self]:
        """Return the endpoint, where there is an answer."""
        if answers := [transcript for transcript in transcripts if cls._is_plain(transcript)]:
            yield cls(answers)

    @classmethod
    def _is_plain(cls, transcript: Transcript) -> bool:
        """Tell whether an exchange is an answered request for what every server of the endpoint has."""
        answered = transcript.status is not None and transcript.status not in BUSY
        ours = bool(transcript.probe) and "request" in transcript.knows and endpoint_of(transcript) == cls.name
        body = transcript.request.json
        plain = isinstance(body, dict) and _is_text(body.get(cls.needed)) and cls.special.isdisjoint(body)
        return answered and ours and plain

    @property
    def transcript(self) -> Transcript:
        """Return the first answer."""
        return self.answers[0]

    @property
    def where(self) -> Where:
        """Return it as a whole."""
        return Where()

    @property
    def fails(self) -> bool:
        """Tell whether every answer says that the server erred, rather than what it lacks."""
        return all((answer.status or 0) >= 500 and answer.status != 501 for answer in self.answers)


class LegacyCompletions(Endpoint):
    """That of legacy completions."""

    name, needed = "completions", "prompt"
    special = frozenset({"n", "best_of", "echo", "logprobs", "suffix", "stream_options", "logit_bias"})


class Embeddings(Endpoint):
    """That of embeddings."""

    name, needed, special = "embeddings", "input", frozenset({"dimensions"})


def _is_text(value: Any) -> bool:
    texts = value if isinstance(value, list) else [value]
    return bool(texts) and all(isinstance(text, str) and text for text in texts)

"""Endpoints beside chat as a whole: what a server says to all plain requests to one of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from conformance.place import Where
from conformance.transcript import Transcript
from conformance.views.answer import endpoint_of

BUSY = (408, 429, 502, 503, 504)  # says that the server has no time, or is not there yet


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

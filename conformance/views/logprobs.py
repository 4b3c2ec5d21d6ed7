"""Log probabilities: of single tokens, and of a turn as a whole."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from conformance.place import Where
from conformance.transcript import Transcript
from conformance.views.answer import Answer
from conformance.views.instance import Instance
from conformance.views.run import Twins
from conformance.views.turn import Said, Turn

LARGEST = 10**300  # an integer may be larger than any float
LEGACY = ("tokens", "token_logprobs", "text_offset")


class LogprobsAsked(Turn):
    """A turn of text alone, in answer to a request for log probabilities."""

    def _fits(self) -> bool:
        return self.request.get("logprobs") is True and bool(self.content) and not self.called


class LogprobsUnasked(Turn):
    """A turn in answer to a request that asks for no log probabilities."""

    def _fits(self) -> bool:
        return bool(self.request) and not self.request.get("logprobs")


class Scored(LogprobsAsked):
    """Such a turn, in which log probabilities came, all of them in their proper form."""

    def _fits(self) -> bool:
        sound = all(said.scored_well for said in self.said)
        return LogprobsAsked._fits(self) and sound and any(said.entries for said in self.said)

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Return all entries in order."""
        return [entry for said in self.said for entry in said.entries]

    @property
    def bytes(self) -> bytes | None:
        """Return the joined bytes of all tokens, None where one has none."""
        found = [octets(entry) for entry in self.entries]
        return b"".join(part or b"" for part in found) if None not in found else None

    @property
    def spells(self) -> bool:
        """Tell whether the tokens spell the text, but for a blank before it and a character that the limit cut."""
        text = self.content.rstrip("\ufffd") if self.finish_reason == "length" else self.content
        return self.bytes is not None and self.bytes.decode("utf-8", "replace").lstrip().startswith(text.lstrip())


class Counted(Scored):
    """Such a turn of an answer with one choice, whose tokens are counted, and which no stop string ended.

    `hides`: of an answer in ASCII, too, no character of which is split over tokens, more tokens are counted than there
    are entries: a model that thinks, and does not show it.
    """

    hides = False

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Self]:
        """Return the turns of this kind."""
        found = list(super().among(transcripts))
        hides = any(turn.content.isascii() and len(turn.entries) < (turn.completion or 0) - 2 for turn in found)
        for turn in found:
            turn.hides = hides
        return found

    def _fits(self) -> bool:
        alone = self.request.get("n") in (None, 1) and not self.request.get("stop")
        return Scored._fits(self) and alone and self.completion is not None and not self.reasoning

    @property
    def completion(self) -> int | None:
        """Return the number of completion tokens, those of reasoning apart."""
        from conformance.views.usage import Usage

        usage = next(iter(Usage.among([self.transcript])), None)
        return usage.completion - (usage.detail("completion", "reasoning") or 0) if usage else None


@dataclass(eq=False)
class ScoredPart:
    """A place of such a turn that has text."""

    said: Said

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[ScoredPart]:
        """Return the chunks and messages with text, of turns in which log probabilities came."""
        return (cls(said) for turn in Scored.among(transcripts) for said in turn.said if said.content)

    @property
    def transcript(self) -> Transcript:
        """Return the transcript."""
        return self.said.place.transcript

    @property
    def where(self) -> Where:
        """Return the place."""
        return self.said.place.where


@dataclass(eq=False)
class Entry:
    """One entry of `logprobs.content`, wherever it was sent; `greedy` and `most` are what the request says."""

    said: Said
    number: int
    value: dict[str, Any]
    request: dict[str, Any]

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Entry]:
        """Return the entries of all turns."""
        for turn in Turn.among(transcripts):
            for said in turn.said:
                for number, value in enumerate(said.entries):
                    if (found := cls(said, number, value, turn.request))._fits():
                        yield found

    def _fits(self) -> bool:
        return number_of(self.value) is not None

    @property
    def transcript(self) -> Transcript:
        """Return the transcript."""
        return self.said.place.transcript

    @property
    def where(self) -> Where:
        """Return the place of the entry."""
        place = self.said.place
        return Instance(place.body, f"{place.pointer}/logprobs/content/{self.number}").where

    @property
    def logprob(self) -> float:
        """Return the logarithm of the probability."""
        return number_of(self.value) or 0.0

    @property
    def top(self) -> list[dict[str, Any]]:
        """Return the alternatives that are objects with a number."""
        listed = self.value.get("top_logprobs")
        objects = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
        return [item for item in objects if number_of(item) is not None]


class Ranked(Entry):
    """An entry with alternatives."""

    def _fits(self) -> bool:
        return Entry._fits(self) and bool(self.top)

    @property
    def most(self) -> int | None:
        """Return how many alternatives the request asks for, None where it is not known."""
        most = self.request.get("top_logprobs")
        return most if isinstance(most, int) and not isinstance(most, bool) else None


class Greedy(Ranked):
    """Such an entry of a request at temperature 0 that changes the choice of tokens in no other way."""

    def _fits(self) -> bool:
        others = ("logit_bias", "frequency_penalty", "presence_penalty", "response_format", "tools", "stop")
        plain = not any(self.request.get(key) for key in others)
        return Ranked._fits(self) and self.request.get("temperature") == 0 and plain


class ScoredTwins(Twins):
    """The same request for log probabilities, streamed and whole, with the same text."""

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[ScoredTwins]:
        """Return the pairs in which both have them."""
        pairs = (cls(twins.streamed, twins.whole) for twins in Twins.among(transcripts))
        return (pair for pair in pairs if pair.turns)

    @property
    def turns(self) -> list[tuple[Scored, Scored]]:
        """Return the turns of both with the same index and text."""
        sides = (self.transcript, self.whole.transcript)
        streamed, whole = ({turn.index: turn for turn in Scored.among([side])} for side in sides)
        pairs = [(streamed[index], whole[index]) for index in streamed.keys() & whole.keys()]
        return [(one, other) for one, other in pairs if one.content == other.content]


class LogprobsRequest(Answer):
    """An answer to a chat request for log probabilities within the limits of the schema."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        top = asked(transcript).get("top_logprobs")
        legal = top is None or (isinstance(top, int) and not isinstance(top, bool) and 0 <= top <= 20)
        return asked(transcript).get("logprobs") is True and legal and (transcript.status or 0) < 500


class TopAlone(Answer):
    """An answer to a chat request for alternatives without the log probabilities themselves."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        body = asked(transcript)
        return bool(body.get("top_logprobs")) and not body.get("logprobs")


class TopBeyond(Answer):
    """An answer to a chat request for more alternatives than there may be, or less than none."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        top = asked(transcript).get("top_logprobs")
        return isinstance(top, int) and not 0 <= top <= 20 and asked(transcript).get("logprobs") is True


def asked(transcript: Transcript) -> dict[str, Any]:
    """Return the body of a chat request, empty where it is not known."""
    body = transcript.request.json if "request" in transcript.knows else None
    named = Answer(transcript).endpoint == "chat"
    return body if named and isinstance(body, dict) else {}


def number_of(value: dict[str, Any]) -> float | None:
    """Return the log probability of an entry or an alternative, where it is a number."""
    logprob = value.get("logprob")
    if not isinstance(logprob, int | float) or isinstance(logprob, bool):
        return None
    return float(logprob) if abs(logprob) < LARGEST or logprob != logprob else math.copysign(math.inf, logprob)


def octets(value: dict[str, Any]) -> bytes | None:
    """Return the bytes of a token, None where they are not given."""
    listed = value.get("bytes")
    if not isinstance(listed, list) or not all(type(item) is int and 0 <= item <= 255 for item in listed):
        return None
    return bytes(listed)

"""Usage: the token counts of an answer, streamed or whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from conformance.place import Place, Where
from conformance.transcript import Transcript
from conformance.views.answer import Answer
from conformance.views.asked import LIMITS, Asked, is_count
from conformance.views.choice import FinishedChoice
from conformance.views.chunk import Chunk, ChunkStream
from conformance.views.memo import once
from conformance.views.reply import Reply

COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


class UsageAsked(ChunkStream):
    """A chat stream that came to its end, whose request asks for usage."""

    def _fits(self) -> bool:
        return self.asked_usage and self.ended


class UsageUnasked(ChunkStream):
    """A chat stream whose request is known and does not ask for usage."""

    def _fits(self) -> bool:
        return bool(self.request) and not self.asked_usage


class UnaskedUsage(ChunkStream):
    """A chat stream with a usage object although its request, which is known, does not ask for one."""

    def _fits(self) -> bool:
        return bool(self.request) and not self.asked_usage and bool(with_usage(self))


@dataclass(eq=False)
class UsageChunk:
    """The last chunk with a usage object, of a stream whose request asks for it."""

    stream: ChunkStream
    chunk: Chunk

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[UsageChunk]:
        """Return that chunk of every stream that has one."""
        for stream in ChunkStream.among(transcripts):
            if stream.asked_usage and (found := with_usage(stream)):
                yield cls(stream, found[-1])

    @property
    def transcript(self) -> Transcript:
        """Return the transcript."""
        return self.chunk.transcript

    @property
    def where(self) -> Where:
        """Return the place of the chunk."""
        return self.chunk.where


@dataclass(eq=False)
class Usage:
    """The final usage of an answer, where its three counts are integers."""

    answer: ChunkStream | Reply
    place: Place
    value: dict[str, Any]

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Self]:
        """Return the usage of every answer that has one."""
        found: list[tuple[ChunkStream | Reply, Place, Any]] = []
        for stream in ChunkStream.among(transcripts):
            found += [(stream, chunk.at("/usage"), chunk.usage) for chunk in with_usage(stream)[-1:]]
        for reply in Reply.among(transcripts):
            if isinstance(reply.value, dict):
                found.append((reply, reply, reply.value.get("usage")))
        usages = (cls(answer, place, value) for answer, place, value in found if _counts(value))
        return (usage for usage in usages if usage._fits())

    def _fits(self) -> bool:
        return True

    @property
    def transcript(self) -> Transcript:
        """Return the transcript."""
        return self.place.transcript

    @property
    def where(self) -> Where:
        """Return the place of the usage."""
        return self.place.where

    @property
    def prompt(self) -> int:
        """Return the number of prompt tokens."""
        return int(self.value["prompt_tokens"])

    @property
    def completion(self) -> int:
        """Return the number of completion tokens."""
        return int(self.value["completion_tokens"])

    @property
    def total(self) -> int:
        """Return the total."""
        return int(self.value["total_tokens"])

    @property
    def generated(self) -> int:
        """Return how many tokens were generated: some servers count reasoning in the total only."""
        return max(self.completion, self.total - self.prompt)

    def detail(self, kind: str, part: str) -> int | None:
        """Return one of the details, such as the cached tokens of the prompt, None where it is no integer."""
        details = self.value.get(f"{kind}_tokens_details")
        count = details.get(f"{part}_tokens") if isinstance(details, dict) else None
        return count if is_count(count) else None


class LimitedUsage(Usage):
    """The usage of an answer whose request limits the number of tokens."""

    def _fits(self) -> bool:
        return self.answer.limit > 0 < self.answer.n


class TwiceLimited(Answer, Asked):
    """An answer to a chat request for one choice with two limits, one of them smaller: a refusal, or it has a usage."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        answer = cls(transcript)
        twice = answer.endpoint == "chat" and len(set(answer.limits)) > 1 and answer.n == 1
        return twice and (answer.status in (400, 422) or bool(answer.usages))

    @cached_property
    def usages(self) -> list[Usage]:
        """Return its usage, none where it was refused."""
        return list(Usage.among([self.transcript]))


class UnlimitedUsage(Usage):
    """The usage of an answer to a request in text that is known and names no limit."""

    def _fits(self) -> bool:
        request = self.answer.request
        messages = request.get("messages")
        texts = [m.get("content") for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []
        unlimited = all(request.get(name) is None for name in LIMITS)  # 0 is a limit, if a strange one
        return unlimited and bool(texts) and all(isinstance(text, str) for text in texts)


class CutUsage(LimitedUsage):
    """The usage of an answer with several choices, each of which was cut at the limit of the request."""

    def _fits(self) -> bool:
        ends = reasons(self.answer)
        return super()._fits() and self.answer.limit > 1 and len(ends) == self.answer.n > 1 and set(ends) == {"length"}


class SpokenUsage(Usage):
    """The usage of a stream that has text."""

    def _fits(self) -> bool:
        chunks = self.answer.chunks if isinstance(self.answer, ChunkStream) else []
        deltas = (choice.get("delta") for chunk in chunks for choice in chunk.choices)
        return any(isinstance(delta, dict) and delta.get("content") for delta in deltas)


def reasons(answer: ChunkStream | Reply) -> list[str]:
    """Return the finish reason of each choice that has one."""
    if isinstance(answer, ChunkStream):
        ends = (choice.finish for choice in FinishedChoice.among([answer.transcript]))
        return [end.finish_reason for end in ends if end and end.finish_reason]
    found = (choice.get("finish_reason") for choice in answer.choices)
    return [reason for reason in found if isinstance(reason, str) and reason]


def with_usage(stream: ChunkStream) -> list[Chunk]:
    """Return the chunks that have a usage object."""
    return once(stream.transcript, with_usage, lambda _: [chunk for chunk in stream.chunks if chunk.usage])


def _counts(value: object) -> bool:
    return isinstance(value, dict) and all(is_count(value.get(key)) for key in COUNTS)

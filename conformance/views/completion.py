"""Legacy completions, streamed or whole: both have one shape, so nearly every rule holds for both."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from conformance.place import Where
from conformance.transcript import Transcript
from conformance.views.answer import JSONBody, endpoint_of
from conformance.views.chunk import CHUNK_KEYS, Chunk
from conformance.views.memo import once
from conformance.views.stream import EndedStream, Stream

ELIDED = re.compile(r"…<elided|\.\.\. \(\d+ characters\)$")
TokenIds = list[int]
FEW = 64  # token numbers: as short a prompt fits everywhere


class CompletionReply(JSONBody):
    """A whole legacy completion: a 2xx answer of that endpoint that is no stream."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        ok = transcript.status is not None and 200 <= transcript.status < 300
        return ok and is_completion(transcript) and JSONBody._fits(transcript)


class CompletionChunk(Chunk):
    """An object of a stream of legacy completions that has at least one key of a chunk and no error."""

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Chunk]:
        """Return the chunks of all such streams."""
        return (chunk for transcript in transcripts for chunk in once(transcript, cls, _chunks))


class CompletionObject:
    """A chunk, or a whole answer: what the schema of text_completion is about."""

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterator[Chunk | CompletionReply]:
        """Return all of them."""
        yield from CompletionChunk.among(transcripts)
        yield from CompletionReply.among(transcripts)


@dataclass(eq=False)
class Spot:
    """A place in a completion."""

    transcript: Transcript
    where: Where


@dataclass(eq=False)
class Completion:
    """A legacy completion with at least one object; `bodies` are its chunks, or the one whole answer."""

    transcript: Transcript
    bodies: list[Chunk | CompletionReply]
    streamed: bool
    ended: bool

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Self]:
        """Return all completions of this kind."""
        found = (once(transcript, cls, cls._of) for transcript in transcripts)
        return (completion for completion in found if completion is not None)

    @classmethod
    def _of(cls, transcript: Transcript) -> Self | None:
        bodies = [body for body in CompletionObject.among([transcript]) if isinstance(body.value, dict)]
        if not bodies:
            return None
        streamed = isinstance(bodies[0], Chunk)
        ended = not streamed or bool(list(EndedStream.among([transcript])))
        found = cls(transcript, bodies, streamed, ended)
        return found if found._fits() else None

    def _fits(self) -> bool:
        return True

    @property
    def where(self) -> Where:
        """Return the completion as a whole."""
        return Where()

    @property
    def last(self) -> Chunk | CompletionReply:
        """Return the last chunk, or the whole answer."""
        return self.bodies[-1]

    @cached_property
    def request(self) -> dict[str, Any]:
        """Return the request's JSON, empty where it is not known."""
        json = self.transcript.request.json
        return json if "request" in self.transcript.knows and isinstance(json, dict) else {}

    def number(self, name: str) -> int | None:
        """Return a parameter of the request that is an integer, else None."""
        value = self.request.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    @property
    def n(self) -> int:
        """Return the number of choices for each prompt."""
        return self.number("n") or 1

    @cached_property
    def prompts(self) -> list[str | TokenIds]:
        """Return the prompts of the request, none where they are not known."""
        return list(texts_or_ids(self.request.get("prompt")))

    @property
    def count(self) -> int:
        """Return the number of choices asked for, 0 where it is not known."""
        return max(self.n, 0) * len(self.prompts)

    @property
    def asked_usage(self) -> bool:
        """Tell whether the request has stream_options.include_usage."""
        options = self.request.get("stream_options")
        return self.streamed and isinstance(options, dict) and options.get("include_usage") is True

    @cached_property
    def with_usage(self) -> list[Chunk | CompletionReply]:
        """Return the objects that have a usage object."""
        return [body for body in self.bodies if isinstance(body.value.get("usage"), dict)]

    @property
    def completion_tokens(self) -> int | None:
        """Return the final count of completion tokens, None where there is none."""
        count = self.with_usage[-1].value["usage"].get("completion_tokens") if self.with_usage else None
        return count if isinstance(count, int) and not isinstance(count, bool) else None

    @cached_property
    def parts(self) -> list[TextPart]:
        """Return what the objects say of choices, in order."""
        found = []
        for body in self.bodies:
            choices = body.value.get("choices")
            for position, value in enumerate(choices if isinstance(choices, list) else []):
                if isinstance(value, dict):
                    place = body.where
                    pointer = f"/choices/{position}"
                    where = Where(place.event, place.start, place.stop, pointer)
                    found.append(TextPart(self.transcript, where, self, value))
        return found

    @cached_property
    def choices(self) -> dict[int, list[TextPart]]:
        """Return the parts by the index of their choice."""
        found: dict[int, list[TextPart]] = {}
        for part in self.parts:
            index = part.value.get("index")
            if isinstance(index, int) and not isinstance(index, bool):
                found.setdefault(index, []).append(part)
        return found


@dataclass(eq=False)
class TextPart:
    """What one object says of one choice."""

    transcript: Transcript
    where: Where
    completion: Completion
    value: dict[str, Any]

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[TextPart]:
        """Return the parts of all completions."""
        return (part for completion in Completion.among(transcripts) for part in completion.parts)

    @property
    def text(self) -> str:
        """Return the text, empty where it is no string."""
        text = self.value.get("text")
        return text if isinstance(text, str) else ""

    @property
    def finish_reason(self) -> str | None:
        """Return the finish reason where it is a string, the empty one included."""
        reason = self.value.get("finish_reason")
        return reason if isinstance(reason, str) else None

    @property
    def logprobs(self) -> dict[str, Any] | None:
        """Return the log probabilities where they are an object."""
        logprobs = self.value.get("logprobs")
        return logprobs if isinstance(logprobs, dict) else None


@dataclass(eq=False)
class TextChoice:
    """All parts of one index of one completion, in order."""

    completion: Completion
    index: int
    parts: list[TextPart] = field(default_factory=list)

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterator[Self]:
        """Return the choices of this kind of all completions."""
        for completion in Completion.among(transcripts):
            for index, parts in completion.choices.items():
                choice = cls(completion, index, parts)
                if choice._fits():
                    yield choice

    def _fits(self) -> bool:
        return True

    @property
    def transcript(self) -> Transcript:
        """Return the transcript."""
        return self.completion.transcript

    @property
    def where(self) -> Where:
        """Return the last part's place."""
        return self.parts[-1].where

    @property
    def request(self) -> dict[str, Any]:
        """Return the request's JSON, empty where it is not known."""
        return self.completion.request

    @cached_property
    def text(self) -> str:
        """Return the joined text."""
        return "".join(part.text for part in self.parts)

    @cached_property
    def finishes(self) -> list[TextPart]:
        """Return the parts that have a finish reason."""
        return [part for part in self.parts if part.finish_reason is not None]

    @cached_property
    def prompt(self) -> str | None:
        """Return the prompt that this choice goes on from, None where it is not known as text."""
        prompts, n = self.completion.prompts, self.completion.n
        place = self.index // n if n > 0 else -1
        prompt = prompts[place] if 0 <= place < len(prompts) else None
        return prompt if isinstance(prompt, str) and not ELIDED.search(prompt) else None

    def joined(self, key: str) -> list[Any]:
        """Return one of the arrays of the log probabilities over all parts, as far as it is an array."""
        lists = (part.logprobs.get(key) for part in self.parts if part.logprobs)
        return [value for values in lists if isinstance(values, list) for value in values]


def texts_or_ids(value: Any) -> Iterator[str | TokenIds]:
    """Return the texts of a `prompt` or an `input`: one or several, each a string or the numbers of its tokens."""
    if isinstance(value, str) or _are_ids(value):
        yield value
    elif isinstance(value, list) and all(isinstance(item, str) or _are_ids(item) for item in value):
        yield from value


def in_few_ids(value: Any) -> bool:
    """Tell whether a prompt or an input consists of token numbers, and is not so long that it may be too long."""
    texts = list(texts_or_ids(value))
    return bool(texts) and all(isinstance(text, list) and len(text) <= FEW for text in texts)


def is_completion(transcript: Transcript) -> bool:
    """Tell whether an exchange belongs to the endpoint of legacy completions."""
    return endpoint_of(transcript) == "completions"


def _are_ids(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(item) is int for item in value)


def _chunks(transcript: Transcript) -> list[Chunk]:
    stream = next(iter(Stream.among([transcript])), None)
    if stream is None or not is_completion(transcript):
        return []
    events = (event for event in stream.events if isinstance(event.value, dict) and not event.error)
    named = (event for event in events if not CHUNK_KEYS.isdisjoint(event.value))
    return [Chunk(transcript, event, number, event.value) for number, event in enumerate(named)]

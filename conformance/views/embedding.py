"""Embeddings: lists of vectors, the vectors in numbers, and the same input in several answers."""

from __future__ import annotations

import base64
import binascii
import json
import math
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

from conformance.place import Where
from conformance.transcript import Transcript
from conformance.views.answer import JSONBody, endpoint_of
from conformance.views.completion import ELIDED, TokenIds, in_few_ids, texts_or_ids
from conformance.views.endpoint import EndpointRequest
from conformance.views.memo import once


def is_embedding(transcript: Transcript) -> bool:
    """Tell whether an exchange belongs to the endpoint of embeddings."""
    return endpoint_of(transcript) == "embeddings"


class EmbeddingList(JSONBody):
    """A 2xx answer to a request for embeddings."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        ok = transcript.status is not None and 200 <= transcript.status < 300
        return ok and is_embedding(transcript) and JSONBody._fits(transcript)

    @property
    def request(self) -> dict[str, Any]:
        """Return the request's JSON, empty where it is not known."""
        json = self.transcript.request.json
        return json if "request" in self.transcript.knows and isinstance(json, dict) else {}

    @cached_property
    def inputs(self) -> list[str | TokenIds]:
        """Return the inputs, none where they are not known."""
        return list(texts_or_ids(self.request.get("input")))

    @cached_property
    def items(self) -> list[Any]:
        """Return the entries of data."""
        data = self.value.get("data") if isinstance(self.value, dict) else None
        return data if isinstance(data, list) else []

    @property
    def indices(self) -> list[int]:
        """Return the indices of the entries, where all of them have one."""
        found = [item.get("index") for item in self.items if isinstance(item, dict)]
        return [index for index in found if type(index) is int] if len(found) == len(self.items) else []


class FilledList(EmbeddingList):
    """A list with at least one entry, for inputs that are known."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        if not EmbeddingList._fits(transcript):
            return False
        answer = next(iter(EmbeddingList.among([transcript])))
        return bool(answer.inputs and answer.items)


class IndexedList(EmbeddingList):
    """A list of which every entry has an index."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        if not EmbeddingList._fits(transcript):
            return False
        answer = next(iter(EmbeddingList.among([transcript])))
        return len(answer.indices) == len(answer.items) > 0


@dataclass(eq=False)
class EmbeddingUsage:
    """The usage of a list of embeddings, where its counts are integers."""

    transcript: Transcript
    prompt: int
    total: int

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterator[EmbeddingUsage]:
        """Return the usage of every list that has one."""
        for answer in EmbeddingList.among(transcripts):
            usage = answer.value.get("usage") if isinstance(answer.value, dict) else None
            if isinstance(usage, dict):
                prompt, total = usage.get("prompt_tokens"), usage.get("total_tokens")
                if type(prompt) is int and type(total) is int:
                    yield cls(answer.transcript, prompt, total)

    @property
    def where(self) -> Where:
        """Return the place of the usage."""
        return Where(pointer="/usage")


@dataclass(eq=False)
class Vector:
    """One vector as sent: an array, or a string."""

    answer: EmbeddingList
    position: int
    raw: Any

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Vector]:
        """Return the vectors of all lists."""
        return (vector for transcript in transcripts for vector in once(transcript, Vector, _vectors))

    @property
    def transcript(self) -> Transcript:
        """Return the transcript."""
        return self.answer.transcript

    @property
    def where(self) -> Where:
        """Return the place of the vector."""
        return Where(pointer=f"/data/{self.position}/embedding")

    @property
    def encoding(self) -> str:
        """Return the encoding asked for, "" where that is not known."""
        request = self.answer.request
        return str(request.get("encoding_format") or "float") if request else ""

    @cached_property
    def decoded(self) -> bytes | None:
        """Return the bytes of a base64 string, None where it is none or holds no whole numbers."""
        try:
            data = base64.b64decode(self.raw, validate=True) if isinstance(self.raw, str) else b""
        except (binascii.Error, ValueError):
            return None
        return data if data and len(data) % 4 == 0 else None

    @cached_property
    def numbers(self) -> tuple[float, ...]:
        """Return the numbers, none where the vector is not all numbers."""
        if isinstance(self.raw, str):
            data = self.decoded or b""
            return struct.unpack(f"<{len(data) // 4}f", data)
        if not isinstance(self.raw, list) or not all(type(number) in (int, float) for number in self.raw):
            return ()
        return tuple(_float(number) for number in self.raw)

    @cached_property
    def length(self) -> float:
        """Return the Euclidean length, NaN where there are no numbers."""
        return math.hypot(*self.numbers) if self.numbers else math.nan

    @property
    def is_sound(self) -> bool:
        """Tell whether there are numbers, all finite and not all zero."""
        return math.isfinite(self.length) and self.length > 0

    def likeness(self, other: Vector) -> float:
        """Return the cosine of the angle to another vector of the same size."""
        return sum(a * b for a, b in zip(self.numbers, other.numbers, strict=True)) / (self.length * other.length)

    @property
    def input(self) -> str | TokenIds | None:
        """Return the input that this is the vector of, by its place; None where that is not known."""
        inputs = self.answer.inputs
        return inputs[self.position] if len(inputs) == len(self.answer.items) else None


class AskedBase64(Vector):
    """A vector of a request for base64."""

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Vector]:
        """Return all such vectors."""
        return (vector for vector in Vector.among(transcripts) if vector.encoding == "base64")


class AskedFloats(Vector):
    """A vector of a request for numbers."""

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Vector]:
        """Return all such vectors."""
        return (vector for vector in Vector.among(transcripts) if vector.encoding == "float")


class Base64Text(Vector):
    """A vector that is a string."""

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Vector]:
        """Return all such vectors."""
        return (vector for vector in AskedBase64.among(transcripts) if isinstance(vector.raw, str))


class FilledVector(Vector):
    """A vector that has something in it, and can be decoded where it is a string."""

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Vector]:
        """Return all such vectors."""
        return (vector for vector in Vector.among(transcripts) if vector.decoded or isinstance(vector.raw, list))


class SoundVector(Vector):
    """A vector of finite numbers that are not all zero."""

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Vector]:
        """Return all such vectors."""
        return (vector for vector in Vector.among(transcripts) if vector.is_sound)


class AskedVector(Vector):
    """A sound vector whose request is known, so that nobody has cut it since."""

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Vector]:
        """Return all such vectors."""
        return (vector for vector in SoundVector.among(transcripts) if vector.answer.request)


class SizedVector(Vector):
    """A sound vector of a request for so many dimensions."""

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Vector]:
        """Return all such vectors."""
        sound = SoundVector.among(transcripts)
        return (vector for vector in sound if type(vector.answer.request.get("dimensions")) is int)


@dataclass(eq=False)
class SameModel:
    """All sound vectors of one model in one encoding and size, of one list or several."""

    vectors: list[Vector]

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterator[SameModel]:
        """Return the groups of at least two."""
        groups: dict[str, list[Vector]] = {}
        for vector in SoundVector.among(transcripts):
            request = vector.answer.request
            own = "" if request else str(id(vector.answer))
            key = f"{request.get('model')} {request.get('dimensions')} {vector.encoding} {own}"
            groups.setdefault(key, []).append(vector)
        return (cls(vectors) for vectors in groups.values() if len(vectors) > 1)

    @property
    def transcript(self) -> Transcript:
        """Return the first vector's transcript."""
        return self.vectors[0].transcript

    @property
    def where(self) -> Where:
        """Return the first vector's place."""
        return self.vectors[0].where


@dataclass(eq=False)
class SameInput:
    """Two vectors of one input, by one model, from two answers: `one` has fewer neighbours than `other`, or as many."""

    one: Vector
    other: Vector

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterator[SameInput]:
        """Return the pairs of this kind."""
        groups: dict[str, list[Vector]] = {}
        for vector in SoundVector.among(transcripts):
            known = vector.input is not None and not (isinstance(vector.input, str) and ELIDED.search(vector.input))
            if known and "request" in vector.transcript.knows:
                request = vector.answer.request
                key = json.dumps([request.get("model"), request.get("dimensions"), vector.input])
                groups.setdefault(key, []).append(vector)
        for vectors in groups.values():
            for pair in combinations(sorted(vectors, key=lambda vector: len(vector.answer.items)), 2):
                if pair[0].answer is not pair[1].answer and cls._fits(*pair):
                    yield cls(*pair)

    @classmethod
    def _fits(cls, one: Vector, other: Vector) -> bool:
        return True

    @property
    def transcript(self) -> Transcript:
        """Return the second one's transcript."""
        return self.other.transcript

    @property
    def where(self) -> Where:
        """Return the second one's place."""
        return self.other.where


class TwoEncodings(SameInput):
    """Such a pair, once as base64 and once as numbers, as asked for."""

    @classmethod
    def _fits(cls, one: Vector, other: Vector) -> bool:
        return {type(one.raw), type(other.raw)} == {str, list} and {one.encoding, other.encoding} == {"base64", "float"}


class AloneAndAmong(SameInput):
    """Such a pair in one encoding and size, once alone and once among others."""

    @classmethod
    def _fits(cls, one: Vector, other: Vector) -> bool:
        alike = one.encoding == other.encoding and len(one.numbers) == len(other.numbers)
        return alike and len(one.answer.items) == 1 < len(other.answer.items)

    @property
    def nearer(self) -> Vector | None:
        """Return the neighbour that has the vector of this input, None where it has its own."""
        neighbours = [vector for vector in _vectors(self.other.transcript) if vector.is_sound]
        alike = [vector for vector in neighbours if len(vector.numbers) == len(self.one.numbers)]
        best = max(alike, key=self.one.likeness, default=self.other)
        return best if self.one.likeness(best) > self.one.likeness(self.other) + 1e-3 else None


class EmbeddingRequest(EndpointRequest):
    """An answer to a request for embeddings."""

    to = "embeddings"

    @classmethod
    def _served(cls, transcripts: Sequence[Transcript]) -> bool:
        return any(True for _ in EmbeddingList.among(transcripts))


class EmptyInput(EmbeddingRequest):
    """One for the vector of an empty text, or of none."""

    @classmethod
    def _asks(cls, request: dict[str, Any]) -> bool:
        return request.get("input") in ("", [])


class TokenInput(EmbeddingRequest):
    """One whose input consists of token numbers, and that was not refused in so many words."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return super()._fits(transcript) and not 400 <= (transcript.status or 0) < 500

    @classmethod
    def _asks(cls, request: dict[str, Any]) -> bool:
        return in_few_ids(request.get("input"))


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _vectors(transcript: Transcript) -> list[Vector]:
    found = []
    for answer in EmbeddingList.among([transcript]):
        for position, item in enumerate(answer.items):
            if isinstance(item, dict) and isinstance(item.get("embedding"), str | list):
                found.append(Vector(answer, position, item["embedding"]))
    return found

"""Instances of annotated places of a schema: what the requirements that stand in schemas quantify over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.place import Where
from conformance.schema import SchemaError, errors, instances
from conformance.transcript import Transcript
from conformance.views.answer import Failure, JSONBody
from conformance.views.chunk import Chunk
from conformance.views.memo import once
from conformance.views.reply import ModelList, Reply

Body = Chunk | JSONBody
BODIES: dict[str, type[Chunk] | type[JSONBody]] = {
    "chat.completion.chunk": Chunk,
    "chat.completion": Reply,
    "error": Failure,
    "model.list": ModelList,
}


@dataclass(eq=False)
class Instance:
    """A JSON value at an annotated place, or its absence there, and what the schema has against it."""

    body: Body
    pointer: str
    error: SchemaError | None = None

    @property
    def transcript(self) -> Transcript:
        """Return the transcript."""
        return self.body.transcript

    @property
    def where(self) -> Where:
        """Return the place of the event or body, and the pointer."""
        place = self.body.where
        return Where(place.event, place.start, place.stop, self.pointer)


@dataclass(frozen=True)
class Instances:
    """All instances of one requirement's places; `paths` lists them by schema."""

    requirement: str
    paths: Mapping[str, tuple[tuple[str, ...], ...]]

    def among(self, transcripts: Sequence[Transcript]) -> Iterator[Instance]:
        """Return what was visited, and what is missing."""
        for name, paths in self.paths.items():
            for body, found in _validated(name, transcripts):
                failed = {error.pointer: error for error in found.get(self.requirement, ())}
                for path in paths:
                    for pointer in instances(body.value, path):
                        yield Instance(body, pointer, failed.pop(pointer, None))
                for pointer, error in failed.items():
                    yield Instance(body, pointer, error)


ErrorsOf = dict[str, list[SchemaError]]


def _validated(name: str, transcripts: Sequence[Transcript]) -> Iterable[tuple[Body, ErrorsOf]]:
    """Return every body of a kind, with the schema's errors by requirement; computed once a transcript."""

    def build(transcript: Transcript) -> list[tuple[Body, ErrorsOf]]:
        return [(body, _by_requirement(name, body.value)) for body in _bodies(name, transcript)]

    return (pair for transcript in transcripts for pair in once(transcript, (Instances, name), build))


def _bodies(name: str, transcript: Transcript) -> Iterable[Body]:
    for body in BODIES[name].among([transcript]):
        if isinstance(body, Chunk) or not body.text.error:
            yield body


def _by_requirement(name: str, value: Any) -> ErrorsOf:
    found: ErrorsOf = {}
    for error in errors(name, value):
        found.setdefault(error.requirement, []).append(error)
    return found

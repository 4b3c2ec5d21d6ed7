"""Instances of annotated places of a schema: what the requirements that stand in schemas quantify over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from conformance.place import Where
from conformance.schema import SchemaError, census
from conformance.transcript import Transcript
from conformance.views.answer import Failure, JSONBody
from conformance.views.chunk import Chunk
from conformance.views.completion import CompletionObject
from conformance.views.embedding import EmbeddingList
from conformance.views.memo import once
from conformance.views.model import Model
from conformance.views.reply import Answered, ModelList

Body = Chunk | JSONBody
Kind = type[Chunk] | type[JSONBody] | type[CompletionObject]
BODIES: dict[str, Kind] = {
    "chat.completion.chunk": Chunk,
    "chat.completion": Answered,
    "text_completion": CompletionObject,
    "embeddings.list": EmbeddingList,
    "error": Failure,
    "model.list": ModelList,
    "model": Model,
}


@dataclass(eq=False)
class Instance:
    """A place within a body, by its JSON pointer, and what the schema has against it."""

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


@dataclass(eq=False)
class Visited:
    """All instances of a requirement's places in one transcript: how many there are, and the wrong ones."""

    count: int
    wrong: list[Instance]


@dataclass(frozen=True, eq=False)
class Instances:
    """The quantifier of a requirement that stands in schemas."""

    requirement: str

    def among(self, transcripts: Sequence[Transcript]) -> list[Visited]:
        """Return what was visited in each transcript, where there was anything."""
        name = self.requirement
        return [found for each in transcripts for found in once(each, Instances, _visited).get(name, ())]


def _visited(transcript: Transcript) -> dict[str, list[Visited]]:
    """Return what was visited, and what is wrong, in all bodies of all kinds, by requirement."""
    visited = defaultdict[str, list[Visited]](list)
    for name, bodies in BODIES.items():
        for requirement, found in _of_kind(name, bodies, transcript).items():
            visited[requirement].append(found)
    return dict(visited)


def _of_kind(name: str, kind: Kind, transcript: Transcript) -> dict[str, Visited]:
    bodies = [b for b in kind.among([transcript]) if not isinstance(b, JSONBody) or not b.text.error]
    found = census(name, (body.value for body in bodies))
    wrong = defaultdict[str, list[Instance]](list)
    for number, error in found.errors:
        wrong[error.requirement].append(Instance(bodies[number], error.pointer, error))
    # What is missing where it is required was looked for, so it counts as visited.
    visits = dict(found.visits) | {key: max(found.visits.get(key, 0), len(here)) for key, here in wrong.items()}
    return {key: Visited(count, wrong[key]) for key, count in visits.items()}

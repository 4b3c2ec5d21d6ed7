"""Instances of annotated places of a schema: what the requirements that stand in schemas quantify over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

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
BODIES: dict[str, type[Chunk] | type[JSONBody] | type[CompletionObject]] = {
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
    schemas: tuple[str, ...]

    def among(self, transcripts: Sequence[Transcript]) -> list[Visited]:
        """Return what was visited in each transcript, where there was anything."""
        every = (_validated(name, transcript) for transcript in transcripts for name in self.schemas)
        return [
            Visited(visits[self.requirement], wrong[self.requirement])
            for visits, wrong in every
            if self.requirement in visits
        ]


Validated = tuple[dict[str, int], defaultdict[str, list[Instance]]]


def _validated(name: str, transcript: Transcript) -> Validated:
    """Return what was visited and what is wrong in all bodies of a kind, by requirement; computed once a transcript."""
    return once(transcript, _KEYS[name], _BUILDERS[name])


def _build(name: str, transcript: Transcript) -> Validated:
    bodies = [b for b in BODIES[name].among([transcript]) if not isinstance(b, JSONBody) or not b.text.error]
    found = census(name, (body.value for body in bodies))
    wrong = defaultdict[str, list[Instance]](list)
    for number, error in found.errors:
        wrong[error.requirement].append(Instance(bodies[number], error.pointer, error))
    # What is missing where it is required was looked for, so it counts as visited.
    visits = dict(found.visits) | {key: max(found.visits.get(key, 0), len(here)) for key, here in wrong.items()}
    return visits, wrong


_KEYS = {name: (Instances, name) for name in BODIES}
_BUILDERS = {name: partial(_build, name) for name in BODIES}

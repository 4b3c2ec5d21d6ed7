"""Reasoning beside the text, under either of the names that servers give it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from conformance.place import Where
from conformance.transcript import Transcript
from conformance.views.turn import REASONING, Said, Turn


class ReasoningTurn(Turn):
    """A turn with reasoning."""

    def _fits(self) -> bool:
        return bool(self.reasoning)


@dataclass(eq=False)
class ReasoningSaid:
    """A chunk or a message that has reasoning under at least one name, whatever it is."""

    said: Said

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Self]:
        """Return the places of this kind in all turns."""
        found = (cls(said) for turn in Turn.among(transcripts) for said in turn.said)
        return (place for place in found if place._fits())

    def _fits(self) -> bool:
        return any(value is not None for value in self.values.values())

    @property
    def values(self) -> dict[str, Any]:
        """Return what stands under the names, where they are there."""
        return {key: self.said.message[key] for key in REASONING if key in self.said.message}

    @property
    def transcript(self) -> Transcript:
        """Return the transcript."""
        return self.said.place.transcript

    @property
    def where(self) -> Where:
        """Return the place."""
        return self.said.place.where


class AliasedSaid(ReasoningSaid):
    """Such a place with reasoning under both names."""

    def _fits(self) -> bool:
        return all(isinstance(self.values.get(key), str) for key in REASONING)

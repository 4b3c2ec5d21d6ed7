"""What reading gives: exchanges, or words about what could not be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from conformance.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Batch:
    """Exchanges to be judged together: nearly always one; of a folder of transcripts all."""

    exchanges: tuple[Exchange, ...]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A file, or part of one, that can't be read."""

    path: str
    message: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """Part of a file that holds nothing to judge."""

    path: str
    message: str


Item: TypeAlias = Batch | Trouble | Skipped


@dataclass
class Tally:
    """Counts alike mishaps of one file, so that each file gets one line and not thousands."""

    path: str
    unit: str
    first: dict[str, str] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, place: str) -> None:
        """Note that something happened at a place."""
        self.first.setdefault(kind, place)
        self.times[kind] = self.times.get(kind, 0) + 1

    def words(self) -> str:
        """Return all that happened, on one line."""
        return "; ".join(self._of(kind) for kind in self.first)

    def _of(self, kind: str) -> str:
        more = self.times[kind] - 1
        return f"{self.first[kind]}: {kind}" + (f" (and {more} more {self.unit}{'s' * (more > 1)})" if more else "")

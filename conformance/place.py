"""Places that a finding can point at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from conformance.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a transcript: event number, byte range of the body, JSON pointer into the event or body."""

    event: int | None = None
    start: int | None = None
    stop: int | None = None
    pointer: str | None = None


class Place(Protocol):
    """Anything a finding can point at."""

    @property
    def transcript(self) -> Transcript:
        """Return the transcript it stands in."""

    @property
    def where(self) -> Where:
        """Return where in the transcript it stands."""

"""JSON texts: the data of events, and bodies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from conformance.json_text import JSONText
from conformance.place import Place, Where
from conformance.transcript import Transcript
from conformance.views.answer import JSONBody
from conformance.views.stream import Event


@dataclass(eq=False)
class Text:
    """One JSON text that could be read."""

    place: Place
    text: JSONText

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Text]:
        """Return all JSON texts of all answers."""
        for event in Event.among(transcripts):
            if not event.is_marker and not event.text.error:
                yield cls(event, event.text)
        for body in JSONBody.among(transcripts):
            if not body.text.error:
                yield cls(body, body.text)

    @property
    def transcript(self) -> Transcript:
        """Return the transcript."""
        return self.place.transcript

    @property
    def where(self) -> Where:
        """Return the place."""
        return self.place.where

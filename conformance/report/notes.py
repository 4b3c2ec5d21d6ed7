"""What a reader checked by hand in the bytes of a run, kept beside the page that is generated from it.

[[finding]]
requirement = "usage-sent-when-asked"     # or a list of them, where one sentence is true of several
checked = "No chunk of the stream has the key usage."
sometimes = true                          # optional: a race that not every run shows
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEYS = {"requirement", "checked", "sometimes"}


class NotesError(ValueError):
    """Notes cannot be read, or speak of what is not in the report; the message says which and why."""


@dataclass(frozen=True)
class Note:
    """One sentence about the findings of a requirement; `sometimes`: not every run has them."""

    requirement: str
    checked: str
    sometimes: bool = False


Notes = Mapping[str, Note]


def load(path: Path) -> Notes:
    """Read a file of notes; raises NotesError."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotesError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise NotesError(f"{path} is not TOML: {error}") from None
    entries = document.get("finding", [])
    if set(document) - {"finding"} or not isinstance(entries, list):
        raise NotesError(f"{path}: [[finding]] is all that is known here")
    notes = dict[str, Note]()
    for number, entry in enumerate(entries, 1):
        for note in _notes(f"{path}: finding {number}", entry):
            if note.requirement in notes:
                raise NotesError(f"{path}: two notes on {note.requirement}")
            notes[note.requirement] = note
    return notes


def _notes(place: str, entry: Any) -> Iterable[Note]:
    if not isinstance(entry, dict) or set(entry) - KEYS:
        raise NotesError(f"{place}: its keys are requirement, checked and sometimes")
    names, checked, sometimes = entry.get("requirement"), entry.get("checked"), entry.get("sometimes", False)
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise NotesError(f"{place}: requirement is an id, or a list of them")
    if not isinstance(checked, str) or not checked.strip() or not isinstance(sometimes, bool):
        raise NotesError(f"{place}: checked is a sentence, and sometimes true or false")
    return [Note(name, " ".join(checked.split()), sometimes) for name in names]

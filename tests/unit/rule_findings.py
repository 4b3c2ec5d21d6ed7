"""What one requirement finds in a stream that is made for it."""

from typing import Any

import conformance.requirements  # noqa: F401 - fills the registry
from conformance import goldens
from conformance.mutation import edit_chunks
from conformance.requirement import REGISTRY
from conformance.transcript import Transcript


def stream(*chunks: list[dict[str, Any]], golden: str = "chat-stream") -> Transcript:
    """Return a stream of these chunks, each given by its choices."""

    def put(old: list[dict[str, Any]]) -> None:
        old[:] = [old[0] | {"choices": choices} for choices in chunks]

    return edit_chunks(goldens.load(golden), put)


def found(name: str, *transcripts: Transcript) -> list[tuple[int | None, str]]:
    """Return the event and the pointer of what one requirement finds."""
    requirement = REGISTRY.requirements[name]
    subjects = requirement.subject.among(transcripts)
    places = [place.where for subject in subjects for place, _, _ in requirement.check(subject)]
    return [(place.event, place.pointer) for place in places]

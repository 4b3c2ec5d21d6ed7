"""Views are computed once a transcript, however many requirements read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from conformance.transcript import Transcript

V = TypeVar("V")


def once(transcript: Transcript, kind: object, build: Callable[[Transcript], V]) -> V:
    """Return what `build` makes of the transcript, kept with it under `kind`."""
    if kind not in transcript.derived:
        transcript.derived[kind] = build(transcript)
    value: V = transcript.derived[kind]
    return value

"""Correct transcripts, recorded from the reference server: what faults start from, and what trips nothing."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from conformance.transcript import Transcript, loads


@cache
def names() -> tuple[str, ...]:
    """Return the names of all goldens."""
    folder = files("conformance.goldens")
    return tuple(sorted(p.name.removesuffix(".json") for p in folder.iterdir() if p.name.endswith(".json")))


@cache
def load(name: str) -> Transcript:
    """Return a golden by its name, which is that of the probe it answers."""
    return loads((files("conformance.goldens") / f"{name}.json").read_text(encoding="utf-8"))

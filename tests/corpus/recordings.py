"""Recorded traffic of real servers, kept by public repositories; third-party data that is read and never committed."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from conformance.transcript import Facet, Read, Request, Transcript

FILE = Path(__file__).parents[3] / "shared" / "recordings" / "recordings.jsonl.gz"

# What each fidelity lets a recording know: the one table, and the only exemption there is. Framing is never known, as
# recorders undo codings and keep the lengths.
KNOWS: dict[str, tuple[Facet, ...]] = {
    "exact": ("request", "headers", "bytes", "chunks", "ids", "ending"),
    "exact-body-only": ("bytes", "chunks", "ids", "ending"),
    "body-only": ("chunks", "ids"),
    "redacted": ("request", "chunks"),
    "chunks-only": ("chunks", "ids"),
    "reserialised": ("request", "chunks", "ids"),
}


@dataclass(frozen=True)
class Recording:
    """One recorded answer: whose, from where, and what it knows."""

    vendor: str
    name: str
    transcript: Transcript


@cache
def recordings() -> list[Recording]:
    """Return all recordings without traces of hand editing."""
    with gzip.open(FILE, "rt", encoding="utf-8") as lines:
        return list(_read(json.loads(line) for line in lines))


def _read(rows: Iterator[dict[str, Any]]) -> Iterator[Recording]:
    for row in rows:
        provenance = row["provenance"]
        if provenance.get("suspect"):
            continue
        body = row["body"] if isinstance(row["body"], str) else json.dumps(row["body"])
        transcript = Transcript(
            request=Request(path=row["endpoint"], json=row["request"]),
            status=row["status"] or 200,
            headers=tuple((row["headers"] or {}).items()),
            reads=(Read(0.0, body.encode("utf-8", "surrogatepass")),),
            knows=frozenset(KNOWS[provenance["fidelity"].split(" ")[0]]),
        )
        yield Recording(row["vendor"], f"{provenance['repo']} {provenance['path']}", transcript)

"""Recorded answers, and which of them fits a request best."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.features import endpoint, features
from conformance.redact import shortened
from conformance.transcript import Request, Transcript, TranscriptError, loads


class NoAnswerError(LookupError):
    """Nothing recorded fits a request; `status` is what the client is told, `allowed` the methods that would do."""

    def __init__(self, message: str, status: int, allowed: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.status, self.allowed = status, tuple(sorted(set(allowed)))


def read(files: Iterable[Path]) -> list[Transcript]:
    """Read transcript files, and all those in folders; raises OSError, and TranscriptError with the file's name."""
    found = []
    for path in (each for file in files for each in _listed(file)):
        try:
            found.append(loads(path.read_bytes()))
        except TranscriptError as error:
            raise TranscriptError(f"{path}: {error}") from error
    if not found:
        raise TranscriptError("no transcripts there")
    return found


@dataclass
class Recordings:
    """Transcripts to answer from. Of several that fit equally well, the one least used so far is given."""

    transcripts: Sequence[Transcript]
    _used: Counter[int] = field(default_factory=Counter)

    def answer(self, method: str, path: str, body: bytes) -> Transcript:
        """Return the transcript whose request is most like this one; raises NoAnswerError."""
        fitting = [t for t in self.transcripts if _same_place(t.request.path, path)]
        if not fitting:
            raise NoAnswerError(f"Invalid URL ({method} {path})", 404)
        candidates = [t for t in fitting if t.request.method == method]
        if not candidates:
            raise NoAnswerError(
                f"Not allowed to {method} on {path}",
                405,
                (t.request.method for t in fitting if t.request.method.isascii()),
            )
        ranks = [(_likeness(t.request, path, body), t.status is not None and t.status < 400) for t in candidates]
        equal = [t for t, rank in zip(candidates, ranks, strict=True) if rank == max(ranks)]
        chosen = min(equal, key=lambda t: self._used[id(t)])
        self._used[id(chosen)] += 1
        return chosen

    def models(self) -> dict[str, Any]:
        """Return a list of the models that were asked for, for the case that no such list was recorded."""
        bodies = [t.request.json for t in self.transcripts if t.status == 200 and isinstance(t.request.json, dict)]
        names = [body["model"] for body in bodies if isinstance(body.get("model"), str)]
        cards = [{"id": name, "object": "model", "created": 0, "owned_by": "replay"} for name in dict.fromkeys(names)]
        return {"object": "list", "data": cards}


def _listed(file: Path) -> Iterator[Path]:
    yield from sorted(file.glob("*.json")) if file.is_dir() else [file]


def _same_place(recorded: str, asked: str) -> bool:
    """Tell whether two paths mean the same, whatever stands before `/v1`."""
    kind = endpoint(asked)
    if kind in ("unknown", "model"):
        tails = sorted((_tail(recorded), _tail(asked)), key=len)
        return f"/{tails[1]}".endswith(f"/{tails[0]}") and bool(tails[0] or not tails[1])
    return endpoint(recorded) == kind


def _tail(path: str) -> str:
    path = path.partition("?")[0].rstrip("/")
    _, version, tail = path.rpartition("/v1/")
    return tail if version else path.lstrip("/")


def _likeness(recorded: Request, path: str, body: bytes) -> tuple[float, ...]:
    """Return how well a recorded request fits, the weightiest reason first."""
    if recorded.text is not None and recorded.text.encode("utf-8", "surrogateescape") == body:
        return (2.0,)
    try:
        asked: Any = shortened(json.loads(body)) if body.strip() else None
    except (ValueError, RecursionError):
        return 0.0, float(recorded.text is not None)
    if recorded.text is not None:
        return (-1.0,)
    known = recorded.json
    if not isinstance(asked, dict) or not isinstance(known, dict):
        return (float(known == asked),)
    ours, theirs = ({k: v for k, v in each.items() if k != "model"} for each in (asked, known))
    traits = features(Request("POST", path, json=asked)), features(Request("POST", path, json=known))
    shared = sum(1 for key in ours if key in theirs and ours[key] == theirs[key])
    return (
        float(known == asked),
        float(ours == theirs),
        float((asked.get("stream") is True) == (known.get("stream") is True)),
        -float(len(traits[0] ^ traits[1])),
        shared / max(1, len(ours.keys() | theirs.keys())),
    )

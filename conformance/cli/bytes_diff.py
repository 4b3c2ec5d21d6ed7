"""A correct answer and a spoilt one, as the lines of a unified diff, with what does not print spelled out."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from itertools import chain, zip_longest

from conformance.report.escape import visible, visible_bytes
from conformance.transcript import Request, Transcript

LONGEST = 150  # characters of a line
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")


def difference(golden: Transcript, spoilt: Transcript) -> Iterator[str]:
    """Yield the lines in which two transcripts differ, one line of context around them."""
    old, new = _rendered(golden), _rendered(spoilt)
    if golden.request != spoilt.request:
        old, new = [*_request(golden.request), *old], [*_request(spoilt.request), *new]
    if old == new:
        old, new = [*old, *_times(golden)], [*new, *_times(spoilt)]
    removed: list[str] = []
    added: list[str] = []
    for line in difflib.unified_diff(old, new, "correct", "fault", lineterm="", n=1):
        if line[:1] == "-" and line != "--- correct":
            removed.append(line)
        elif line[:1] == "+" and line != "+++ fault":
            added.append(line)
        else:
            yield from _changed(removed, added)
            removed, added = [], []
            yield _around(line, 0)
    yield from _changed(removed, added)


def _request(request: Request) -> list[str]:
    body = request.text if request.json is None else json.dumps(request.json, ensure_ascii=False)
    lines = [f"{request.method} {request.path}", *(f"{name}: {value}" for name, value in request.headers), body or ""]
    return [visible(f"> {line}") for line in lines]


def _rendered(transcript: Transcript) -> list[str]:
    """Return status, headers, body and ending, a line each."""
    head = [f"status {transcript.status}", *(f"{name}: {value}" for name, value in transcript.headers)]
    raw = [] if transcript.head is None else [part for part in _LINE.findall(transcript.head) if part]
    framing = [f"(connection: {transcript.connection})"] if transcript.connection else []
    body = [part for part in _LINE.findall(transcript.body()) if part]
    lines = chain(map(visible, head), ("raw head:", *map(visible_bytes, raw)) if raw else (), framing)
    return [*lines, *map(_body_line, body), f"(ending: {transcript.ending.kind})"]


def _body_line(line: bytes) -> str:
    """Return a line of the body; its end is shown unless it is the usual one."""
    if line.endswith(b"\n") and not line.endswith(b"\r\n"):
        return visible_bytes(line[:-1])
    return visible_bytes(line) + ("" if line.endswith((b"\r", b"\n")) else "<end without line feed>")


def _times(transcript: Transcript) -> list[str]:
    events = [f"({event.kind} at {event.at:.3f} s)" for event in transcript.client_events]
    ended = transcript.ending.at
    return [
        *(f"(bytes {len(read.data)} at {read.at:.3f} s)" for read in transcript.reads),
        *events,
        f"(ended at {'?' if ended is None else f'{ended:.3f}'} s)",
    ]


def _changed(removed: list[str], added: list[str]) -> Iterator[str]:
    """Yield changed lines; of long ones the part in which they differ."""
    starts = [_common(old[1:], new[1:]) for old, new in zip_longest(removed, added, fillvalue="")]
    yield from (_around(line, start) for line, start in zip(removed, starts, strict=False))
    yield from (_around(line, start) for line, start in zip(added, starts, strict=False))


def _common(old: str, new: str) -> int:
    """Return how many characters two texts begin with alike."""
    return next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))


def _around(line: str, start: int) -> str:
    if len(line) <= LONGEST:
        return line
    sign, text = line[0], line[1:]
    first = max(0, min(start - LONGEST // 3, len(text) - LONGEST))
    shown = text[first : first + LONGEST]
    return f"{sign}{'...' if first else ''}{shown}{'...' if first + LONGEST < len(text) else ''}"

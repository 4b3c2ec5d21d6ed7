"""Ways to spoil a well-formed transcript, for faults: each returns a new transcript and leaves the clock alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from conformance.transcript import Read, Transcript

BLANK = b"\n\n"


def blocks(transcript: Transcript) -> list[bytes]:
    """Return the events of a golden stream, each without its blank line."""
    return transcript.body().split(BLANK)[:-1]


def with_blocks(transcript: Transcript, new: Sequence[bytes], *, end: bytes = BLANK) -> Transcript:
    """Return the stream made of these events, each read at the time of the one that stood in its place."""
    times = [read.at for read in transcript.reads] or [0.0]
    reads = tuple(Read(times[min(i, len(times) - 1)], block + end) for i, block in enumerate(new))
    return replace(transcript, reads=reads)


def edit_blocks(transcript: Transcript, edit: Callable[[list[bytes]], object]) -> Transcript:
    """Return the stream after `edit` changed the list of its events in place."""
    new = blocks(transcript)
    edit(new)
    return with_blocks(transcript, new)


def edit_chunks(transcript: Transcript, edit: Callable[[list[dict[str, Any]]], object]) -> Transcript:
    """Return the stream after `edit` changed the list of its chunks in place; the marker stays last."""
    old = blocks(transcript)
    chunks = [json.loads(block.removeprefix(b"data: ")) for block in old if not block.endswith(b"[DONE]")]
    markers = [block for block in old if block.endswith(b"[DONE]")]
    edit(chunks)
    return with_blocks(transcript, [data(chunk) for chunk in chunks] + markers)


def edit_chunk(transcript: Transcript, number: int, edit: Callable[[dict[str, Any]], object]) -> Transcript:
    """Return the stream after `edit` changed one chunk in place; a negative number counts from the last."""
    return edit_chunks(transcript, lambda chunks: edit(chunks[number]))


def edit_delta(transcript: Transcript, number: int, edit: Callable[[dict[str, Any]], object]) -> Transcript:
    """Return the stream after `edit` changed the first delta of one chunk in place."""
    return edit_chunk(transcript, number, lambda chunk: edit(chunk["choices"][0]["delta"]))


def edit_json(transcript: Transcript, edit: Callable[[Any], object]) -> Transcript:
    """Return the whole answer after `edit` changed its JSON in place, or returned another in its stead."""
    value = json.loads(transcript.body())
    changed = edit(value)
    return transcript.with_body(json.dumps(value if changed is None else changed, ensure_ascii=False).encode())


def replace_bytes(transcript: Transcript, old: bytes, new: bytes, count: int = 1) -> Transcript:
    """Return the answer with bytes replaced in its body; the bytes must be there."""
    body = transcript.body()
    if old not in body:
        raise ValueError(f"{old!r} is not in the body of {transcript.probe}")
    return transcript.with_body(body.replace(old, new, count))


def with_header(transcript: Transcript, name: str, value: str | None) -> Transcript:
    """Return the answer with a header set, or removed where the value is None."""
    kept = tuple((key, old) for key, old in transcript.headers if key.lower() != name)
    return replace(transcript, headers=kept if value is None else (*kept, (name, value)))


def data(value: object) -> bytes:
    """Return a value as an event the way OpenAI writes it, without the blank line."""
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def set_at(value: Any, pointer: str, new: object) -> Any:
    """Set what a JSON pointer leads to, in place; return the document, which is `new` itself for the pointer ""."""
    if not pointer:
        return new
    parent, key = _parent(value, pointer)
    parent[key] = new
    return value


def remove_at(value: Any, pointer: str) -> None:
    """Remove what a JSON pointer leads to, in place."""
    parent, key = _parent(value, pointer)
    del parent[key]


def _parent(value: Any, pointer: str) -> tuple[Any, Any]:
    *parts, last = pointer.split("/")[1:]
    for part in parts:
        value = value[int(part) if isinstance(value, list) else part]
    return value, int(last) if isinstance(value, list) else last

"""Secrets that a server echoes: replaced before a transcript is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from conformance.transcript import Read, Transcript

BLOT = "***"
LONG_TEXT = 50_000  # characters: longer ones are not kept
SHORT = 12  # characters: a shorter secret counts only as a whole word, lest a stray "secret" in a text be one


class Redactor:
    """Replaces secrets, in each spelling they may come back in."""

    def __init__(self, secrets: Iterable[str]) -> None:
        pattern = "|".join(
            rf"(?<![\w-]){re.escape(spelling)}(?![\w-])" if len(spelling) < SHORT else re.escape(spelling)
            for secret in sorted(secrets, key=len, reverse=True)
            for spelling in dict.fromkeys((secret, json.dumps(secret)[1:-1], quote(secret, safe="")))
        )
        self._text = re.compile(pattern) if pattern else None
        self._bytes = re.compile(pattern.encode()) if pattern else None

    def text(self, text: str) -> str:
        """Return a text without secrets."""
        return self._text.sub(BLOT, text) if self._text else text

    def transcript(self, transcript: Transcript) -> Transcript:
        """Return the transcript without secrets.

        Where one was found in the body, its length and bytes are no longer as sent, and it says so.
        """
        if self._bytes is None:
            return transcript
        headers = tuple((name, self.text(value)) for name, value in transcript.headers)
        ending = replace(transcript.ending, detail=self.text(transcript.ending.detail))
        clean = replace(transcript, headers=headers, ending=ending)
        body = transcript.body()
        spans = [found.span() for found in self._bytes.finditer(body)]
        if not spans:
            return clean
        return replace(
            clean,
            reads=_without(transcript.reads, body, spans),
            knows=transcript.knows - {"framing", "bytes"},
            notes=(*transcript.notes, f"the server echoed a secret {len(spans)} times; it was replaced by {BLOT}"),
        )


def shortened(value: Any) -> Any:
    """Return what was sent with its long texts cut: nobody wants a megabyte of prompt in a report."""
    if isinstance(value, str) and len(value) > LONG_TEXT:
        return f"{value[:80]}... ({len(value)} characters)"
    if isinstance(value, dict):
        return {key: shortened(each) for key, each in value.items()}
    return [shortened(each) for each in value] if isinstance(value, list) else value


def _without(reads: Iterable[Read], body: bytes, spans: list[tuple[int, int]]) -> tuple[Read, ...]:
    """Return the reads with each span replaced where it begins; a span may go over several reads."""
    clean, offset = [], 0
    for read in reads:
        stop, kept = offset + len(read.data), b""
        for start, end in spans:
            if end <= offset or start >= stop:
                continue
            kept += body[offset : max(offset, start)]
            if start >= offset:
                kept += BLOT.encode()
            offset = min(end, stop)
        clean.append(Read(read.at, kept + body[offset:stop]))
        offset = stop
    return tuple(read for read in clean if read.data)

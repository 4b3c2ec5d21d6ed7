"""What differs from run to run without a meaning: ids, times and paths, replaced so that two runs can be compared."""

from __future__ import annotations

import re

# Each keeps its first group, and loses the rest of what it matches.
VOLATILE = [
    re.compile(pattern)
    for pattern in (
        rb'("created": ?)\d{9,}',
        rb"()\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
        rb"(\b(?:chatcmpl|cmpl)-)[0-9A-Za-z]{20,}",
        rb'("id": ?")[0-9A-Za-z]{20,}(?=")',
        rb'("timings": ?\{)[^{}]*(?=\})',
        rb"()/[^\s\"'\\]*(?=/site-packages/)",
        rb'("cached_tokens": ?)\d+',
    )
]
MOVING_HEADERS = frozenset(
    {"content-length", "date", "x-request-id", "openai-processing-ms", "server", "keep-alive", "connection"}
)
MARK = "…"


def steady(data: bytes) -> bytes:
    """Return a text of a server without what is another in every run."""
    for pattern in VOLATILE:
        data = pattern.sub(lambda found: found[1] + MARK.encode(), data)
    return data

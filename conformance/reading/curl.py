"""What `curl -i` prints: the head of each answer on the way, a blank line, and the body of the last."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from conformance.exchange import Headers, from_bytes
from conformance.transcript import SECRET_HEADERS, Ending, Transcript

_STATUS = re.compile(rb"HTTP/(\d(?:\.\d)?) (\d{3})[^\r\n]*\r?\n?")
_BLANK = re.compile(rb"(?:\r?\n){2}|\A\r?\n")
LONGEST_HEAD = 1 << 20


@dataclass(frozen=True, slots=True)
class Head:
    """The head of the final answer, and where its body begins."""

    status: int
    headers: Headers
    stop: int


def begins_with_head(data: bytes) -> bool:
    """Tell whether a status line is the first thing there."""
    return _STATUS.match(data) is not None


def final_head(data: bytes) -> Head | None:
    """Return the head that the body follows, None where its end has not come yet.

    Interim answers, a proxy's consent and redirects have heads of their own, which come first.
    """
    start = 0
    while line := _STATUS.match(data, start):
        blank = _BLANK.search(data, line.end() - 1, start + LONGEST_HEAD)
        if blank is None:
            return None
        head = Head(int(line.group(2)), _headers(data[line.end() : blank.start()]), blank.end())
        interim = 100 <= head.status < 200
        if not _STATUS.match(data, head.stop) and not (interim and head.stop == len(data)):
            return head
        start = head.stop
    return None


def transcript(data: bytes, head: Head, *, default_endpoint: str = "") -> Transcript:
    """Return the transcript of such an output."""
    body = data[head.stop :]
    found = from_bytes(body, status=head.status, headers=head.headers, default_endpoint=default_endpoint)
    length = found.header("content-length") or ""
    coded = (found.header("content-encoding") or "identity") != "identity"
    if length.isdecimal() and len(length) < 16 and len(body) + 2 < int(length) and not coded:
        # Two may be blanks that an editor removed.
        return replace(found, ending=Ending("truncated", detail=f"{len(body)} of {length} bytes"))
    return found


def _headers(head: bytes) -> Headers:
    pairs = []
    for line in head.decode("latin-1").splitlines():
        name, colon, value = line.partition(":")
        if colon and name.strip().lower() not in SECRET_HEADERS:
            pairs.append((name, value.strip(" \t")))
    return tuple(pairs)

"""From the place of a finding to the bytes it means: a JSON pointer narrows an event down to one value."""

from __future__ import annotations

import json
import re

from conformance.place import Where

LARGEST = 1_000_000  # bytes of an event or body that are searched for a value
_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\r\n]*")
_DATA = re.compile(rb"data: ?")


def narrow(body: bytes, where: Where) -> tuple[int, int] | None:
    """Return the range of the body that a place means, None where it lies outside of the body.

    A pointer to something that is missing means the innermost value that exists.
    """
    if where.start is None and where.pointer is None:
        return None
    start = min(max(where.start or 0, 0), len(body))
    stop = len(body) if where.stop is None else min(max(where.stop, start), len(body))
    if where.pointer is None or stop - start > LARGEST:
        return start, stop
    region = body[start:stop]
    if (label := _DATA.match(region)) and b"\n" not in region and b"\r" not in region:
        start += label.end()
        region = region[label.end() :]
    text = region.decode("utf-8", "surrogateescape")
    found = locate(text, where.pointer)
    if found is None or not where.pointer:
        return start, stop
    first, last = (len(text[:at].encode("utf-8", "surrogateescape")) for at in found)
    return start + first, start + last


def locate(text: str, pointer: str) -> tuple[int, int] | None:
    """Return the character range of the value a JSON pointer names, or of the innermost one that exists."""
    tokens = [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]
    try:
        start = _skip(text, 0)
        stop = _end(text, start)
        for token in tokens:
            entered = _enter(text, start, token)
            if entered is None:
                break
            start, stop = entered
    except (ValueError, IndexError, RecursionError):
        return None
    return start, stop


def _enter(text: str, at: int, token: str) -> tuple[int, int] | None:
    """Return the range of one member of the object or array that begins at `at`."""
    opening, index = text[at], 0
    if opening not in "{[":
        return None
    at = _skip(text, at + 1)
    while text[at] not in "}]":
        if opening == "{":
            key, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)
        else:
            key, index = str(index), index + 1
        stop = _end(text, at)
        if key == token:
            return at, stop
        at = _skip(text, stop)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return None


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    assert blank is not None
    return blank.end()


def _end(text: str, at: int) -> int:
    return _DECODER.raw_decode(text, at)[1]

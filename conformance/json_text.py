"""JSON texts, read as RFC 8259 has them, with their oddities reported and never repaired."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal, NamedTuple

OddityKind = Literal["not-a-number", "duplicate-key", "lone-surrogate", "unsafe-integer"]

SAFE_INTEGER = 2**53 - 1
MAX_DEPTH = 500  # of nested arrays and objects: far beyond any API, well below the interpreter's limit
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
SURELY_SAFE = 15  # characters of an integer


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something that strict parsers refuse or read differently, in words of at most one line."""

    kind: OddityKind
    detail: str


class JSONText(NamedTuple):
    """The outcome of parsing: a value, or the `error` that says why there is none.

    `value` of a text with oddities is what a lenient parser makes of it.
    """

    value: Any = None
    error: str = ""
    oddities: tuple[Oddity, ...] = ()


@dataclass
class _Notes:
    """Hooks for the decoder, which note what it would accept in silence."""

    found: list[Oddity] = field(default_factory=list)

    def constant(self, name: str) -> float:
        self.found.append(Oddity("not-a-number", name))
        return float(name.lower().replace("infinity", "inf"))

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) != len(pairs):
            repeated = (key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
            self.found.extend(Oddity("duplicate-key", show(key)) for key in islice(repeated, 10))
        return value

    def integer(self, digits: str) -> int | float:
        if len(digits) > 400:
            self.found.append(Oddity("unsafe-integer", f"{digits[:20]}... ({len(digits)} characters)"))
            return float("inf")
        value = int(digits)
        if abs(value) > SAFE_INTEGER:
            self.found.append(Oddity("unsafe-integer", digits))
        return value


class _OddError(Exception):
    """The text has an oddity, which is to be noted."""


def _plain_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _OddError
    return value


def _no_constant(name: str) -> float:
    raise _OddError


def _short_integer(digits: str) -> int:
    if len(digits) > SURELY_SAFE:
        raise _OddError
    return int(digits)


# Made once, as making a decoder takes longer than reading a chunk with it.
_PLAIN = json.JSONDecoder(parse_constant=_no_constant, parse_int=_short_integer, object_pairs_hook=_plain_pairs)


def parse(text: str) -> JSONText:
    """Parse one JSON text; white space may stand around it, nothing else. Never raises, in bounded depth."""
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        return JSONText(error=f"nested more than {MAX_DEPTH} levels deep")
    if text.startswith("\ufeff"):
        return JSONText(error="a byte order mark before the text")
    notes = _Notes()
    try:
        value = _decode(text, notes)
    except json.JSONDecodeError as error:
        return JSONText(error=f"{error.msg} at character {error.pos}")
    except (ValueError, RecursionError) as error:
        return JSONText(error=str(error) or type(error).__name__)
    if _ESCAPED_SURROGATE.search(text) and (found := _SURROGATE.search(json.dumps(value, ensure_ascii=False))):
        notes.found.append(Oddity("lone-surrogate", f"U+{ord(found.group()):04X}"))
    return JSONText(value, "", tuple(notes.found))


def _decode(text: str, notes: _Notes) -> Any:
    try:
        return _PLAIN.decode(text)
    except _OddError:
        pass
    return json.loads(
        text, parse_constant=notes.constant, object_pairs_hook=notes.pairs, parse_int=notes.integer, strict=True
    )


def parse_bytes(body: bytes) -> JSONText:
    """Parse a whole body: UTF-8 without byte order mark (RFC 8259, section 8.1)."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        return JSONText(error=f"invalid UTF-8 at byte {error.start}")
    if text.startswith("\ufeff"):
        return JSONText(error="a byte order mark before the text")
    return parse(text)


def show(value: object, limit: int = 80) -> str:
    """Return a value as JSON on one line, shortened: for the expected and actual of a finding."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=repr)
    except (ValueError, RecursionError):
        text = repr(value)
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def _depth(text: str) -> int:
    """Return how deep brackets nest, those in strings apart."""
    depth = deepest = 0
    for bracket in re.finditer(r'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', text, re.DOTALL):
        if bracket.group() in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif bracket.group() in "]}":
            depth -= 1
    return deepest

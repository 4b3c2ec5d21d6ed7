"""Refusals: which parameters of a request the words of a server are about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from conformance.json_text import parse_bytes
from conformance.transcript import Transcript

REFUSALS = (400, 422)
_QUOTED = re.compile(r"['\"`]([\w.\[\]]+)['\"`]")
_NAMED = re.compile(r"\b(?:supplied|parameter|argument|field)s?\b:? +(?=([\w.]+))")


def blamed(transcript: Transcript, names: Iterable[str]) -> frozenset[str]:
    """Return those of some parameters that a refusal is about; a place within one, such as stop[0], counts for it.

    The `param` of OpenAI's errors says so, the `loc` of those of FastAPI, or else the message.
    """
    if transcript.status not in REFUSALS:
        return frozenset()
    value = parse_bytes(transcript.body()).value
    said = list(_places(value)) or list(_words(message(value).lower()))
    return frozenset(names) & {place.partition(".")[0].partition("[")[0] for place in said}


def error(value: Any) -> dict[str, Any]:
    """Return the error object of a body, empty where there is none."""
    found = value.get("error") if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def message(value: Any) -> str:
    """Return what a body says in words, those of all details together."""
    words = error(value).get("message")
    return words if isinstance(words, str) else "; ".join(str(each.get("msg")) for each in _details(value))


def _details(value: Any) -> list[dict[str, Any]]:
    details = value.get("detail") if isinstance(value, dict) else None
    return [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []


def _places(value: Any) -> Iterator[str]:
    param = error(value).get("param")
    if isinstance(param, str) and param:
        yield param
    for each in _details(value):
        place = each.get("loc")
        yield from (name for name in place if isinstance(name, str)) if isinstance(place, list) else ()


def _words(said: str) -> Iterator[str]:
    yield from _QUOTED.findall(said)
    yield from _NAMED.findall(said)
    # A name with an underscore is no word of the language, and a message often begins with what it is about.
    yield from (word for word in re.findall(r"\w+", said) if "_" in word)
    yield from said[:40].split()[:2]

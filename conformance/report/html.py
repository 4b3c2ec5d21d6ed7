"""index.html: the report as one page that loads nothing and runs nothing of the server's."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape as quote
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from conformance.report.escape import ESCAPED, visible
from conformance.report.page import SIGNS, bars, facts, families, foreseen, headline, urgent
from conformance.report.panel import panels
from conformance.transcript import Transcript


def render(document: Mapping[str, Any], transcripts: Sequence[Transcript]) -> str:
    """Return the page; the transcripts are those of the document, in its order."""
    by_file = {entry["file"]: t for entry, t in zip(document["transcripts"], transcripts, strict=True)}
    grouped = families(document, by_file)
    style, script = _asset("report.css"), _asset("report.js")
    # Only our own style and script, told by their hashes: whatever else got in would not run.
    policy = f"default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src {_hash(style)}"
    return (
        _environment()
        .get_template("report.html")
        .render(
            document=document,
            headline=headline(document["counts"]),
            facts=facts(document),
            counts=[(outcome, SIGNS[outcome], document["counts"].get(outcome, 0)) for outcome in SIGNS],
            bars=bars(document["verdicts"]),
            families=grouped,
            urgent=urgent(grouped),
            foreseen=foreseen(document["verdicts"]),
            panels=panels(document, transcripts),
            signs=SIGNS,
            policy=f"{policy}; script-src {_hash(script)}",
            style=Markup(style),  # noqa: S704 - a file of ours
            script=Markup(script),  # noqa: S704 - a file of ours
        )
    )


def wire(text: str) -> Markup:
    """Return server text for an element: what was spelled out is told apart, and a line feed ends a line."""
    shown, at = [], 0
    for match in ESCAPED.finditer(text):
        shown.append(_escaped(text[at : match.start()]))
        shown.append(Markup("<i>{}</i>").format(match.group()[1:-1]))
        at = match.end()
        if match.group() == "<LF>" and at < len(text) and text[at : at + 4] != "<LF>":
            shown.append(Markup("\n"))
    shown.append(_escaped(text[at:]))
    return Markup("").join(shown)


def _escaped(text: str) -> Markup:
    """Escape for the text of an element, and for no attribute: of JSON a tenth would be the escapes of its quotes."""
    return Markup(quote(text, quote=False))  # noqa: S704 - it is escaped


def prose(text: str) -> Markup:
    """Return a docstring's text for the page: what stands between backticks is code."""
    parts = text.split("`")
    coded = (Markup("<code>{}</code>").format(part) if i % 2 else escape(part) for i, part in enumerate(parts))
    return Markup("").join(coded)


def size(count: int) -> str:
    """Return a number of bytes in words."""
    return (
        f"{count:,} bytes"
        if count < 10_000
        else f"{count / 1000:,.0f} kB"
        if count < 10**7
        else f"{count / 10**6:,.0f} MB"
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True, loader=FunctionLoader(_asset), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"wire": wire, "verbatim": _escaped, "prose": prose, "visible": visible, "size": size}
    return environment


@cache
def _asset(name: str) -> str:
    return (files("conformance.report") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"

"""What entitles a requirement to blame a server, and how strongly."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

WarrantKind = Literal["protocol", "schema", "docs", "observed", "habit", "break", "quality", "bug"]
Effect = Literal["raises", "hangs", "loses", "alters", "metadata"]

OPENAPI = "https://github.com/openai/openai-openapi/blob/f85dbe223d40/openapi.yaml"
DOCUMENTATION = "https://platform.openai.com/docs"
API_REFERENCE = f"{DOCUMENTATION}/api-reference"
GUIDES = {name: f"guides/{name}" for name in ("error-codes", "rate-limits")}
WHATWG_SSE = "https://html.spec.whatwg.org/multipage/server-sent-events.html"


class Level(IntEnum):
    """How a finding counts: MUST fails the run, SHOULD advises, OBSERVE states a fact without blame."""

    OBSERVE = 0
    SHOULD = 1
    MUST = 2


@dataclass(frozen=True, slots=True)
class Warrant:
    """One reason for a requirement: a sentence of a standard, a schema, a broken client.

    `effect` is set for broken clients only: what the user of `source` suffers.
    """

    kind: WarrantKind
    source: str
    url: str = ""
    effect: Effect | None = None
    detail: str = ""

    def __str__(self) -> str:
        """Return the source as one line of a report."""
        return f"{self.source}: {self.detail}" if self.detail else self.source


def rfc(number: int, section: str, detail: str = "") -> Warrant:
    """Cite a section of an RFC, such as `rfc(9112, "7.1")`."""
    url = f"https://www.rfc-editor.org/rfc/rfc{number}#section-{section}"
    return Warrant("protocol", f"RFC {number}, section {section}", url, detail=detail)


def whatwg(anchor: str, detail: str = "") -> Warrant:
    """Cite the server-sent events part of the HTML standard by its anchor."""
    return Warrant("protocol", f"WHATWG HTML, server-sent events, #{anchor}", f"{WHATWG_SSE}#{anchor}", detail=detail)


def schema(name: str, line: int | None = None) -> Warrant:
    """Cite a schema of OpenAI's OpenAPI description, such as `CreateChatCompletionStreamResponse.id`."""
    return Warrant("schema", f"OpenAPI {name}", f"{OPENAPI}#L{line}" if line else OPENAPI)


def docs(page: str, detail: str) -> Warrant:
    """Cite the text of OpenAI's documentation: the page of the API reference, or `guides/...`, in our words."""
    page = GUIDES.get(page, page)
    address = f"{DOCUMENTATION}/{page}" if page.startswith("guides/") else f"{API_REFERENCE}/{page}"
    return Warrant("docs", f"OpenAI documentation, {page}", address, detail=detail)


def observed(detail: str) -> Warrant:
    """State what recorded api.openai.com traffic shows without exception."""
    return Warrant("observed", "api.openai.com on the wire", detail=detail)


def habit(detail: str) -> Warrant:
    """State what widespread client code or infrastructure relies on."""
    return Warrant("habit", "interoperability", detail=detail)


def quality(detail: str) -> Warrant:
    """State what any user would call a defect although no text says so."""
    return Warrant("quality", "quality", detail=detail)


def breaks(client: str, detail: str, effect: Effect = "raises") -> Warrant:
    """Name a client that was seen to break, and how; `metadata` means that text, calls, finish and usage survive."""
    return Warrant("break", client, effect=effect, detail=detail)


def bug(url: str) -> Warrant:
    """Link a public report of this very defect."""
    return Warrant("bug", url, url)


def strict_ceiling(warrants: tuple[Warrant, ...]) -> Level:
    """Return the strongest level that the warrants carry against a server which claims to be OpenAI."""
    return max((_STRICT[w.kind] if w.effect is None else _by_effect(w) for w in warrants), default=Level.OBSERVE)


def compat_ceiling(warrants: tuple[Warrant, ...]) -> Level:
    """Return the strongest level that the warrants carry against a server which clients merely have to work with.

    A protocol rule or a client that loses something is a failure. What only a schema says is advice.
    """
    levels = (_by_effect(w) if w.effect else _COMPAT[w.kind] for w in warrants)
    return max(levels, default=Level.OBSERVE)


def _by_effect(warrant: Warrant) -> Level:
    return Level.SHOULD if warrant.effect == "metadata" else Level.MUST


_STRICT: dict[WarrantKind, Level] = {
    "protocol": Level.MUST,
    "schema": Level.MUST,
    "docs": Level.MUST,
    "quality": Level.MUST,
    "observed": Level.SHOULD,
    "habit": Level.SHOULD,
    "break": Level.MUST,
    "bug": Level.OBSERVE,
}
_COMPAT = {kind: min(level, Level.SHOULD) for kind, level in _STRICT.items()} | {
    "protocol": Level.MUST,
    "quality": Level.MUST,
}

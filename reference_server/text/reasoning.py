"""Reasoning in front of an answer: `<think>...</think>`, told apart from the text that follows it."""

import enum
from collections.abc import Sequence

from reference_server.text.pieces import Reasoning
from reference_server.text.span import Span
from reference_server.text.stops import overlap

OPEN, CLOSE = "<think>", "</think>"


class _Phase(enum.Enum):
    START = "before the first character"
    INSIDE = "within the tags"
    GAP = "between the closing tag and the text"
    AFTER = "past them, or without any"


class Thoughts:
    """Tell the reasoning from the text of one answer; only what comes first is reasoning."""

    def __init__(self, index: int, *, inside: bool = False) -> None:
        self._index, self._phase, self._held = index, _Phase.INSIDE if inside else _Phase.START, Span(0, "")
        self._tokens = 0

    @property
    def tokens(self) -> int:
        """Count the tokens of the reasoning, its tags and what follows them, once it or the answer has ended."""
        return 0 if self._phase is _Phase.START else self._tokens

    def feed(self, span: Span) -> Sequence[Span | Reasoning]:
        """Give what a token adds to the answer, as far as it is certain."""
        if self._past:
            return [span]
        self._held = self._held.joined(span)
        parts: list[Span | Reasoning] = []
        before = None
        while self._held.text and before is not self._phase:
            before = self._phase
            parts += self._step()
        self._tokens += not self._past
        return parts

    @property
    def _past(self) -> bool:
        return self._phase is _Phase.AFTER

    def finish(self) -> list[Span | Reasoning]:
        """Give what was held back, at the end of the text."""
        held = self._taken(len(self._held.text))
        if not held.text:
            return []
        return [Reasoning(self._index, held.text) if self._phase is _Phase.INSIDE else held]

    def _step(self) -> list[Span | Reasoning]:
        match self._phase:
            case _Phase.START:
                return self._begin()
            case _Phase.INSIDE:
                return self._inside()
            case _Phase.GAP:
                text = self._held.text
                self._taken(len(text) - len(text.lstrip()))
                self._phase = _Phase.AFTER if self._held.text else _Phase.GAP
                return []
            case _Phase.AFTER:
                return [self._taken(len(self._held.text))]

    def _begin(self) -> list[Span | Reasoning]:
        if self._held.text.startswith(OPEN):
            self._taken(len(OPEN))
            self._phase = _Phase.INSIDE
        elif not OPEN.startswith(self._held.text):
            self._phase, self._tokens = _Phase.AFTER, 0
        return []

    def _inside(self) -> list[Span | Reasoning]:
        text = self._held.text
        if (size := text.find(CLOSE)) >= 0:
            self._phase = _Phase.GAP
        else:
            size = len(text) - overlap(text, CLOSE)
        thought = self._taken(size).text
        if self._phase is _Phase.GAP:
            self._taken(len(CLOSE))
        return [Reasoning(self._index, thought)] if thought else []

    def _taken(self, size: int) -> Span:
        """Take the first characters of what is held."""
        taken, self._held = self._held.before(size), self._held.after(size)
        return taken

"""Reasoning in front of an answer: `<think>...</think>`, told apart from the text that follows it."""

import enum

from reference_server.text.pieces import Piece, Reasoning, Text
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
        self._index, self._phase, self._held = index, _Phase.INSIDE if inside else _Phase.START, ""
        self.taken = 0
        """How many bytes of reasoning, tags and blanks around them stand before the text."""

    @property
    def inside(self) -> bool:
        """Tell whether the reasoning has begun and not ended."""
        return self._phase is _Phase.INSIDE

    @property
    def past(self) -> bool:
        """Tell whether all that comes is text."""
        return self._phase is _Phase.AFTER

    def feed(self, text: str) -> list[Piece]:
        """Give what this text adds to the answer, as far as it is certain."""
        self._held += text
        pieces: list[Piece] = []
        before = None
        while self._held and before is not self._phase:
            before = self._phase
            pieces += self._step()
        return pieces

    def finish(self) -> list[Piece]:
        """Give what was held back, at the end of the text."""
        held, self._held = self._held, ""
        if not held or self._phase is _Phase.GAP:
            return []
        return [Reasoning(self._index, held) if self._phase is _Phase.INSIDE else Text(self._index, held)]

    def _step(self) -> list[Piece]:
        match self._phase:
            case _Phase.START:
                if self._held.startswith(OPEN):
                    self._take(self._held[len(OPEN) :])
                    self._phase = _Phase.INSIDE
                elif not OPEN.startswith(self._held):
                    self._phase = _Phase.AFTER
                return []
            case _Phase.INSIDE:
                return self._inside()
            case _Phase.GAP:
                self._take(self._held.lstrip())
                self._phase = _Phase.AFTER if self._held else _Phase.GAP
                return []
            case _Phase.AFTER:
                text, self._held = self._held, ""
                return [Text(self._index, text)]

    def _inside(self) -> list[Piece]:
        thought, mark, rest = self._held.partition(CLOSE)
        if mark:
            self._phase = _Phase.GAP
        else:
            kept = len(thought) - overlap(thought, CLOSE)
            thought, rest = thought[:kept], thought[kept:]
        self._take(rest)
        return [Reasoning(self._index, thought)] if thought else []

    def _take(self, rest: str) -> None:
        self.taken += len(self._held.encode()) - len(rest.encode())
        self._held = rest

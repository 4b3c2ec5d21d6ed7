"""Stop strings: found wherever they begin, and never shown in part."""

from collections.abc import Iterable, Sequence

from reference_server.text.span import Span


class Stops:
    """Pass text on up to the first stop string; hold back an end that may be the start of one."""

    def __init__(self, stops: Iterable[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held: list[Span] = []  # several where something was taken out between them
        self.found = False

    def feed(self, span: Span) -> list[Span]:
        """Give the text that certainly comes before any stop string."""
        if self.found or not self._stops:
            return [] if self.found else [span]
        spans = self._with_held(span)
        text = "".join([each.text for each in spans])
        places = [place for stop in self._stops if (place := text.find(stop)) >= 0]
        size = min(places) if places else len(text) - max([overlap(text, stop) for stop in self._stops])
        passed, held = (spans, []) if size == len(text) else _parted(spans, size)
        self.found, self._held = bool(places), [] if places else held
        return passed

    def _with_held(self, span: Span) -> list[Span]:
        if self._held and self._held[-1].end == span.start:
            return [*self._held[:-1], self._held[-1].joined(span)]
        return [*self._held, span]

    def finish(self) -> list[Span]:
        """Give what was held back, at the end of a text: no stop string came of it."""
        held, self._held = self._held, []
        return held


def _parted(spans: Sequence[Span], size: int) -> tuple[list[Span], list[Span]]:
    """Part texts that follow each other before and after that many characters of them all."""
    passed, held = [], []
    for span in spans:
        if size > 0:
            passed.append(span.before(size))
        if size < len(span.text):
            held.append(span.after(max(size, 0)))
        size -= len(span.text)
    return passed, held


def overlap(text: str, word: str) -> int:
    """Give the length of the longest end of the text that begins the word without being all of it."""
    for size in range(min(len(text), len(word) - 1), 0, -1):
        if text.endswith(word[:size]):
            return size
    return 0

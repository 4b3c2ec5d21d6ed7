"""Stop strings: found wherever they begin, and never shown in part."""

from collections.abc import Iterable


class Stops:
    """Pass text on up to the first stop string; hold back an end that may be the start of one."""

    def __init__(self, stops: Iterable[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.found = False

    def feed(self, text: str) -> str:
        """Give the text that certainly comes before any stop string."""
        if self.found:
            return ""
        text = self._held + text
        places = [place for stop in self._stops if (place := text.find(stop)) >= 0]
        if places:
            self.found, self._held = True, ""
            return text[: min(places)]
        keep = max((overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> str:
        """Give what was held back, at the end of the text: no stop string came of it."""
        held, self._held = self._held, ""
        return held


def overlap(text: str, word: str) -> int:
    """Give the length of the longest end of the text that begins the word without being all of it."""
    for size in range(min(len(text), len(word) - 1), 0, -1):
        if text.endswith(word[:size]):
            return size
    return 0

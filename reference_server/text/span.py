"""Text on its way to a client, with its place, which it keeps through all that is taken out around it."""

from typing import NamedTuple


class Span(NamedTuple):
    """Some of the text that a model wrote, and where it begins in all of it, in characters."""

    start: int
    text: str

    @property
    def end(self) -> int:
        """Tell where it ends."""
        return self.start + len(self.text)

    def before(self, size: int) -> "Span":
        """Give the first characters."""
        return Span(self.start, self.text[:size])

    def after(self, size: int) -> "Span":
        """Give what follows the first characters."""
        return Span(self.start + size, self.text[size:])

    def joined(self, other: "Span") -> "Span":
        """Give this text and the one that follows it at once; an empty one has no place to be followed at."""
        return Span(self.start, self.text + other.text) if self.text else other

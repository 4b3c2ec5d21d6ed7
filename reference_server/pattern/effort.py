"""How much work the patterns of one request may make."""

from dataclasses import dataclass

MOST = 300_000
"""Steps, which take about half a second together."""


class PatternError(ValueError):
    """A grammar cannot hold a model to the pattern."""


@dataclass
class Effort:
    """Counts the steps of all patterns of a request, as a hundred small ones cost what a large one does."""

    left: int = MOST

    def spend(self, steps: int = 1) -> None:
        """Take note of some steps; raises PatternError where they are too many."""
        self.left -= steps
        if self.left < 0:
            raise PatternError("it would take too much work")

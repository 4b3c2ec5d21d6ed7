"""What the engine is doing, in numbers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """Jobs as they stand now, and tokens since the start."""

    running: int
    """Jobs with places in the context."""
    waiting: int
    """Jobs that wait for theirs."""
    prompt_tokens: int
    completion_tokens: int

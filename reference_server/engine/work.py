"""What the engine is doing, in numbers."""

from typing import NamedTuple


class Work(NamedTuple):
    """Jobs as they stand now, and tokens since the start."""

    running: int
    """Jobs that are being done."""
    waiting: int
    """Jobs that wait for their turn."""
    prompt_tokens: int
    completion_tokens: int

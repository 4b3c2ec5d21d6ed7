"""What an answer took, in tokens."""

from dataclasses import dataclass


@dataclass
class Usage:
    """Grows while an answer is made."""

    prompt: int
    completion: int = 0
    """Tokens made, those of the reasoning among them."""
    reasoning: int = 0

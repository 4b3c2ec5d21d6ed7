"""A generation in the engine: a prompt, and the sequences that go on from it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from reference_server.engine.events import Event, Token
from reference_server.engine.sampling import Samplers

Listener = Callable[[Event], object]
"""Runs in the decoding thread; it ends its sequence by returning True."""


@dataclass(eq=False)
class Sequence:
    """One text in the making."""

    index: int
    samplers: Samplers
    number: int = -1
    """Its number in llama.cpp's context, once it has one."""
    token: int = -1
    """The last one chosen, not decoded yet."""
    produced: int = 0


@dataclass(eq=False)
class Job:
    """All texts of one prompt."""

    prompt: list[int]
    listener: Listener
    limit: int
    top: int | None
    sequences: list[Sequence]
    scores: list[Token] | None = None
    """Of the tokens of the prompt decoded so far; None where nobody wants to know."""
    prefilled: int = 0
    verdict: str = ""
    """The reason to end it before its time: cancelled, or error; empty while there is none."""

    def cancel(self, reason: str = "cancelled") -> None:
        """End it before the next token, or before the next piece of the prompt; from any thread."""
        self.verdict = self.verdict or reason

    @property
    def running(self) -> bool:
        """Tell whether the whole prompt has been decoded."""
        return self.prefilled == len(self.prompt)


@dataclass(eq=False)
class Part:
    """What one job has in a batch."""

    job: Job
    rows: list[tuple[list[int], int, int, bool]] = field(default_factory=list)
    """Tokens, position of the first, number of the sequence, and whether logits are wanted after the last."""
    prompt: int = 0
    """How many of the tokens belong to the prompt."""

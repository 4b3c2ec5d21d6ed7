"""What a client is told of an answer, apart from how it is written on the wire."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TokenScore:
    """A token as it was chosen, with what stood for choice."""

    text: bytes
    logprob: float
    top: tuple[tuple[bytes, float], ...] = ()


@dataclass(frozen=True)
class Text:
    """Some more of the answer's text, and the tokens that are complete with it, where they were asked for."""

    index: int
    text: str
    scores: tuple[TokenScore, ...] = ()


@dataclass(frozen=True)
class Reasoning:
    """Some more of what the model says to itself before it answers."""

    index: int
    text: str


@dataclass(frozen=True)
class CallStart:
    """A tool call begins."""

    index: int
    call: int
    """Its number in the answer."""
    name: str


@dataclass(frozen=True)
class CallArguments:
    """Some more of the arguments of a tool call."""

    index: int
    call: int
    text: str


@dataclass(frozen=True)
class Finished:
    """An answer has ended: stop, length, tool_calls, cancelled, closed or error."""

    index: int
    reason: str


Apart = Reasoning | CallStart | CallArguments
"""What is told apart from the text."""

Piece = Text | Apart | Finished

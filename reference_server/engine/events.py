"""What the engine tells about a generation: tokens, and the end of each of its sequences."""

from typing import NamedTuple


class Candidate(NamedTuple):
    """A token that stood for choice, with its log probability."""

    text: bytes
    logprob: float


class Token(NamedTuple):
    """A token was chosen."""

    sequence: int
    """Of the sequence in its job."""
    text: bytes
    """May end within a character."""
    logprob: float | None
    top: list[Candidate]
    """The likeliest tokens, best first, where they were asked for."""
    name: bytes = b""
    """What a prompt has for a control token, which has no text."""


class Scored(NamedTuple):
    """The prompt of a sequence has been decoded, and its tokens were to be scored."""

    sequence: int
    tokens: list[Token]
    """The first one has no log probability: nothing stands before it."""


class Finish(NamedTuple):
    """A sequence has ended; nothing follows for it."""

    sequence: int
    reason: str
    """stop, length, cancelled, closed or error."""
    produced: int
    """How many tokens it gave, the end token not counted."""


Event = Token | Scored | Finish

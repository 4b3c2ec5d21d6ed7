"""The prompt as the first piece of an answer, for clients that want it back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reference_server.text.pieces import TokenScore

_BLANK = "▁".encode()
"""What tokenizers of one family write for a blank."""


@dataclass(frozen=True)
class Unscored(TokenScore):
    """The first token of a text: nothing stands before it that would make it likely."""

    logprob: float = 0.0


def spelled(text: str, pieces: Iterable[bytes]) -> list[bytes]:
    """Give the bytes that each token stands for in the text, where its vocabulary spells blanks in another way."""
    raw, place, found = text.encode(), 0, list[bytes]()
    pending = b""  # the start of such a blank, in bytes
    for piece in pieces:
        pending += piece
        if pending != _BLANK and _BLANK.startswith(pending) and not raw.startswith(pending, place):
            found.append(b"")
            continue
        said = pending if raw.startswith(pending, place) else pending.replace(_BLANK, b" ")
        if not place and said.startswith(b" ") and not raw.startswith(b" "):
            said = said[1:]  # many of them put a blank before every text
        found.append(said)
        place, pending = place + len(said), b""
    return found


def scores(text: str, tokens: Sequence[TokenScore]) -> tuple[TokenScore, ...]:
    """Give the scores of the tokens that have a text, which is that of the prompt."""
    pieces = spelled(text, (token.text for token in tokens))
    shown = [
        TokenScore(piece, token.logprob, token.top) for piece, token in zip(pieces, tokens, strict=True) if token.text
    ]
    return (Unscored(shown[0].text), *shown[1:]) if shown else ()

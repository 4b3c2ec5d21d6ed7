"""The prompt as the first piece of an answer, for clients that want it back."""

from collections.abc import Sequence
from dataclasses import dataclass

from reference_server.text.pieces import TokenScore

_BLANK = "▁".encode()
"""What tokenizers of one family write for a blank."""


@dataclass(frozen=True)
class Unscored(TokenScore):
    """The first token of a text: nothing stands before it that would make it likely."""

    logprob: float = 0.0


def spelled(text: str, pieces: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
    """Give the bytes that each token stands for in the text; `pieces`: the tokens, as text or as a control word.

    Some vocabularies spell blanks in another way than the text does, and some tokenizers put control tokens around a
    text, for which nothing stands there.
    """
    plain = [piece or word for piece, word in pieces]
    if b"".join(plain).decode("utf-8", "replace") == text:
        return plain
    raw, place, found = text.encode(), 0, list[bytes]()
    pending = b""  # the start of such a blank, in bytes
    for piece, word in pieces:
        pending += piece or word
        if pending != _BLANK and _BLANK.startswith(pending) and not raw.startswith(pending, place):
            found.append(b"")
            continue
        said = pending if raw.startswith(pending, place) else pending.replace(_BLANK, b" ")
        if not place and said.startswith(b" ") and not raw.startswith(b" "):
            said = said[1:]  # many of them put a blank before every text
        if word and not raw.startswith(said, place):
            said = b""
        found.append(said)
        place, pending = place + len(said), b""
    return found


def scores(text: str, tokens: Sequence[tuple[TokenScore, bytes]]) -> tuple[TokenScore, ...]:
    """Give the scores of the tokens that have a text, which is that of the prompt; each comes with its control word."""
    pieces = spelled(text, [(token.text, word) for token, word in tokens])
    shown = [
        TokenScore(piece, token.logprob, token.top)
        for piece, (token, _) in zip(pieces, tokens, strict=True)
        if piece or token.text
    ]
    return (Unscored(shown[0].text), *shown[1:]) if shown else ()

"""The tokens of the scripted model and the table of what follows what."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from reference_server.model.scripts import FORK, SCRIPTS, Piece, Script
from reference_server.model.template import END, ROLES

UNKNOWN, CONTROL, USER_DEFINED, BYTE = 2, 3, 4, 6
"""llama.cpp's kinds of tokens. A word is user-defined, so that plain prompt text is matched to it."""

FIRST_BYTE = 3


@dataclass(frozen=True)
class Vocabulary:
    """All tokens by number, with their kinds, and each script in token numbers."""

    texts: tuple[bytes, ...]
    kinds: tuple[int, ...]
    numbers: dict[str, int]
    triggers: tuple[tuple[int, ...], ...]
    replies: tuple[tuple[int, ...], ...]
    insteads: tuple[tuple[int, ...], ...]

    def steps(self) -> dict[int, int]:
        """Tell for each token of a reply the one token that follows it, after FORK the first of several."""
        end, fork = self.numbers[END], self.numbers.get(FORK)
        table: dict[int, int] = {}
        for reply in (*self.replies, *self.insteads):
            for here, following in pairwise((*reply, end)):
                if table.setdefault(here, following) != following and here != fork:
                    raise ValueError(f"two scripts go on in different ways after {self.texts[here]!r}")
        return table

    def forks(self) -> dict[int, int]:
        """Tell for each script that has FORK, by its number, which token follows it there."""
        fork = self.numbers.get(FORK)
        return {
            script: following
            for script, reply in enumerate(self.replies)
            for here, following in pairwise(reply)
            if here == fork
        }


def vocabulary(scripts: Iterable[Script] = SCRIPTS) -> Vocabulary:
    """Collect the special tokens, the bytes, and every word of the scripts in the order they come."""
    scripts = tuple(scripts)
    texts = [b"<unk>", b"<s>", b"</s>", *(f"<0x{byte:02X}>".encode() for byte in range(256))]
    kinds = [UNKNOWN, CONTROL, CONTROL, *([BYTE] * 256)]
    numbers: dict[str, int] = {}
    controls = (*ROLES, END)
    for word in (*controls, *_words(scripts)):
        if word not in numbers:
            numbers[word] = len(texts)
            texts.append(word.encode())
            kinds.append(CONTROL if word in controls else USER_DEFINED)

    def tokens(pieces: Iterable[Piece]) -> tuple[int, ...]:
        return tuple(numbers[piece] if isinstance(piece, str) else FIRST_BYTE + piece for piece in pieces)

    return Vocabulary(
        tuple(texts),
        tuple(kinds),
        numbers,
        tuple(tokens(script.triggers) for script in scripts),
        tuple(tokens(script.reply) for script in scripts),
        tuple(tokens(script.instead) for script in scripts),
    )


def _words(scripts: Iterable[Script]) -> Iterator[str]:
    for script in scripts:
        for piece in (*script.triggers, *script.reply, *script.instead):
            if isinstance(piece, str):
                yield piece

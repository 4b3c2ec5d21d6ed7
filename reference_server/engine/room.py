"""How much of a text fits: what a model was trained for, and what the machine can hold.

llama.cpp takes any number, fills the memory with it, and the kernel ends the process without a word.
"""

import os

ROOM = 4096
"""Tokens that a text may have where nobody says, and the model was trained for as many."""

MOST_TEXTS = 256
"""llama.cpp's own limit of sequences."""


def room(wanted: int | None, *, trained: int, texts: int, token_bytes: int) -> int:
    """Give the tokens that each of some texts may have; raises ValueError for what cannot be had.

    `token_bytes`: what the context holds of one token.
    """
    if texts > MOST_TEXTS:
        raise ValueError(f"{texts} texts at once are more than llama.cpp's {MOST_TEXTS}")
    if wanted is not None and trained and wanted > trained:
        raise ValueError(f"the model was trained for texts of {trained} tokens, so a context of {wanted} is too large")
    given = wanted or min(ROOM, trained or ROOM)
    need, have = texts * given * token_bytes, memory()
    if have is not None and need > have:
        sizes = f"{need / 2**30:.0f} GiB, and this machine has {have / 2**30:.0f}"
        raise ValueError(f"the context of {texts} texts with {given} tokens each needs {sizes}")
    return given


def memory() -> int | None:
    """Tell the bytes of memory of this machine, where the system says."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None

"""Server text made visible: nothing it holds can repaint a terminal, reorder a line or pass unseen.

What does not print becomes a name in angle brackets: `<ESC>`, `<CR>`, `<U+202E>`, and `<xFF>` for a byte that is no
UTF-8. Backslashes are left alone, because JSON is full of them and a reader could not tell ours from the server's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

CONTROLS = {0: "NUL", 7: "BEL", 8: "BS", 9: "TAB", 10: "LF", 11: "VT", 12: "FF", 13: "CR", 27: "ESC", 127: "DEL"}
ESCAPED = re.compile(r"<(?:NUL|BEL|BS|TAB|LF|VT|FF|CR|ESC|DEL|x[0-9A-F]{2}|U\+[0-9A-F]{4,6})>")


def visible(text: str, keep: str = "") -> str:
    """Return a text with everything that does not print spelled out, the characters of `keep` apart."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _name(c) for c in text)


def visible_bytes(data: bytes) -> str:
    """Return bytes as text in the same way; those that are no UTF-8 are spelled out one by one."""
    return "".join(shown for shown, _ in characters(data))


def characters(data: bytes) -> Iterator[tuple[str, int]]:
    """Yield each character as shown, and how many bytes it takes on the wire."""
    for character in data.decode("utf-8", "surrogateescape"):
        if "\udc80" <= character <= "\udcff":
            yield f"<x{ord(character) - 0xDC00:02X}>", 1
        else:
            shown = character if character.isprintable() else _name(character)
            yield shown, len(character.encode("utf-8", "surrogatepass"))


def _name(character: str) -> str:
    code = ord(character)
    if code in CONTROLS:
        return f"<{CONTROLS[code]}>"
    return f"<x{code:02X}>" if code < 0x20 else f"<U+{code:04X}>"

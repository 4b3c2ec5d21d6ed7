"""Sets of characters as ranges of code points, and how a JSON string writes them."""

from collections.abc import Iterable, Iterator

Ranges = tuple[tuple[int, int], ...]
"""First and last code points, in order, with gaps between them."""

LAST = 0x10FFFF

ESCAPES = {ord('"'): '"', ord("\\"): "\\", 0x08: "b", 0x09: "t", 0x0A: "n", 0x0C: "f", 0x0D: "r"}
"""Characters that no JSON string holds as they are, with what stands for each after a backslash."""


def union(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Join ranges in any order."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return tuple(joined)


def complement(ranges: Ranges) -> Ranges:
    """Give all other code points."""
    edges = [-1, *(edge for first, last in ranges for edge in (first, last)), LAST + 1]
    gaps = zip(edges[::2], edges[1::2], strict=True)
    return tuple((before + 1, after - 1) for before, after in gaps if before + 1 < after)


def common(one: Ranges, other: Ranges) -> Ranges:
    """Give what two sets have in common."""
    return complement(union((*complement(one), *complement(other))))


def single(*points: int) -> Ranges:
    """Give a set of some code points."""
    return union((point, point) for point in points)


DIRECT = complement(union([(0x00, 0x1F), (0x22, 0x22), (0x5C, 0x5C), (0x7F, 0x7F), (0xD800, 0xDFFF)]))
"""Characters that a JSON string holds as they are."""

SAYABLE = union((*DIRECT, *single(*ESCAPES)))
"""Characters that a text may have; other control characters no model is led to."""

DIGITS = ((0x30, 0x39),)
WORD = union([*DIGITS, (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)])
LINE_ENDS = single(0x0A, 0x0D, 0x2028, 0x2029)
_RARE_BLANKS = [(0x2000, 0x200A), *single(0xA0, 0x1680, 0x202F, 0x205F, 0x3000, 0xFEFF)]
BLANKS = union([*LINE_ENDS, (0x09, 0x0D), (0x20, 0x20), *_RARE_BLANKS])
"""What `\\s` means in ECMA-262, after which JSON Schema has its expressions."""


def written(ranges: Ranges) -> Iterator[str]:
    """Give the terminals of a grammar that say a character of the set within a JSON string."""
    if direct := common(ranges, DIRECT):
        yield "[" + "".join(_range(first, last) for first, last in direct) + "]"
    for point, letter in ESCAPES.items():
        if any(first <= point <= last for first, last in ranges):
            yield '"\\\\' + (f"\\{letter}" if letter in '"\\' else letter) + '"'


def _range(first: int, last: int) -> str:
    return _point(first) if first == last else f"{_point(first)}-{_point(last)}"


def _point(point: int) -> str:
    if point < 0x80 and chr(point).isalnum():
        return chr(point)
    return f"\\x{point:02X}" if point < 0x100 else f"\\U{point:08X}"

"""Regular expressions as networks of states, read by the parser of Python's own `re`."""

import importlib
import re
import threading
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from reference_server.json_schema import MOST
from reference_server.pattern.characters import (
    BLANKS,
    DIGITS,
    LINE_ENDS,
    SAYABLE,
    WORD,
    Ranges,
    common,
    complement,
    single,
    union,
)
from reference_server.pattern.effort import Effort, PatternError

LONGEST = 1000
"""Characters of a pattern."""

START, END = "start", "end"
_ALWAYS = ""

_CATEGORIES = {"DIGIT": DIGITS, "WORD": WORD, "SPACE": BLANKS}
_PLACES = {"AT_BEGINNING": START, "AT_END": END}
_one_at_a_time = threading.Lock()  # what becomes of warnings is the same for all threads


@dataclass
class Network:
    """States by number, with the ways from one to the next; 0 is the first one."""

    effort: Effort
    steps: list[list[tuple[Ranges, int]]] = field(default_factory=list)
    """Ways that take a character."""
    jumps: list[list[tuple[str, int]]] = field(default_factory=list)
    """Ways that take none: always there, or at the start or the end of the text only."""
    last: int = 0
    """The state in which the text is what was asked for."""

    def state(self) -> int:
        """Add a state."""
        self.effort.spend()
        self.steps.append([])
        self.jumps.append([])
        return len(self.steps) - 1

    def step(self, here: int, characters: Ranges) -> int:
        """Add a state behind one of some characters."""
        following = self.state()
        self.steps[here].append((common(characters, SAYABLE), following))
        return following

    def jump(self, here: int, there: int, condition: str = _ALWAYS) -> None:
        """Let one state stand for another as well."""
        self.jumps[here].append((condition, there))


def network(pattern: str, effort: Effort) -> Network:
    """Give the network of all texts in which a pattern is found; raises PatternError."""
    if len(pattern) > LONGEST:
        raise PatternError(f"it has more than {LONGEST} characters")
    net = Network(effort)
    before = net.state()
    net.steps[before].append((SAYABLE, before))
    try:
        net.last = _Reader(net).sequence(_parsed(pattern), before, 1)
    except RecursionError as error:
        raise PatternError("it is nested too deep") from error
    net.steps[net.last].append((SAYABLE, net.last))
    return net


def _parsed(pattern: str) -> Any:
    parser: Any = importlib.import_module("re._parser")  # typeshed does not know it
    try:
        with _one_at_a_time, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what a later Python may read in another way
            tree = parser.parse(pattern, re.ASCII)
    except (re.error, OverflowError) as error:
        raise PatternError(str(error)) from error
    if tree.state.flags & ~re.ASCII:
        raise PatternError("it has flags")
    return tree


class _Reader:
    """Walks through what the parser has read, and adds the states of each part behind those of the one before."""

    def __init__(self, net: Network) -> None:
        self._net = net
        self._parts: dict[str, Callable[[Any, int, int], int]] = {
            "ANY": lambda _, here, __: net.step(here, complement(LINE_ENDS)),
            "AT": self._place,
            "BRANCH": self._branch,
            "IN": lambda items, here, _: net.step(here, _class(items)),
            "LITERAL": lambda point, here, _: net.step(here, single(point)),
            "MAX_REPEAT": self._repeat,
            "MIN_REPEAT": self._repeat,
            "NOT_LITERAL": lambda point, here, _: net.step(here, complement(single(point))),
            "SUBPATTERN": self._group,
        }

    def sequence(self, tree: Iterable[tuple[Any, Any]], here: int, times: int) -> int:
        """Add some parts behind a state; `times`: how often all of it is repeated. Gives the state behind them."""
        for kind, value in tree:
            if kind.name not in self._parts:
                raise PatternError("it looks around, refers back, or asks for more than plain characters")
            here = self._parts[kind.name](value, here, times)
        return here

    def _place(self, place: Any, here: int, _: int) -> int:
        if place.name not in _PLACES:
            raise PatternError("it asks for another place than the start and the end")
        following = self._net.state()
        self._net.jump(here, following, _PLACES[place.name])
        return following

    def _branch(self, value: Any, here: int, times: int) -> int:
        behind = self._net.state()
        for way in value[1]:
            self._net.jump(self.sequence(way, here, times), behind)
        return behind

    def _group(self, value: Any, here: int, times: int) -> int:
        _, added, dropped, tree = value
        if added or dropped:
            raise PatternError("it has flags")
        return self.sequence(tree, here, times)

    def _repeat(self, value: Any, here: int, times: int) -> int:
        least, most, tree = value
        endless = most.__class__ is not int
        times *= max(least if endless else most, 1)
        if times > MOST:
            raise PatternError(f"it repeats more than {MOST} times")
        for _ in range(least):
            here = self.sequence(tree, here, times)
        behind = self._net.state()
        self._net.jump(here, behind)
        if endless:
            self._net.jump(self.sequence(tree, behind, times), behind)
            return behind
        for _ in range(most - least):
            here = self.sequence(tree, here, times)
            self._net.jump(here, behind)
        return behind


def _class(items: Iterable[tuple[Any, Any]]) -> Ranges:
    """Give the characters of a class in brackets."""
    found: list[tuple[int, int]] = []
    negated = False
    for kind, value in items:
        match kind.name:
            case "NEGATE":
                negated = True
            case "LITERAL":
                found.append((value, value))
            case "RANGE":
                found.append(value)
            case _:
                found += _category(value.name)
    return complement(union(found)) if negated else union(found)


def _category(name: str) -> Ranges:
    kind = name.removeprefix("CATEGORY_")
    characters = _CATEGORIES[kind.removeprefix("NOT_")]
    return complement(characters) if kind.startswith("NOT_") else characters

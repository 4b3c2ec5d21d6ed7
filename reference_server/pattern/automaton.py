"""From a network, which is in many states at once, to an automaton, which is in one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from reference_server.pattern.characters import Ranges, union
from reference_server.pattern.effort import PatternError
from reference_server.pattern.expression import END, START, Network

_States = frozenset[int]


@dataclass(frozen=True)
class Automaton:
    """States by number, each with what may come next; 0 is the first one."""

    steps: tuple[Mapping[int, Ranges], ...]
    """For each state the states that follow, and the characters that lead there: none leads to two."""
    accepting: frozenset[int]
    """The states in which the text may end."""


def automaton(net: Network) -> Automaton:
    """Give the automaton of the same texts, without states that lead nowhere; raises PatternError."""
    builder = _Builder(net)
    for number, states in enumerate(builder.found):  # grows under way
        builder.follow(number, states)
    live = _live(builder.steps, builder.accepting)
    if 0 not in live:
        raise PatternError("no text fits it")
    numbers = {state: number for number, state in enumerate(sorted(live))}
    steps = tuple(
        {numbers[there]: characters for there, characters in builder.steps[state].items() if there in live}
        for state in sorted(live)
    )
    return Automaton(steps, frozenset(numbers[state] for state in builder.accepting))


class _Builder:
    """Finds the sets of states that a network can be in together."""

    def __init__(self, net: Network) -> None:
        self._net, self._effort = net, net.effort
        self._atoms = _atoms(net)
        self.found: list[_States] = [self._closure({0}, {"", START})]
        self._numbers: dict[_States, int] = {}  # not of the first, where alone the text starts
        self.steps: list[dict[int, Ranges]] = []
        self.accepting: set[int] = set()

    def follow(self, number: int, states: _States) -> None:
        """Note what may come after a set of states, and whether the text may end there."""
        conditions = {"", END} if number else {"", END, START}
        if self._net.last in self._closure(states, conditions):
            self.accepting.add(number)
        targets: dict[tuple[int, int], set[int]] = {}
        for state in states:
            for characters, there in self._net.steps[state]:
                atoms = self._atoms[characters]
                self._effort.spend(len(atoms))
                for atom in atoms:
                    targets.setdefault(atom, set()).add(there)
        ways: dict[_States, list[tuple[int, int]]] = {}
        for atom, reached in targets.items():
            ways.setdefault(frozenset(reached), []).append(atom)
        self.steps.append({})
        for together, atoms in ways.items():
            following = self._number(self._closure(together, {""}))
            self.steps[number][following] = union((*self.steps[number].get(following, ()), *atoms))

    def _number(self, states: _States) -> int:
        if self._net.last in states:
            states = frozenset({self._net.last})  # whatever follows, the pattern has been found
        if states not in self._numbers:
            self._effort.spend(10)
            self._numbers[states] = len(self.found)
            self.found.append(states)
        return self._numbers[states]

    def _closure(self, states: Iterable[int], conditions: set[str]) -> _States:
        """Add the states that others stand for as well."""
        seen = set(states)
        todo = list(seen)
        while todo:
            self._effort.spend()
            for condition, there in self._net.jumps[todo.pop()]:
                if condition in conditions and there not in seen:
                    seen.add(there)
                    todo.append(there)
        return frozenset(seen)


def _atoms(net: Network) -> dict[Ranges, list[tuple[int, int]]]:
    """Cut the sets of characters of a network into ranges that are in each of them as a whole or not at all."""
    sets = {characters for steps in net.steps for characters, _ in steps}
    edges = sorted({edge for characters in sets for first, last in characters for edge in (first, last + 1)})
    cut: dict[Ranges, list[tuple[int, int]]] = {}
    for characters in sets:
        net.effort.spend(len(edges))
        cut[characters] = [
            (edge, following - 1)
            for edge, following in pairwise(edges)
            if any(first <= edge <= last for first, last in characters)
        ]
    return cut


def _live(steps: list[dict[int, Ranges]], accepting: Iterable[int]) -> set[int]:
    """Give the states from which an end can be reached."""
    before: list[list[int]] = [[] for _ in steps]
    for state, ways in enumerate(steps):
        for there in ways:
            before[there].append(state)
    live = set(accepting)
    todo = list(live)
    while todo:
        fresh = [state for state in before[todo.pop()] if state not in live]
        live.update(fresh)
        todo += fresh
    return live

"""The rules of a grammar that hold a model to a pattern within a JSON string."""

from reference_server.pattern.automaton import automaton
from reference_server.pattern.characters import written
from reference_server.pattern.effort import Effort, PatternError
from reference_server.pattern.expression import network

_CLOSE = '"\\"" space'


def rules(pattern: str, name: str, effort: Effort) -> dict[str, str]:
    """Give the rules of a string, the first one by this name: quotes, and a text in which the pattern is found.

    Raises PatternError for what a grammar cannot do, or not with that much effort.
    """
    try:
        machine = automaton(network(pattern, effort))
    except PatternError as error:
        shown = pattern if len(pattern) <= 80 else f"{pattern[:80]}..."
        raise PatternError(f"the pattern {shown!r} cannot be enforced: {error}") from error
    made = {name: f'"\\"" {name}-0'}
    for state, steps in enumerate(machine.steps):
        ways = [f"{word} {name}-{there}" for there, characters in steps.items() for word in written(characters)]
        if state in machine.accepting:
            ways.append(_CLOSE)
        made[f"{name}-{state}"] = " | ".join(ways)
    return made

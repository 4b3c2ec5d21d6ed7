"""llama.cpp's converter from JSON schemas to rules of a grammar, with what it does badly done anew."""

import importlib
import json
import os.path
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from reference_server.json_schema import Schema
from reference_server.pattern import Effort
from reference_server.pattern import rules as rules_of_pattern
from reference_server.references import Referring

_ANYTHING_IN_A_STRING, _WHAT_JSON_ALLOWS = '[^"\\\\]', '[^"\\\\\\x7F\\x00-\\x1F]'

State = tuple[dict[str, str], dict[str, str]]


class Converter:
    """Makes rules of one schema after the other, for one grammar."""

    def __init__(self) -> None:
        # Slow to import, and of the extra. It is called with its methods replaced, as it has no other way in.
        theirs: Any = importlib.import_module("llama_cpp.llama_grammar")
        self._theirs = theirs.SchemaConverter(prop_order={}, allow_fetch=False, dotall=False, raw_pattern=False)
        self._visit = self._theirs.visit
        self._theirs.visit = self._any
        self._theirs._format_literal = json.dumps  # its own forgets to escape backslashes
        self._theirs._visit_pattern = self._pattern
        self._theirs._build_object_rule = self._object
        self._theirs._resolve_ref = self._referred
        self._effort = Effort()
        self._patterns: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._count = 0

    def rules(self, name: str, schema: Referring) -> str:
        """Add the rules of a schema, and give the name of the first; raises ValueError where that cannot be done."""
        self._theirs._refs, self._names = schema.targets, {}
        try:
            return str(self._theirs.visit(schema.schema, name))
        except ValueError:
            raise
        except Exception as error:  # it asserts, or stumbles, over what it does not know
            raise ValueError("it cannot be made into a grammar") from error

    @property
    def size(self) -> int:
        """Count the characters of all rules."""
        return sum(len(name) + len(rule) for rules in self.state for name, rule in rules.items())

    @property
    def state(self) -> State:
        """Give all rules made so far, to go back to them: those of schemas, and the names of patterns."""
        return dict(self._theirs._rules), dict(self._patterns)

    @state.setter
    def state(self, state: State) -> None:
        self._theirs._rules, self._patterns = dict(state[0]), dict(state[1])

    def text(self) -> str:
        """Write all rules; no control characters in strings, which JSON forbids and the converter lets through."""
        return str(self._theirs.format_grammar()).replace(_ANYTHING_IN_A_STRING, _WHAT_JSON_ALLOWS)

    def _any(self, schema: Schema, name: str) -> str:
        if "enum" in schema:
            values = {json.dumps(value) for value in schema["enum"]}
            return self._add(name, " | ".join(_alternatives(sorted(values))))
        return str(self._visit(schema, name))

    def _object(
        self, properties: Sequence[tuple[str, Schema]], required: Collection[str], name: str, additional: object
    ) -> str:
        """Give the rule of an object; theirs takes the square of the number of its properties."""
        members = {key: self._member(f"{name}-{key}", json.dumps(key), schema) for key, schema in properties}
        first = [rule for key, rule in members.items() if key in required]
        others = [rule for key, rule in members.items() if key not in required]
        rest = ""
        if additional is True or isinstance(additional, Mapping):
            value = {} if additional is True else additional
            another = self._member(f"{name}-additional", None, value)
            rest = self._add(f"{name}-additional-kvs", f'{another} ("," space {another})*')
        for number, rule in reversed(list(enumerate(others))):
            following = f'{rule} ("," space {rest})? | {rest}' if rest else rule
            rest = self._add(f"{name}-from-{number}", following)
        inner = ' "," space '.join(first)
        if rest:
            inner += f' ("," space {rest})?' if first else f"{rest}?"
        return f'"{{" space {inner} "}}" space'

    def _member(self, name: str, key: str | None, schema: Schema) -> str:
        """Add the rule of a property, of any one where there is no key."""
        value = self._theirs.visit(schema, name)
        said = json.dumps(key) if key else self._theirs.visit({"type": "string"}, f"{name}-key")
        return self._add(f"{name}-kv", f'{said} space ":" space {value}')

    def _add(self, name: str, rule: str) -> str:
        return str(self._theirs._add_rule(name, rule))

    def _pattern(self, pattern: str, _: str) -> str:
        if pattern not in self._patterns:
            name = f"pattern-{self._number()}"
            self._theirs._rules.update(rules_of_pattern(pattern, name, self._effort))
            self._patterns[pattern] = name
        return self._patterns[pattern]

    def _referred(self, ref: str) -> str:
        """Name the rule of what is referred to; theirs takes parts of two schemas for the same if they end alike."""
        if ref not in self._names:
            self._names[ref] = f"ref-{self._number()}"  # for a part that refers to itself
            self._names[ref] = self._theirs.visit(self._theirs._refs[ref], self._names[ref])
        return self._names[ref]

    def _number(self) -> int:
        self._count += 1
        return self._count


def _alternatives(words: Sequence[str]) -> Iterator[str]:
    """Give the ways to say one of some words, in order and all different; no two ways begin with one character.

    llama.cpp follows each way with a stack of its own, and compares every token with each of them.
    """
    groups: dict[str, list[str]] = {}
    for word in words:
        groups.setdefault(word[:1], []).append(word)
    for group in groups.values():
        start = os.path.commonprefix(group)  # noqa: RUF071 - of texts, not of paths
        rest = [word[len(start) :] for word in group]
        yield json.dumps(start) + (f" ({' | '.join(_alternatives(rest))})" if len(rest) > 1 else "")

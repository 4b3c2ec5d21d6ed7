"""Schemas with the parts of them that they refer to, and how much there is in all of them together."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from reference_server.json_schema import MOST_NAMED, Schema, check, part, parts

MOST_WAYS = 100
"""Ways in which a value may begin; within each other they become the product of all."""


@dataclass(frozen=True)
class Referring:
    """A schema, rewritten for llama.cpp's converter, and by each `$ref` in it what that refers to."""

    schema: Schema
    targets: Mapping[str, Schema]


def referring(schema: Schema, *, strict: bool) -> Referring:
    """Rewrite a schema and what it refers to; raises as `check` and `part`, and for what cannot be followed."""
    check(schema)
    rewritten = part(schema, strict=strict)
    originals, targets, todo = [schema], dict[str, Schema](), [rewritten]
    for each in todo:  # grows under way
        for inner in parts(each):
            ref = inner.get("$ref")
            if ref is not None and ref not in targets:
                originals.append(_target(schema, ref))
                targets[ref] = part(originals[-1], strict=strict)
                todo.append(targets[ref])
    _count({id(inner): inner for each in originals for inner in parts(each)}.values())
    _Alternatives(targets).check(todo)
    return Referring(rewritten, targets)


def _target(schema: Schema, ref: str) -> Schema:
    """Follow a JSON pointer."""
    path, *steps = unquote(ref).split("/")
    here: Any = schema
    for step in (step.replace("~1", "/").replace("~0", "~") for step in steps):
        if isinstance(here, list) and step.isascii() and step.isdigit() and len(step) < 9 and int(step) < len(here):
            here = here[int(step)]
        else:
            here = here.get(step) if isinstance(here, Mapping) else None
    if path != "#" or not isinstance(here, Mapping):
        raise ValueError(f"{ref[:80]!r} leads to no schema in it")
    return here


def _count(schemas: Collection[Schema]) -> None:
    for keyword, what in (("enum", "values of enumerations"), ("properties", "properties")):
        if sum(len(schema.get(keyword, ())) for schema in schemas) > MOST_NAMED:
            raise ValueError(f"it has more than {MOST_NAMED} {what}")


@dataclass(frozen=True)
class _Alternatives:
    """Counts in how many ways a value may begin: llama.cpp follows all of them at once."""

    targets: Mapping[str, Schema]
    _known: dict[str, int] = field(default_factory=dict)

    def check(self, schemas: list[Schema]) -> None:
        try:
            for each in schemas:
                for inner in parts(each):
                    if self._count(inner) > MOST_WAYS:
                        raise ValueError(f"it has more than {MOST_WAYS} alternatives in one place")
        except RecursionError as error:
            raise ValueError("it is nested too deep") from error

    def _count(self, schema: Any) -> int:
        if not isinstance(schema, Mapping):
            return 1
        if "$ref" in schema:
            return self._referred(schema["$ref"])
        ways = schema.get("oneOf") or schema.get("anyOf")
        return sum(map(self._count, ways)) if ways else 1

    def _referred(self, ref: str) -> int:
        if ref not in self._known:
            self._known[ref] = 0  # as long as it is being counted
            self._known[ref] = self._count(self.targets[ref])
        if not self._known[ref]:
            raise ValueError(f"{ref[:80]!r} refers to itself and to nothing else")
        return self._known[ref]

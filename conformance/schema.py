"""Schemas of the wire objects, and whose requirement each error is.

A subschema carries `x-requirement`; an error belongs to the annotation of the place it is about. Two traps of
jsonschema shape this: a missing property is reported at its parent, and `1.0` counts as an integer.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator

from conformance.json_text import show

WIRE_OBJECTS = (
    "chat.completion.chunk",
    "chat.completion",
    "text_completion",
    "embeddings.list",
    "error",
    "model.list",
    "model",
)
KEY = "x-requirement"


@dataclass(frozen=True, slots=True)
class SchemaError:
    """An instance that its annotated place does not allow; `pointer` leads to it, or to where it is missing."""

    requirement: str
    pointer: str
    expected: str
    actual: str


@dataclass(frozen=True)
class Annotation:
    """An `x-requirement` with the paths at which it stands, `*` for any array item."""

    document: dict[str, Any]
    family: str
    paths: tuple[tuple[str, ...], ...]


@cache
def document(name: str) -> dict[str, Any]:
    """Return a schema by its name without `.json`."""
    text = (files("conformance.schemas") / f"{name}.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@cache
def annotated(name: str) -> dict[str, Annotation]:
    """Return the annotations of a schema by requirement id, in the order of the document."""
    found: dict[str, tuple[dict[str, Any], str, list[tuple[str, ...]]]] = {}
    for path, subschema, family in _walk(bundle(name), (), str(document(name)["x-family"])):
        if KEY in subschema:
            found.setdefault(subschema[KEY]["id"], (subschema[KEY], family, []))[2].append(path)
    return {key: Annotation(note, family, tuple(paths)) for key, (note, family, paths) in found.items()}


@dataclass(frozen=True, slots=True)
class Census:
    """What a schema found in some values: how often each requirement's places were visited, and the errors.

    Each error comes with the number of its value.
    """

    visits: Mapping[str, int]
    errors: tuple[tuple[int, SchemaError], ...]


def census(name: str, values: Iterable[Any]) -> Census:
    """Validate values against a schema.

    jsonschema-rs tells in a microsecond that a value is valid; jsonschema explains why another is not.
    """
    root, gate = _places(name)[0], _gate(name)
    counts, found = [0] * len(_places(name)), list[tuple[int, SchemaError]]()
    for number, value in enumerate(values):
        if root.visit(value, counts) or not _passes(gate, value):
            found += [(number, error) for error in errors(name, value)]
    visits = Counter[str]()
    for place in _places(name):
        if counts[place.number]:
            visits[place.requirement] += counts[place.number]
    return Census(visits, tuple(found))


def errors(name: str, value: Any) -> list[SchemaError]:
    """Return what a schema has against a value, one error a place and requirement."""
    found: dict[tuple[str, str], SchemaError] = {}
    for error in _validator(name).iter_errors(value):
        for attributed in _attribute(error):
            found.setdefault((attributed.requirement, attributed.pointer), attributed)
    return list(found.values())


def instances(value: object, path: tuple[str, ...], pointer: str = "") -> Iterator[str]:
    """Return the pointers of all instances that a path leads to."""
    if not path:
        yield pointer
    elif path[0] == "*" and isinstance(value, list):
        for index, item in enumerate(value):
            yield from instances(item, path[1:], f"{pointer}/{index}")
    elif isinstance(value, dict) and path[0] in value:
        yield from instances(value[path[0]], path[1:], f"{pointer}/{_escape(path[0])}")


@dataclass(slots=True)
class _Place:
    """A subschema, compiled for one question: the places that a value visits."""

    number: int
    requirement: str
    integer: bool
    children: dict[str, _Place]
    item: _Place | None = None

    def visit(self, value: Any, counts: list[int]) -> bool:
        """Count the places of a value; tell whether an integer's place holds a float, which the gate lets through."""
        counts[self.number] += 1
        doubt = self.integer and type(value) is float
        if self.children and type(value) is dict:
            for key, child in self.children.items():
                if key in value and child.visit(value[key], counts):
                    doubt = True
        elif self.item is not None and type(value) is list:
            for each in value:
                if self.item.visit(each, counts):
                    doubt = True
        return doubt


@cache
def _places(name: str) -> list[_Place]:
    """Return all places of a schema, the root first."""
    made: list[_Place] = []

    def make(subschema: dict[str, Any]) -> _Place:
        kind = subschema.get("type", ())
        integer = "integer" in ([kind] if isinstance(kind, str) else kind)
        place = _Place(len(made), str(subschema.get(KEY, {}).get("id", "")), integer, {})
        made.append(place)
        place.children.update((key, make(child)) for key, child in subschema.get("properties", {}).items())
        place.item = make(subschema["items"]) if "items" in subschema else None
        return place

    make(bundle(name))
    return made


@cache
def bundle(name: str) -> dict[str, Any]:
    """Return a schema with the other files it refers to put in their places."""
    bundled = _bundled(document(name))
    assert isinstance(bundled, dict)
    return bundled


def _bundled(node: Any) -> Any:
    if isinstance(node, list):
        return [_bundled(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return {key: value for key, value in bundle(node["$ref"].removesuffix(".json")).items() if key[0] != "$"}
    return {key: value if key == KEY else _bundled(value) for key, value in node.items()}


def _is_integer(_: object, value: object) -> bool:
    """Tell whether a JSON number has neither fraction nor exponent, which is what typed clients accept."""
    return isinstance(value, int) and not isinstance(value, bool)


@cache
def _validator(name: str) -> Validator:
    checker = Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
    kind: Any = validators.extend(Draft202012Validator, type_checker=checker)  # type: ignore[no-untyped-call]
    validator: Validator = kind(bundle(name))
    return validator


@cache
def _gate(name: str) -> Any:
    return jsonschema_rs.Draft202012Validator(bundle(name))


def _passes(gate: Any, value: Any) -> bool:
    """Tell whether the gate is sure; what it cannot read, such as half a surrogate pair, is left to jsonschema."""
    try:
        return bool(gate.is_valid(value))
    except (ValueError, UnicodeError, OverflowError):
        return False


def _attribute(error: ValidationError) -> Iterator[SchemaError]:
    schema: Any = error.schema
    instance: Any = error.instance
    rule: Any = error.validator_value
    pointer = "".join(f"/{_escape(str(part))}" for part in error.absolute_path)
    if error.validator == "required":
        keys = f"keys {', '.join(sorted(instance))}"[:80]
        for name in rule:
            if name not in instance and (note := schema["properties"][name].get(KEY)):
                yield SchemaError(note["id"], f"{pointer}/{_escape(name)}", f"the key {name!r}", keys)
    elif KEY in schema:
        yield SchemaError(schema[KEY]["id"], pointer, _expected(error), show(error.instance))


def _expected(error: ValidationError) -> str:
    rule: Any = error.validator_value
    match error.validator:
        case "type":
            return " or ".join([rule] if isinstance(rule, str) else rule)
        case "enum":
            return f"one of {', '.join(map(show, rule))}"
        case "const":
            return show(rule)
        case "minLength" | "minItems":
            return f"at least {rule}"
        case "minimum":
            return f"{rule} or more"
        case _:
            return f"{error.validator} {show(rule)}"


def _walk(
    subschema: dict[str, Any], path: tuple[str, ...], family: str
) -> Iterator[tuple[tuple[str, ...], dict[str, Any], str]]:
    family = str(subschema.get("x-family", family))
    yield path, subschema, str(subschema.get(KEY, {}).get("family", family))
    for name, child in subschema.get("properties", {}).items():
        yield from _walk(child, (*path, name), family)
    if "items" in subschema:
        yield from _walk(subschema["items"], (*path, "*"), family)


def _escape(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")

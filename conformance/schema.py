"""Schemas of the wire objects, and whose requirement each error is.

A subschema carries `x-requirement`; an error belongs to the annotation of the place it is about. Two traps of
jsonschema shape this: a missing property is reported at its parent, and `1.0` counts as an integer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from conformance.json_text import show

WIRE_OBJECTS = ("chat.completion.chunk", "chat.completion", "error", "model.list")
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
    for path, subschema, family in _walk(document(name), (), str(document(name)["x-family"])):
        if KEY in subschema:
            found.setdefault(subschema[KEY]["id"], (subschema[KEY], family, []))[2].append(path)
    return {key: Annotation(note, family, tuple(paths)) for key, (note, family, paths) in found.items()}


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


def _is_integer(_: object, value: object) -> bool:
    """Tell whether a JSON number has neither fraction nor exponent, which is what typed clients accept."""
    return isinstance(value, int) and not isinstance(value, bool)


@cache
def _validator(name: str) -> Validator:
    checker = Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
    kind: Any = validators.extend(Draft202012Validator, type_checker=checker)  # type: ignore[no-untyped-call]
    validator: Validator = kind(document(name), registry=_registry())
    return validator


@cache
def _registry() -> Registry[Any]:
    names = [p.name.removesuffix(".json") for p in files("conformance.schemas").iterdir() if p.name.endswith(".json")]
    resources = [(f"{name}.json", DRAFT202012.create_resource(document(name))) for name in names]
    return Registry().with_resources(resources)


def _attribute(error: ValidationError) -> Iterator[SchemaError]:
    schema: Any = error.schema
    instance: Any = error.instance
    rule: Any = error.validator_value
    pointer = "".join(f"/{_escape(str(part))}" for part in error.absolute_path)
    if error.validator == "required":
        keys = f"keys {', '.join(sorted(instance))}"[:80]
        for name in rule:
            if name not in instance and (note := _resolve(schema["properties"][name]).get(KEY)):
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


def _resolve(subschema: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference to another file; the schemas use no other kind."""
    reference = subschema.get("$ref")
    return document(reference.removesuffix(".json")) if reference else subschema


def _walk(
    subschema: dict[str, Any], path: tuple[str, ...], family: str
) -> Iterator[tuple[tuple[str, ...], dict[str, Any], str]]:
    resolved = _resolve(subschema)
    family = str(resolved.get("x-family", family))
    yield path, resolved, str(resolved.get(KEY, {}).get("family", family))
    for name, child in resolved.get("properties", {}).items():
        yield from _walk(child, (*path, name), family)
    if "items" in resolved:
        yield from _walk(resolved["items"], (*path, "*"), family)


def _escape(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")

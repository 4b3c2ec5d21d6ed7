"""JSON schemas as clients send them, brought into what llama.cpp's converter to grammars understands."""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jsonschema_rs

Schema = Mapping[str, Any]

MOST = 256
"""Repetitions that a grammar may spell out; a schema that wants more could fill the memory."""

MOST_NAMED = 1000
"""Values of enumerations in a schema, and properties, each kind in all its parts together."""

_LARGEST = 50_000
"""Members of all objects and arrays of a schema together."""

_NOTES = frozenset({"title", "description", "default", "examples", "$comment", "deprecated", "readOnly", "writeOnly"})
_DEFINITIONS = ("$defs", "definitions")
_NAMED = ("properties", *_DEFINITIONS)
_NESTED = ("items", "additionalProperties")
_LISTED = ("anyOf", "oneOf", "allOf", "prefixItems")
_DROPPED = _NOTES | set(_DEFINITIONS)  # which are found by what refers to them
_CHOICES = frozenset({"$ref", "anyOf", "oneOf"})
_KINDS = {
    **dict.fromkeys(("properties", "required", "additionalProperties", "allOf"), "object"),
    **dict.fromkeys(("items", "prefixItems", "minItems", "maxItems"), "array"),
    **dict.fromkeys(("minLength", "maxLength", "pattern", "format"), "string"),
}
"""The types of which keywords speak."""
_LEAST, _MOST = ("minItems", "minLength"), ("maxItems", "maxLength")
_DIALECT = "https://json-schema.org/draft/2020-12/schema"

# fmt: off
_UNENFORCED = frozenset({
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "not", "if", "then", "else",
    "dependentRequired", "dependentSchemas", "patternProperties", "propertyNames", "uniqueItems", "contains",
    "minContains", "maxContains", "minProperties", "maxProperties", "unevaluatedProperties", "unevaluatedItems",
})
# fmt: on
"""Keywords that a grammar cannot hold a model to."""


class BrokenSchemaError(ValueError):
    """What should be a schema is none."""


def check(schema: Schema) -> None:
    """Refuse what is no schema, by BrokenSchemaError, or too large a one, by another ValueError."""
    if _size(schema) > _LARGEST:
        raise ValueError("it is too large")
    try:
        _dialect().validate(schema)
    except jsonschema_rs.ValidationError as error:
        raise BrokenSchemaError(error.message) from error


@functools.cache
def _dialect() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({"$schema": _DIALECT, "$ref": _DIALECT})


def part(schema: Schema, *, strict: bool) -> Schema:
    """Rewrite a part of a schema that was checked; `strict`: refuse what a grammar cannot enforce, not leave it out.

    Raises ValueError for what a grammar cannot do.
    """
    try:
        return _object(schema, strict=strict)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def parts(schema: Schema) -> Iterator[Schema]:
    """Give a schema and all that it consists of."""
    todo: list[Any] = [schema]
    while todo:
        here = todo.pop()
        if isinstance(here, Mapping):
            yield here
            todo += [inner for key in _NAMED if isinstance(here.get(key), Mapping) for inner in here[key].values()]
            todo += [inner for key in _LISTED if isinstance(here.get(key), list) for inner in here[key]]
            todo += [here[key] for key in _NESTED if key in here]


def _size(value: object) -> int:
    size, todo = 0, [value]
    while todo and size <= _LARGEST:
        here = todo.pop()
        if isinstance(here, Mapping | list):
            size += len(here)
            todo += here.values() if isinstance(here, Mapping) else here
    return size


def _schema(schema: Any, *, strict: bool) -> Any:
    return _object(schema, strict=strict) if isinstance(schema, Mapping) else schema


def _object(schema: Schema, *, strict: bool) -> Schema:
    def inner(value: Any) -> Any:
        return _schema(value, strict=strict)

    members = {key: _member(key, value, inner) for key, value in schema.items() if key not in _DROPPED}
    _bound(members, strict=strict)
    for keyword in sorted(_UNENFORCED & members.keys()):
        if strict and members[keyword] is not False:
            raise ValueError(f"the keyword {keyword!r} cannot be enforced")
        del members[keyword]
    kinds = members.get("type")
    if "enum" in members or "const" in members:
        return {key: value for key, value in members.items() if key in ("enum", "const")}
    if isinstance(kinds, list) and not _CHOICES & members.keys():  # the converter forgets all but the types
        return {"anyOf": [_of_kind(kind, members) for kind in kinds]}
    return members


def _of_kind(kind: str, members: Mapping[str, Any]) -> Schema:
    """Give what speaks of one type alone: with all the rest in each, types within types would fill the memory."""
    return {**{key: value for key, value in members.items() if _KINDS.get(key, kind) == kind}, "type": kind}


def _member(key: str, value: Any, inner: Callable[[Any], Any]) -> Any:
    if key in _NAMED and isinstance(value, Mapping):
        return {name: inner(named) for name, named in value.items()}
    if key in _LISTED and isinstance(value, list):
        return [inner(item) for item in value]
    return inner(value) if key in _NESTED else value


def _bound(members: dict[str, Any], *, strict: bool) -> None:
    for keyword in (*_LEAST, *_MOST):
        if keyword in members:
            members[keyword] = int(members[keyword])  # 2.0 is an integer, too
    if "pattern" in members:
        _without_lengths(members, strict=strict)
    for keyword in _LEAST:
        if members.get(keyword, 0) > MOST:
            raise ValueError(f"{keyword} is above {MOST}")
    for keyword in _MOST:
        if members.get(keyword, 0) > MOST:
            if strict:
                raise ValueError(f"{keyword} is above {MOST}")
            del members[keyword]
    for least, most in zip(_LEAST, _MOST, strict=True):
        if members.get(least, 0) > members.get(most, MOST):
            raise ValueError(f"{least} is above {most}")


def _without_lengths(members: dict[str, Any], *, strict: bool) -> None:
    for keyword in ("minLength", "maxLength"):
        if members.pop(keyword, 0) and strict:
            raise ValueError(f"'pattern' and '{keyword}' cannot be enforced together")

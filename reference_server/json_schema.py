"""JSON schemas as clients send them, brought into what llama.cpp's converter to grammars understands."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import jsonschema

Schema = Mapping[str, Any]

MOST = 256
"""Repetitions that a grammar may spell out; a schema that wants more could fill the memory."""

_NOTES = frozenset({"title", "description", "default", "examples", "$comment", "deprecated", "readOnly", "writeOnly"})
_NAMED = ("properties", "$defs", "definitions")
_NESTED = ("items", "additionalProperties")
_LISTED = ("anyOf", "oneOf", "allOf", "prefixItems")
_LEAST, _MOST = ("minItems", "minLength"), ("maxItems", "maxLength")
_REPEATED = re.compile(r"\{(\d*),?(\d*)\}")

# fmt: off
_UNENFORCED = frozenset({
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "not", "if", "then", "else",
    "dependentRequired", "dependentSchemas", "patternProperties", "propertyNames", "uniqueItems", "contains",
    "minContains", "maxContains", "minProperties", "maxProperties", "unevaluatedProperties", "unevaluatedItems",
})
# fmt: on
"""Keywords that a grammar cannot hold a model to."""


def normal(schema: Schema, *, strict: bool) -> Schema:
    """Rewrite a schema; `strict`: refuse what a grammar cannot enforce, rather than leave it out.

    Raises ValueError with the reason.
    """
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
        return _object(schema, strict=strict)
    except jsonschema.SchemaError as error:
        raise ValueError(error.message) from error
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def _schema(schema: Any, *, strict: bool) -> Any:
    return _object(schema, strict=strict) if isinstance(schema, Mapping) else schema


def _object(schema: Schema, *, strict: bool) -> Schema:
    def inner(value: Any) -> Any:
        return _schema(value, strict=strict)

    members = {key: _member(key, value, inner) for key, value in schema.items() if key not in _NOTES}
    _bound(members, strict=strict)
    for keyword in sorted(_UNENFORCED & members.keys()):
        if strict and members[keyword] is not False:
            raise ValueError(f"the keyword {keyword!r} cannot be enforced")
        del members[keyword]
    kinds = members.get("type")
    if "enum" in members or "const" in members:
        return {key: value for key, value in members.items() if key in ("enum", "const")}
    if isinstance(kinds, list):  # the converter forgets all but the types
        return {"anyOf": [{**members, "type": kind} for kind in kinds]}
    return members


def _member(key: str, value: Any, inner: Callable[[Any], Any]) -> Any:
    if key in _NAMED and isinstance(value, Mapping):
        return {name: inner(named) for name, named in value.items()}
    if key in _LISTED and isinstance(value, list):
        return [inner(item) for item in value]
    return inner(value) if key in _NESTED else value


def _bound(members: dict[str, Any], *, strict: bool) -> None:
    for keyword in _LEAST:
        if members.get(keyword, 0) > MOST:
            raise ValueError(f"{keyword} is above {MOST}")
    for keyword in _MOST:
        if members.get(keyword, 0) > MOST:
            if strict:
                raise ValueError(f"{keyword} is above {MOST}")
            del members[keyword]
    pattern = members.get("pattern")
    if isinstance(pattern, str):
        for counts in _REPEATED.findall(pattern):
            if any(len(count) > 4 or int(count) > MOST for count in counts if count):
                raise ValueError(f"the pattern repeats more than {MOST} times")

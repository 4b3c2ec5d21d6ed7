"""Grammars that force an answer into the JSON of a schema, or into calls of the offered tools."""

import importlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import jsonschema

from reference_server.chat.request import ChatRequest, Tool
from reference_server.engine.sampling import Grammar
from reference_server.errors import RequestError

# fmt: off
_UNENFORCED = frozenset({
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "not", "if", "then",
    "else", "dependentRequired", "dependentSchemas", "patternProperties", "propertyNames", "uniqueItems",
    "contains", "minContains", "maxContains", "minProperties", "maxProperties", "unevaluatedProperties",
    "unevaluatedItems",
})
# fmt: on
"""Keywords that a grammar cannot hold a model to."""

_ANYWHERE = '[^"\\\\\\x7F\\x00-\\x1F]'


def of(request: ChatRequest, trigger: int | None) -> Grammar | None:
    """Give the grammar that a request asks for; `trigger`: the token that opens a tool call, if the model has one.

    Raises RequestError for a schema that is broken or that cannot be enforced.
    """
    tools, form = request.tools, request.format
    if tools.active and tools.choice in ("required", "named"):
        return Grammar(_tools(_callable(request), parallel=tools.parallel and tools.choice == "required"))
    if form:
        if tools.active:
            message = "'response_format' together with 'tools' is not supported by this server."
            raise RequestError(message, param="response_format", code="unsupported_parameter")
        rules = _Rules()
        rules.add("root", rules.schema("answer", form.schema, "response_format", strict=form.strict))
        return Grammar(rules.text())
    if tools.active and trigger is not None:
        return Grammar(_tools(tools.offered, parallel=tools.parallel, prose_after=True), trigger)
    return None


def _callable(request: ChatRequest) -> Sequence[Tool]:
    tools = request.tools
    return [tool for tool in tools.offered if tools.named in (None, tool.name)]


def _tools(offered: Sequence[Tool], *, parallel: bool, prose_after: bool = False) -> str:
    rules = _Rules()
    names = []
    for number, tool in enumerate(offered):
        arguments = rules.schema(f"tool-{number}", tool.parameters, f"tools[{number}]", strict=tool.strict)
        names.append(f"call-{number}")
        name = json.dumps(json.dumps(tool.name))
        rules.add(names[-1], f'"{{\\"name\\": " {name} ", \\"arguments\\": " {arguments} "}}"')
    rules.add("call", f'"<tool_call>" "\\n" ({" | ".join(names)}) "\\n" "</tool_call>"')
    rules.add("root", 'call ("\\n"? call)*' if parallel else "call")
    if prose_after and parallel:
        rules.add("root", 'call ("\\n"? call)* "\\n"?')
    return rules.text()


class _Rules:
    """The rules of one grammar, those of JSON schemas made by llama.cpp's own converter."""

    def __init__(self) -> None:
        converters: Any = importlib.import_module("llama_cpp.llama_grammar")  # slow to import, and of the extra
        self._converter = converters.SchemaConverter(prop_order={}, allow_fetch=False, dotall=False, raw_pattern=False)
        self._own: dict[str, str] = {}

    def add(self, name: str, rule: str) -> None:
        self._own[name] = rule

    def schema(self, name: str, schema: Mapping[str, Any], place: str, *, strict: bool) -> str:
        """Add the rules of a schema; gives the name of the first."""
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
            if strict and (found := _keywords(schema) & _UNENFORCED):
                raise _refusal(place, f"the keyword {min(found)!r} cannot be enforced.")
            resolved = self._converter.resolve_refs(json.loads(json.dumps(schema)), name)
            return str(self._converter.visit(resolved, name))
        except jsonschema.SchemaError as error:
            raise _refusal(place, error.message) from error
        except RequestError:
            raise
        except Exception as error:  # the converter raises whatever comes: KeyError, AssertionError, RecursionError ...
            raise _refusal(place, f"{type(error).__name__}: it cannot be made into a grammar.") from error

    def text(self) -> str:
        """Write all rules; strings without control characters, which JSON forbids and the converter lets through."""
        made = str(self._converter.format_grammar()).replace('[^"\\\\]', _ANYWHERE)
        return "\n".join([made, *(f"{name} ::= {rule}" for name, rule in self._own.items())])


def _refusal(place: str, reason: str) -> RequestError:
    return RequestError(f"Invalid schema for '{place}': {reason}"[:500], param=place, code="invalid_json_schema")


def _keywords(schema: object) -> set[str]:
    if isinstance(schema, Mapping):
        inner = [value for key, value in schema.items() if key not in ("properties", "$defs", "definitions")]
        for key in ("properties", "$defs", "definitions"):
            if isinstance(schema.get(key), Mapping):
                inner += schema[key].values()
        return {key for key, value in schema.items() if value is not False}.union(*map(_keywords, inner))
    if isinstance(schema, list):
        return set().union(*map(_keywords, schema))
    return set()

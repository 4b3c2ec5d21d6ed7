"""Grammars that force an answer into the JSON of a schema, or into calls of the offered tools."""

import importlib
import json
from collections.abc import Sequence
from typing import Any

from reference_server.chat.request import ChatRequest, Tool
from reference_server.engine.sampling import Grammar
from reference_server.errors import RequestError
from reference_server.json_schema import Schema, normal

_ANY_OBJECT: Schema = {"type": "object"}
_LARGEST = 500_000
_ANYTHING_IN_A_STRING, _WHAT_JSON_ALLOWS = '[^"\\\\]', '[^"\\\\\\x7F\\x00-\\x1F]'


def of(request: ChatRequest, trigger: int | None) -> Grammar | None:
    """Give the grammar that a request asks for; `trigger`: the token that opens a tool call, if the model has one.

    Raises RequestError for a schema that is broken or that cannot be enforced.
    """
    tools, form = request.tools, request.format
    if tools.active and tools.choice in ("required", "named"):
        wanted = [tool for tool in tools.offered if tools.named in (None, tool.name)]
        return Grammar(_calls(wanted, parallel=tools.parallel and not tools.named))
    if tools.active and form:
        message = "'response_format' together with 'tools' is not supported by this server."
        raise RequestError(message, param="response_format", code="unsupported_parameter")
    if form:
        rules = _Rules()
        rules.add("root", rules.schema("answer", form.schema, "response_format", strict=form.strict))
        return Grammar(rules.text("response_format"))
    if tools.active and trigger is not None:
        return Grammar(_calls(tools.offered, parallel=tools.parallel), trigger)
    return None


def _calls(offered: Sequence[Tool], *, parallel: bool) -> str:
    rules = _Rules()
    for number, tool in enumerate(offered):
        place = f"tools[{number}].function.parameters"
        arguments = rules.schema(f"tool-{number}", tool.parameters, place, strict=tool.strict, lenient=not tool.strict)
        name = json.dumps(json.dumps(tool.name))
        rules.add(f"call-{number}", f'"{{\\"name\\": " {name} ", \\"arguments\\": " {arguments} "}}"')
    names = " | ".join(f"call-{number}" for number in range(len(offered)))
    rules.add("call", f'"<tool_call>" "\\n" ({names}) "\\n" "</tool_call>"')
    rules.add("root", 'call ("\\n"? call)*' if parallel else "call")
    return rules.text("tools")


class _Rules:
    """The rules of one grammar, those of JSON schemas made by llama.cpp's own converter."""

    def __init__(self) -> None:
        converters: Any = importlib.import_module("llama_cpp.llama_grammar")  # slow to import, and of the extra
        self._converter = converters.SchemaConverter(prop_order={}, allow_fetch=False, dotall=False, raw_pattern=False)
        self._converter._format_literal = json.dumps  # its own forgets to escape backslashes
        self._own: dict[str, str] = {}

    def add(self, name: str, rule: str) -> None:
        self._own[name] = rule

    def schema(self, name: str, schema: Schema, place: str, *, strict: bool, lenient: bool = False) -> str:
        """Add the rules of a schema, and give the name of the first.

        `lenient`: where the converter cannot follow, any object will do.
        """
        try:
            prepared = json.loads(json.dumps(normal(schema, strict=strict)))
        except ValueError as error:
            raise _refusal(place, str(error)) from error
        before = dict(self._converter._rules)
        try:
            return str(self._converter.visit(self._converter.resolve_refs(prepared, name), name))
        except Exception as error:
            if not lenient:
                raise _refusal(place, "it cannot be made into a grammar") from error
        self._converter._rules = before
        return str(self._converter.visit(_ANY_OBJECT, f"{name}-any"))

    def text(self, place: str) -> str:
        """Write all rules; no control characters in strings, which JSON forbids and the converter lets through."""
        made = str(self._converter.format_grammar()).replace(_ANYTHING_IN_A_STRING, _WHAT_JSON_ALLOWS)
        if len(made) > _LARGEST:
            raise _refusal(place, "its grammar would be too large")
        return "\n".join([made, *(f"{name} ::= {rule}" for name, rule in self._own.items())])


def _refusal(place: str, reason: str) -> RequestError:
    return RequestError(f"Invalid schema for '{place}': {reason}."[:500], param=place, code="invalid_json_schema")

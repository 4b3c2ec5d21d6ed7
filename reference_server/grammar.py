"""Grammars that force an answer into the JSON of a schema, or into calls of the offered tools."""

import importlib
import json
from typing import Any

from reference_server.chat.request import ChatRequest, Tool, Tools
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
    tools, form, rules = request.tools, request.format, _Rules()
    must_call = tools.active and tools.choice in ("required", "named")
    if not (form or must_call):
        if not tools.active or trigger is None:
            return None
        rules.calls("root", tools)
        return Grammar(rules.text("tools"), trigger)
    ways = []
    if form and not must_call:
        ways.append(rules.schema("answer", form.schema, "response_format", strict=form.strict))
    if tools.active:
        ways.append(rules.calls("calls", tools))
    rules.add("root", " | ".join(ways))
    return Grammar(rules.text("response_format" if form else "tools"))


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

    def calls(self, name: str, tools: Tools) -> str:
        """Add the rules of calls of the offered tools, and give the name of the first."""
        names = []
        for number, tool in enumerate(tools.offered):
            if tools.named in (None, tool.name):
                names.append(f"call-{number}")
                self.add(names[-1], self._call(number, tool))
        self.add("call", f'"<tool_call>" "\\n" ({" | ".join(names)}) "\\n" "</tool_call>"')
        self.add(name, 'call ("\\n"? call)*' if tools.parallel and not tools.named else "call")
        return name

    def _call(self, number: int, tool: Tool) -> str:
        place, lenient = f"tools[{number}].function.parameters", not tool.strict
        arguments = self.schema(f"tool-{number}", tool.parameters, place, strict=tool.strict, lenient=lenient)
        name = json.dumps(json.dumps(tool.name))
        return f'"{{\\"name\\": " {name} ", \\"arguments\\": " {arguments} "}}"'

    def text(self, place: str) -> str:
        """Write all rules; no control characters in strings, which JSON forbids and the converter lets through."""
        made = str(self._converter.format_grammar()).replace(_ANYTHING_IN_A_STRING, _WHAT_JSON_ALLOWS)
        if len(made) > _LARGEST:
            raise _refusal(place, "its grammar would be too large")
        return "\n".join([made, *(f"{name} ::= {rule}" for name, rule in self._own.items())])


def _refusal(place: str, reason: str) -> RequestError:
    return RequestError(f"Invalid schema for '{place}': {reason}."[:500], param=place, code="invalid_json_schema")

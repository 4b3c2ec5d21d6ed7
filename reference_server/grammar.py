"""Grammars that force an answer into the JSON of a schema, or into calls of the offered tools."""

import json

from reference_server.chat.request import ChatRequest, Tool, Tools
from reference_server.converter import Converter
from reference_server.engine.sampling import Grammar
from reference_server.errors import RequestError
from reference_server.json_schema import BrokenSchemaError, Schema
from reference_server.references import Referring, referring
from reference_server.text.hermes import CLOSE, OPEN

_ANY_OBJECT: Schema = {"type": "object"}
_LARGEST = 500_000


def binds_at_once(request: ChatRequest) -> bool:
    """Tell whether an answer is forced from its start, and not only from a call on."""
    return bool(request.format) or _must_call(request.tools)


def of(request: ChatRequest, trigger: int | None, *, loosely: bool = False) -> Grammar | None:
    """Give the grammar that a request asks for; `trigger`: the token that opens a tool call, if the model has one.

    `loosely`: tools that are not strict take any object. Raises RequestError for a schema that is broken or that
    cannot be enforced.
    """
    tools, form, rules = request.tools, request.format, _Rules(loosely=loosely)
    if not binds_at_once(request):
        if not tools.active or trigger is None:
            return None
        rules.calls("root", tools)
        return Grammar(rules.text(), trigger)
    ways = []
    if form and not _must_call(tools):
        ways.append(rules.schema("answer", form.schema, "response_format", strict=form.strict))
    if tools.active:
        ways.append(rules.calls("calls", tools))
    rules.add("root", " | ".join(ways))
    return Grammar(rules.text())


def unreadable(request: ChatRequest) -> RequestError:
    """Refuse a request with whose grammar llama.cpp can do nothing."""
    return _refusal("response_format" if request.format else "tools", "llama.cpp cannot read its grammar")


def _must_call(tools: Tools) -> bool:
    return tools.active and tools.choice in ("required", "named")


class _Rules:
    """The rules of one grammar, those of JSON schemas made by the converter."""

    def __init__(self, *, loosely: bool) -> None:
        self._loosely = loosely
        self._converter = Converter()
        self._own: dict[str, str] = {}

    def add(self, name: str, rule: str) -> None:
        self._own[name] = rule

    def schema(self, name: str, schema: Schema, place: str, *, strict: bool, lenient: bool = False) -> str:
        """Add the rules of a schema, and give the name of the first.

        `lenient`: where they cannot be made, any object will do.
        """
        try:
            wanted = referring(schema, strict=strict)
            if not (lenient and self._loosely):
                return self._made(name, wanted)
        except BrokenSchemaError as error:
            raise _refusal(place, str(error)) from error
        except ValueError as error:
            if not lenient:
                raise _refusal(place, str(error)) from error
        return self._made(f"{name}-any", referring(_ANY_OBJECT, strict=False))

    def _made(self, name: str, schema: Referring) -> str:
        before = self._converter.state
        try:
            first = self._converter.rules(name, schema)
            if self._converter.size > _LARGEST:
                raise ValueError("its grammar would be too large")
        except ValueError:
            self._converter.state = before
            raise
        return first

    def calls(self, name: str, tools: Tools) -> str:
        """Add the rules of calls of the offered tools, and give the name of the first."""
        names = []
        for number, tool in enumerate(tools.offered):
            if tools.named in (None, tool.name):
                names.append(f"call-{number}")
                self.add(names[-1], self._call(number, tool))
        self.add("call", f'"{OPEN}" "\\n" ({" | ".join(names)}) "\\n" "{CLOSE}"')
        self.add(name, 'call ("\\n"? call)*' if tools.parallel and not tools.named else "call")
        return name

    def _call(self, number: int, tool: Tool) -> str:
        place, lenient = f"tools[{number}].function.parameters", not tool.strict
        arguments = self.schema(f"tool-{number}", tool.parameters, place, strict=tool.strict, lenient=lenient)
        name = json.dumps(json.dumps(tool.name))
        return f'"{{\\"name\\": " {name} ", \\"arguments\\": " {arguments} "}}"'

    def text(self) -> str:
        """Write all rules."""
        return "\n".join([self._converter.text(), *(f"{name} ::= {rule}" for name, rule in self._own.items())])


def _refusal(place: str, reason: str) -> RequestError:
    return RequestError(f"Invalid schema for '{place}': {reason}."[:500], param=place, code="invalid_json_schema")

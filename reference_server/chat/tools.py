"""Tools and forced formats of a request."""

import re
from collections.abc import Mapping
from typing import Any

from reference_server.chat.request import Format, Tool, Tools
from reference_server.checks import array, boolean, missing, obj, one_of, text, wrong_type, wrong_value
from reference_server.errors import shown, unsupported

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


def function_name(place: str, value: object) -> str:
    """Accept the name of a function, or of a form."""
    if not _NAME.match(name := text(place, value)):
        raise wrong_value(place, "expected 1 to 64 letters, digits, underscores or dashes.")
    return name


def tools(offered: object, choice: object, *, parallel: bool) -> Tools:
    """Read `tools` and `tool_choice` together, as one speaks of the other."""
    read = tuple(
        _tool(f"tools[{number}]", item)
        for number, item in enumerate(array("tools", [] if offered is None else offered, most=128))
    )
    if choice is None:
        return Tools(read, parallel=parallel)
    if isinstance(choice, str):
        word = str(one_of("none", "auto", "required")("tool_choice", choice))
        if word == "required" and not read:
            raise wrong_value("tool_choice", "it is only allowed when 'tools' are specified.")
        return Tools(read, word, parallel=parallel)
    if not isinstance(choice, dict):
        raise wrong_type("tool_choice", "a string or an object", choice)
    return Tools(read, "named", _named(choice, read), parallel)


def _named(choice: dict[str, object], offered: tuple[Tool, ...]) -> str:
    if "type" not in choice:
        raise missing("tool_choice.type")
    if choice["type"] in ("allowed_tools", "custom"):
        raise unsupported("tool_choice", f"tool_choice of type {choice['type']!r} is not supported by this server.")
    one_of("function")("tool_choice.type", choice["type"])
    if "function" not in choice:
        raise missing("tool_choice.function")
    function = obj("tool_choice.function", choice["function"])
    if "name" not in function:
        raise missing("tool_choice.function.name")
    name = text("tool_choice.function.name", function["name"])
    if name not in (tool.name for tool in offered):
        raise wrong_value("tool_choice", f"the function {shown(repr(name))} is not one of 'tools'.")
    return name


def _tool(place: str, value: object) -> Tool:
    tool = obj(place, value)
    if "type" not in tool:
        raise missing(f"{place}.type")
    if tool["type"] == "custom":
        raise unsupported(place, "Tools of type 'custom' are not supported by this server.")
    one_of("function")(f"{place}.type", tool["type"])
    if "function" not in tool:
        raise missing(f"{place}.function")
    function = obj(f"{place}.function", tool["function"])
    if "name" not in function:
        raise missing(f"{place}.function.name")
    name = function_name(f"{place}.function.name", function["name"])
    if function.get("description") is not None:
        text(f"{place}.function.description", function["description"])
    parameters = function.get("parameters")
    strict = function.get("strict")
    return Tool(
        name,
        tool,
        _NO_PARAMETERS if parameters is None else obj(f"{place}.function.parameters", parameters),
        strict=False if strict is None else boolean(f"{place}.function.strict", strict),
    )


def response_format(place: str, value: object) -> Format | None:
    """Read the form that the text must have; None: any."""
    wish = obj(place, value)
    if "type" not in wish:
        raise missing(f"{place}.type")
    kind = one_of("text", "json_object", "json_schema")(f"{place}.type", wish["type"])
    if kind == "text":
        return None
    if kind == "json_object":
        return Format({"type": "object"})
    if "json_schema" not in wish:
        raise missing(f"{place}.json_schema")
    described = obj(f"{place}.json_schema", wish["json_schema"])
    if "name" not in described:
        raise missing(f"{place}.json_schema.name")
    function_name(f"{place}.json_schema.name", described["name"])
    schema, strict = described.get("schema"), described.get("strict")
    return Format(
        {"type": "object"} if schema is None else obj(f"{place}.json_schema.schema", schema),
        strict=False if strict is None else boolean(f"{place}.json_schema.strict", strict),
    )

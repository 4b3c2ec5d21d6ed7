"""The messages of a request, checked and brought into the form that chat templates expect."""

import json
import re
from typing import Any

from reference_server.chat.request import Message
from reference_server.chat.tools import function_name
from reference_server.checks import array, missing, obj, one_of, text, wrong_type, wrong_value
from reference_server.errors import RequestError

_NAME = re.compile(r"[^\s<|\\/>]{1,64}\Z")
_DEEPEST = 200
"""Levels of arguments; templates walk through them with a stack that is used already."""
_ROLES = ("developer", "system", "user", "assistant", "tool")


def messages(place: str, value: object) -> tuple[Message, ...]:
    """Read the messages; refuse what a text model cannot take."""
    return tuple(_message(f"{place}[{number}]", item) for number, item in enumerate(array(place, value, least=1)))


def _message(place: str, value: object) -> Message:
    message = obj(place, value)
    if "role" not in message:
        raise missing(f"{place}.role")
    role = one_of(*_ROLES)(f"{place}.role", message["role"])
    name = None if message.get("name") is None else _name(f"{place}.name", message["name"])
    if message.get("audio") is not None:
        raise _no_media(f"{place}.audio", "audio")
    calls = _calls(f"{place}.tool_calls", message.get("tool_calls")) if role == "assistant" else []
    content = message.get("content")
    if content is None and message.get("refusal") is not None and role == "assistant":
        content = text(f"{place}.refusal", message["refusal"])
    if content is None and not calls:
        if "content" in message:
            raise wrong_type(f"{place}.content", "a string or an array of content parts", None)
        raise missing(f"{place}.content")
    # Templates know no developer; OpenAI itself treats the two alike.
    read: dict[str, Any] = {"role": "system" if role == "developer" else role}
    read["content"] = "" if content is None else _content(f"{place}.content", content)
    if name is not None:
        read["name"] = name
    if calls:
        read["tool_calls"] = calls
    if role == "tool":
        if message.get("tool_call_id") is None:
            raise missing(f"{place}.tool_call_id")
        read["tool_call_id"] = text(f"{place}.tool_call_id", message["tool_call_id"])
    return read


def _name(place: str, value: object) -> str:
    """Accept a name, which templates write where no text of a client may stand."""
    if not _NAME.match(name := text(place, value)):
        raise wrong_value(place, "expected 1 to 64 characters, no white space and none of <|\\/>.")
    return name


def _content(place: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise wrong_type(place, "a string or an array of content parts", value)
    parts = array(place, value, least=1)
    return "".join(_part(f"{place}[{number}]", part) for number, part in enumerate(parts))


def _part(place: str, value: object) -> str:
    part = obj(place, value)
    if "type" not in part:
        raise missing(f"{place}.type")
    kind = one_of("text", "refusal", "image_url", "input_audio", "file")(f"{place}.type", part["type"])
    if kind not in ("text", "refusal"):
        raise _no_media(place, str(kind))
    if kind not in part:
        raise missing(f"{place}.{kind}")
    return text(f"{place}.{kind}", part[str(kind)])


def _calls(place: str, value: object) -> list[dict[str, Any]]:
    if value is None:
        return []
    return [_call(f"{place}[{number}]", item) for number, item in enumerate(array(place, value))]


def _call(place: str, value: object) -> dict[str, Any]:
    call = obj(place, value)
    for key in ("id", "type", "function"):
        if key not in call:
            raise missing(f"{place}.{key}")
    one_of("function")(f"{place}.type", call["type"])
    function = obj(f"{place}.function", call["function"])
    for key in ("name", "arguments"):
        if key not in function:
            raise missing(f"{place}.function.{key}")
    name = function_name(f"{place}.function.name", function["name"])
    written = text(f"{place}.function.arguments", function["arguments"])
    try:
        arguments = json.loads(written)
        json.dumps(arguments, ensure_ascii=False).encode()
        if _depth(arguments) > _DEEPEST:
            raise RecursionError
    except ValueError:  # half of a surrogate pair among it, which no prompt can hold
        arguments = written  # the model may have written it so, and reads it again as it was
    except RecursionError:
        raise wrong_value(f"{place}.function.arguments", "nested too deep.") from None
    function_read = {"name": name, "arguments": arguments}
    return {"id": text(f"{place}.id", call["id"]), "type": "function", "function": function_read}


def _depth(value: object) -> int:
    """Count how deep objects and arrays lie within each other."""
    level, depth = [value], 0
    while level := [each for each in level if isinstance(each, dict | list)]:
        depth += 1
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
    return depth


def _no_media(place: str, kind: str) -> RequestError:
    message = f"Invalid content type: this model reads text only, and '{place}' is of type '{kind}'."
    return RequestError(message, param=place, code="unsupported_content")

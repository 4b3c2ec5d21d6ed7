"""The parameters of `/v1/chat/completions`: a table of what each may be, and the request they make together."""

from collections.abc import Mapping
from typing import Any

from reference_server.chat.checks import (
    Check,
    array,
    boolean,
    integer,
    missing,
    number,
    obj,
    one_of,
    text,
    wrong_type,
    wrong_value,
)
from reference_server.chat.messages import messages
from reference_server.chat.request import ChatRequest
from reference_server.chat.tools import response_format, tools
from reference_server.errors import RequestError, unsupported


def stop(place: str, value: object) -> tuple[str, ...]:
    """Accept one stop string or up to four."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        raise wrong_type(place, "a string or an array of strings", value)
    return tuple(text(f"{place}[{number}]", item) for number, item in enumerate(array(place, value, most=4)))


def logit_bias(place: str, value: object) -> dict[int, float]:
    """Accept biases by the number of a token."""
    biases: dict[int, float] = {}
    for key, bias in obj(place, value).items():
        if not (key.isascii() and key.isdigit() and len(key) < 10):
            raise wrong_value(f"{place}.{key}"[:80], "expected the number of a token as key.")
        biases[int(key)] = float(str(number(-100, 100)(f"{place}.{key}", bias)))
    return biases


def _metadata(place: str, value: object) -> dict[str, object]:
    """Accept what a client notes for itself: up to 16 short texts by name."""
    notes = obj(place, value)
    if len(notes) > 16:
        raise wrong_value(place, f"expected at most 16 pairs, but got {len(notes)}.", "object_above_max_properties")
    for key, note in notes.items():
        if len(key) > 64:
            raise wrong_value(place, "expected keys of at most 64 characters.", "string_above_max_length")
        if len(text(f"{place}.{key}", note)) > 512:
            raise wrong_value(f"{place}.{key}", "expected at most 512 characters.", "string_above_max_length")
    return notes


def _store(place: str, value: object) -> bool:
    if boolean(place, value):
        raise unsupported(place, "This server stores no answers: 'store' can only be false.")
    return False


def _verbosity(place: str, value: object) -> str:
    if (word := str(one_of("low", "medium", "high")(place, value))) != "medium":
        message = f"Unsupported value: '{place}' does not support {word!r} with this model. Supported value: 'medium'."
        raise RequestError(message, param=place, code="unsupported_value")
    return word


def _modalities(place: str, value: object) -> list[object]:
    wanted = array(place, value, least=1)
    if wanted != ["text"]:
        raise unsupported(place, "This server answers in text only: 'modalities' can only be [\"text\"].")
    return wanted


def stream_options(place: str, value: object) -> dict[str, object]:
    """Accept the options of a stream."""
    options = obj(place, value)
    for key, wish in options.items():
        if key not in ("include_usage", "include_obfuscation"):
            raise unknown(f"{place}.{key}")
        if wish is not None:
            boolean(f"{place}.{key}", wish)
    return options


def _tools_later(_: str, value: object) -> object:
    return value  # read together with tool_choice


_TABLE: Mapping[str, Check] = {
    "model": text,
    "messages": messages,
    "stream": boolean,
    "stream_options": stream_options,
    "n": integer(1, 128),
    "stop": stop,
    "max_tokens": integer(1),
    "max_completion_tokens": integer(1),
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "frequency_penalty": number(-2, 2),
    "presence_penalty": number(-2, 2),
    "seed": integer(-(2**63), 2**63 - 1),
    "logit_bias": logit_bias,
    "logprobs": boolean,
    "top_logprobs": integer(0, 20),
    "response_format": response_format,
    "tools": _tools_later,
    "tool_choice": _tools_later,
    "parallel_tool_calls": boolean,
    "store": _store,
    "verbosity": _verbosity,
    "modalities": _modalities,
    # The answer tells which tier served it.
    "service_tier": one_of("auto", "default", "flex", "scale", "priority"),
    # From here on: hints, which change nothing in an answer of OpenAI's either.
    "user": text,
    "metadata": _metadata,  # OpenAI gives them back with stored answers alone
    "safety_identifier": text,
    "prompt_cache_key": text,
    "prompt_cache_retention": one_of("in_memory", "in-memory", "24h"),
}

_UNSUPPORTED = frozenset({
    "audio", "functions", "function_call", "moderation", "prediction", "reasoning_effort", "web_search_options",
})  # fmt: skip
_REQUIRED = ("messages", "model")


def read(body: object) -> ChatRequest:
    """Read a request from its JSON body; a parameter that is null counts as absent."""
    if not isinstance(body, dict):
        raise RequestError("The body of the request must be a JSON object.", code="invalid_type")
    for name in _REQUIRED:
        if name not in body:
            raise missing(name)
        if body[name] is None:
            raise wrong_type(name, "a string" if name == "model" else "an array", None)
    given: dict[str, Any] = {}
    for name, value in body.items():
        if name in _UNSUPPORTED and value is not None:
            raise unsupported(name)
        if name in _TABLE:
            if value is not None:
                given[name] = _TABLE[name](name, value)
        elif name not in _UNSUPPORTED:
            raise unknown(name)
    return _request(given)


def _request(given: Mapping[str, Any]) -> ChatRequest:
    stream, options = given.get("stream", False), given.get("stream_options")
    if options is not None and not stream:
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise RequestError(message, param="stream_options")
    if "top_logprobs" in given and not given.get("logprobs"):
        raise wrong_value("top_logprobs", "'logprobs' must be true where it is given.")
    if "max_tokens" in given and "max_completion_tokens" in given:
        message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise RequestError(message, param="max_tokens", code="invalid_parameter_combination")
    options = options or {}
    same = ("n", "temperature", "top_p", "frequency_penalty", "presence_penalty", "seed", "logit_bias")
    return ChatRequest(
        model=given["model"],
        messages=given["messages"],
        stream=stream,
        include_usage=bool(options.get("include_usage")),
        include_obfuscation=bool(options.get("include_obfuscation")),
        stops=given.get("stop", ()),
        limit=given.get("max_completion_tokens", given.get("max_tokens")),
        top_logprobs=given.get("top_logprobs", 0) if given.get("logprobs") else None,
        tools=tools(given.get("tools"), given.get("tool_choice"), parallel=given.get("parallel_tool_calls", True)),
        format=given.get("response_format"),
        **{name: given[name] for name in same if name in given},
    )


def unknown(name: str) -> RequestError:
    """Refuse a parameter that the API does not have."""
    return RequestError(f"Unrecognized request argument supplied: {name}", param=name, code="unknown_parameter")

"""The parameters of `/v1/chat/completions`: a table of what each may be, and the request they make together."""

from collections.abc import Mapping
from typing import Any

from reference_server.chat.messages import messages
from reference_server.chat.request import ChatRequest
from reference_server.chat.tools import response_format, tools
from reference_server.checks import (
    array,
    boolean,
    integer,
    obj,
    one_of,
    text,
    wrong_value,
)
from reference_server.errors import RequestError, unsupported
from reference_server.parameters import GENERATION, Table, read_parameters, sampling, stream_options


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


def _tools_later(_: str, value: object) -> object:
    return value  # read together with tool_choice


_TABLE: Table = {
    **GENERATION,
    "messages": messages,
    "max_tokens": integer(1),
    "max_completion_tokens": integer(1),
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
    "metadata": _metadata,  # OpenAI gives them back with stored answers alone
    "safety_identifier": text,
    "prompt_cache_key": text,
    "prompt_cache_retention": one_of("in_memory", "in-memory", "24h"),
}

_UNSUPPORTED = frozenset({
    "audio", "functions", "function_call", "moderation", "prediction", "reasoning_effort", "web_search_options",
})  # fmt: skip
_REQUIRED = {"messages": "an array", "model": "a string"}


def read(body: object) -> ChatRequest:
    """Read a request from its JSON body."""
    return _request(read_parameters(body, _TABLE, _REQUIRED, _UNSUPPORTED))


def _request(given: Mapping[str, Any]) -> ChatRequest:
    options = stream_options(given)
    if "top_logprobs" in given and not given.get("logprobs"):
        raise wrong_value("top_logprobs", "'logprobs' must be true where it is given.")
    if "max_tokens" in given and "max_completion_tokens" in given:
        message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise RequestError(message, param="max_tokens", code="invalid_parameter_combination")
    return ChatRequest(
        model=given["model"],
        messages=given["messages"],
        stream=given.get("stream", False),
        include_usage=bool(options.get("include_usage")),
        include_obfuscation=bool(options.get("include_obfuscation")),
        n=given.get("n", 1),
        stops=given.get("stop", ()),
        limit=given.get("max_completion_tokens", given.get("max_tokens")),
        sampling=sampling(given),
        top_logprobs=given.get("top_logprobs", 0) if given.get("logprobs") else None,
        tools=tools(given.get("tools"), given.get("tool_choice"), parallel=given.get("parallel_tool_calls", True)),
        format=given.get("response_format"),
    )

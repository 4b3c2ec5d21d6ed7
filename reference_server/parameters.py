"""Parameters that several endpoints have: how a body is read, and how its texts are to be made."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

from reference_server.checks import (
    Check,
    array,
    boolean,
    integer,
    missing,
    number,
    obj,
    text,
    wrong_type,
    wrong_value,
)
from reference_server.engine.sampling import Sampling
from reference_server.errors import RequestError, shown, unsupported

Table = Mapping[str, Check]
"""What each parameter may be."""


def read_parameters(
    body: object, table: Table, required: Mapping[str, str | None], beyond: Collection[str] = ()
) -> dict[str, Any]:
    """Read the parameters of a request; one that is null counts as absent. Raises RequestError.

    `required`: those that must be there, each with what it is where it may not be null. `beyond`: those that the API
    has and this server refuses.
    """
    if not isinstance(body, dict):
        raise RequestError("The body of the request must be a JSON object.", code="invalid_type")
    for name, kind in required.items():
        if name not in body:
            raise missing(name)
        if kind and body[name] is None:
            raise wrong_type(name, kind, None)
    given: dict[str, Any] = {}
    for name, value in body.items():
        if name not in table and name not in beyond:
            raise unknown(name)
        if value is not None:
            if name in beyond:
                raise unsupported(name)
            given[name] = table[name](name, value)
    return given


def unknown(name: str) -> RequestError:
    """Refuse a parameter that the API does not have."""
    name = shown(name)
    return RequestError(f"Unrecognized request argument supplied: {name}", param=name, code="unknown_parameter")


def sampling(given: Mapping[str, Any]) -> Sampling:
    """Give what a request says about the choice of tokens."""
    return Sampling(**{each.name: given[each.name] for each in fields(Sampling) if each.name in given})


def stream_options(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the options of the stream that is asked for; raises RequestError where none is."""
    options: Mapping[str, Any] | None = given.get("stream_options")
    if options is not None and not given.get("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise RequestError(message, param="stream_options")
    return options or {}


def _stop(place: str, value: object) -> tuple[str, ...]:
    """Accept one stop string or up to four."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        raise wrong_type(place, "a string or an array of strings", value)
    return tuple(text(f"{place}[{number}]", item) for number, item in enumerate(array(place, value, most=4)))


def _logit_bias(place: str, value: object) -> dict[int, float]:
    """Accept biases by the number of a token."""
    biases: dict[int, float] = {}
    for key, bias in obj(place, value).items():
        if not (key.isascii() and key.isdigit() and len(key) < 10):
            raise wrong_value(f"{place}.{key}"[:80], "expected the number of a token as key.")
        biases[int(key)] = float(str(number(-100, 100)(f"{place}.{key}", bias)))
    return biases


def _stream_options(place: str, value: object) -> dict[str, object]:
    options = obj(place, value)
    for key, wish in options.items():
        if key not in ("include_usage", "include_obfuscation"):
            raise unknown(f"{place}.{key}")
        if wish is not None:
            boolean(f"{place}.{key}", wish)
    return options


GENERATION: Table = {
    "model": text,
    "stream": boolean,
    "stream_options": _stream_options,
    "n": integer(1, 128),
    "stop": _stop,
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "frequency_penalty": number(-2, 2),
    "presence_penalty": number(-2, 2),
    "seed": integer(-(2**63), 2**63 - 1),
    "logit_bias": _logit_bias,
    "user": text,
}
"""What both endpoints that make texts take."""

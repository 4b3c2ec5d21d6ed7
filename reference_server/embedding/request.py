"""Requests for embeddings: their parameters, and the request they make together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reference_server.chat.checks import Check, integer, missing, one_of, text, wrong_type, wrong_value
from reference_server.chat.parameters import unknown
from reference_server.completion.parameters import texts
from reference_server.completion.request import Prompt
from reference_server.errors import RequestError


@dataclass(frozen=True)
class EmbeddingRequest:
    """What a client asks of `/v1/embeddings`."""

    model: str
    inputs: tuple[Prompt, ...]
    base64: bool = False
    dimensions: int | None = None


def _inputs(place: str, value: object) -> tuple[Prompt, ...]:
    inputs = texts(place, value)
    for number, item in enumerate(inputs):
        if item == "":
            raise wrong_value(place if isinstance(value, str) else f"{place}[{number}]", "it cannot be empty.")
    return inputs


_TABLE: Mapping[str, Check] = {
    "model": text,
    "input": _inputs,
    "encoding_format": one_of("float", "base64"),
    "dimensions": integer(1),
    "user": text,
}
_REQUIRED = {"model": "a string", "input": "a string or an array"}


def read(body: object) -> EmbeddingRequest:
    """Read a request from its JSON body; an optional parameter that is null counts as absent."""
    if not isinstance(body, dict):
        raise RequestError("The body of the request must be a JSON object.", code="invalid_type")
    for name, kind in _REQUIRED.items():
        if name not in body:
            raise missing(name)
        if body[name] is None:
            raise wrong_type(name, kind, None)
    given: dict[str, Any] = {}
    for name, value in body.items():
        if name not in _TABLE:
            raise unknown(name)
        if value is not None:
            given[name] = _TABLE[name](name, value)
    return EmbeddingRequest(
        given["model"], given["input"], given.get("encoding_format") == "base64", given.get("dimensions")
    )

"""Requests for embeddings: their parameters, and the request they make together."""

from dataclasses import dataclass

from reference_server.checks import integer, one_of, text, wrong_value
from reference_server.completion.parameters import texts
from reference_server.completion.request import Prompt
from reference_server.parameters import Table, read_parameters


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


_TABLE: Table = {
    "model": text,
    "input": _inputs,
    "encoding_format": one_of("float", "base64"),
    "dimensions": integer(1),
    "user": text,
}
_REQUIRED = {"model": "a string", "input": "a string or an array"}


def read(body: object) -> EmbeddingRequest:
    """Read a request from its JSON body."""
    given = read_parameters(body, _TABLE, _REQUIRED)
    return EmbeddingRequest(
        given["model"], given["input"], given.get("encoding_format") == "base64", given.get("dimensions")
    )

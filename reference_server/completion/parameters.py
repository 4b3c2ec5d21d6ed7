"""The parameters of `/v1/completions`, and the request they make together."""

from collections.abc import Mapping
from typing import Any

from reference_server.checks import (
    array,
    boolean,
    integer,
    text,
    wrong_type,
    wrong_value,
)
from reference_server.completion.request import DEFAULT_LIMIT, CompletionRequest, Prompt
from reference_server.errors import unsupported
from reference_server.parameters import GENERATION, Table, read_parameters, sampling, stream_options

MOST_PROMPTS = 2048


def tokens(place: str, value: object) -> tuple[int, ...]:
    """Accept the numbers of the tokens of one text."""
    items = array(place, value, least=1)
    numbers = tuple(item for item in items if type(item) is int)
    if len(numbers) < len(items) or min(numbers) < 0 or max(numbers) > _LARGEST:
        for position, item in enumerate(items):  # one of them is at fault
            _token(f"{place}[{position}]", item)
    return numbers


def texts(place: str, value: object) -> tuple[Prompt, ...]:
    """Accept one text or several, each a string or an array of token numbers."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        raise wrong_type(place, "a string or an array", value)
    items = array(place, value, least=1)
    if isinstance(items[0], int) and not isinstance(items[0], bool):
        return (tokens(place, items),)
    if len(items) > MOST_PROMPTS:
        raise wrong_value(place, f"expected at most {MOST_PROMPTS} items, but got {len(items)}.")
    return tuple(_text(f"{place}[{position}]", item) for position, item in enumerate(items))


def _text(place: str, value: object) -> Prompt:
    if isinstance(value, list):
        return tokens(place, value)
    return text(place, value)


_LARGEST = 2**31 - 1
_token = integer(0, _LARGEST)

_TABLE: Table = {
    **GENERATION,
    "prompt": texts,
    "echo": boolean,
    "best_of": integer(0, 20),
    "max_tokens": integer(0),
    "logprobs": integer(0, 5),
    "suffix": text,
}
_REQUIRED = {"model": "a string", "prompt": None}


def read(body: object) -> CompletionRequest:
    """Read a request from its JSON body; a prompt that is null counts as empty."""
    return _request(read_parameters(body, _TABLE, _REQUIRED))


def _request(given: Mapping[str, Any]) -> CompletionRequest:
    stream, n, options = given.get("stream", False), given.get("n", 1), stream_options(given)
    if given.get("suffix"):
        raise unsupported("suffix")
    if "best_of" in given:
        _best_of(given["best_of"], n, stream=stream)
    return CompletionRequest(
        model=given["model"],
        prompts=given.get("prompt", ("",)),
        stream=stream,
        include_usage=bool(options.get("include_usage")),
        n=n,
        stops=given.get("stop", ()),
        limit=given.get("max_tokens", DEFAULT_LIMIT),
        echo=given.get("echo", False),
        sampling=sampling(given),
        top_logprobs=given.get("logprobs"),
    )


def _best_of(best_of: int, n: int, *, stream: bool) -> None:
    if stream and best_of > 1:
        raise wrong_value("best_of", "the results cannot be streamed.")
    if best_of < n:
        raise wrong_value("best_of", f"expected a value >= n, which is {n}, but got {best_of}.")
    if best_of > n:
        raise unsupported("best_of", "This server makes no more texts than it gives: 'best_of' can only be n.")

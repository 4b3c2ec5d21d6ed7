"""The parameters of `/v1/completions`, and the request they make together."""

from collections.abc import Mapping
from typing import Any

from reference_server.chat.checks import (
    Check,
    array,
    boolean,
    integer,
    missing,
    number,
    text,
    wrong_type,
    wrong_value,
)
from reference_server.chat.parameters import logit_bias, stop, stream_options, unknown
from reference_server.completion.request import DEFAULT_LIMIT, CompletionRequest, Prompt
from reference_server.errors import RequestError, unsupported

MOST_PROMPTS = 2048


def tokens(place: str, value: object) -> tuple[int, ...]:
    """Accept the numbers of the tokens of one text."""
    items = array(place, value, least=1)
    return tuple(int(str(_token(f"{place}[{position}]", item))) for position, item in enumerate(items))


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


_token = integer(0, 2**31 - 1)

_TABLE: Mapping[str, Check] = {
    "model": text,
    "prompt": texts,
    "stream": boolean,
    "stream_options": stream_options,
    "echo": boolean,
    "n": integer(1, 128),
    "best_of": integer(0, 20),
    "stop": stop,
    "max_tokens": integer(0),
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "frequency_penalty": number(-2, 2),
    "presence_penalty": number(-2, 2),
    "seed": integer(-(2**63), 2**63 - 1),
    "logit_bias": logit_bias,
    "logprobs": integer(0, 5),
    "suffix": text,
    "user": text,
}
_REQUIRED = ("model", "prompt")


def read(body: object) -> CompletionRequest:
    """Read a request from its JSON body; a parameter that is null counts as absent, and a null prompt as empty."""
    if not isinstance(body, dict):
        raise RequestError("The body of the request must be a JSON object.", code="invalid_type")
    for name in _REQUIRED:
        if name not in body:
            raise missing(name)
    if body["model"] is None:
        raise wrong_type("model", "a string", None)
    given: dict[str, Any] = {}
    for name, value in body.items():
        if name not in _TABLE:
            raise unknown(name)
        if value is not None:
            given[name] = _TABLE[name](name, value)
    return _request(given)


def _request(given: Mapping[str, Any]) -> CompletionRequest:
    stream, n = given.get("stream", False), given.get("n", 1)
    options = given.get("stream_options")
    if options is not None and not stream:
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise RequestError(message, param="stream_options")
    if given.get("suffix"):
        raise unsupported("suffix")
    if "best_of" in given:
        _best_of(given["best_of"], n, stream=stream)
    same = ("echo", "temperature", "top_p", "frequency_penalty", "presence_penalty", "seed", "logit_bias")
    return CompletionRequest(
        model=given["model"],
        prompts=given.get("prompt", ("",)),
        stream=stream,
        include_usage=bool(options and options.get("include_usage")),
        n=n,
        stops=given.get("stop", ()),
        limit=given.get("max_tokens", DEFAULT_LIMIT),
        top_logprobs=given.get("logprobs"),
        **{name: given[name] for name in same if name in given},
    )


def _best_of(best_of: int, n: int, *, stream: bool) -> None:
    if stream and best_of > 1:
        raise wrong_value("best_of", "the results cannot be streamed.")
    if best_of < n:
        raise wrong_value("best_of", f"expected a value >= n, which is {n}, but got {best_of}.")
    if best_of > n:
        raise unsupported("best_of", "This server makes no more texts than it gives: 'best_of' can only be n.")

"""Which endpoint an exchange belongs to: by its address, by what was asked, or by what came back."""

from __future__ import annotations

from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from conformance import sse
from conformance.features import ENDPOINTS, endpoint
from conformance.json_text import parse, parse_bytes

UNKNOWN = "unknown"
PATHS = {name: f"/v1{suffix}" for suffix, name in ENDPOINTS.items()} | {"model": "/v1/models/model"}
_OBJECTS = {
    "chat.completion": "chat",
    "chat.completion.chunk": "chat",
    "text_completion": "completions",
    "embedding": "embeddings",
    "model": "model",
    "response": "responses",
}
_LISTS = {"embedding": "embeddings", "model": "models"}
_RESPONSES_ONLY = frozenset({"instructions", "previous_response_id", "max_output_tokens", "reasoning", "text", "store"})
_SEARCHED = 100  # events of a stream; one that has not told by then will not


def named(address: str) -> str:
    """Return the endpoint of a name, a path or a URL, with a method before it or not; else `unknown`."""
    address = address.strip()
    if address in PATHS:
        return address
    address = address.split(" ")[-1]
    try:
        path = urlsplit(address).path
    except ValueError:
        return UNKNOWN
    found = endpoint(path)
    if found == "model" and not address.startswith("/models/"):  # many a site has a path with /models/ in it
        return found if path.startswith("/v1/models/") else UNKNOWN
    return "responses" if found == UNKNOWN and "/v1/responses/" in path else found


def asked(request: Any) -> str:
    """Return the endpoint whose request a body is; else `unknown`."""
    if not isinstance(request, dict):
        return UNKNOWN
    if "messages" in request:
        return "chat"
    if "prompt" in request:
        return "completions"
    if "input" not in request:
        return UNKNOWN
    if not _RESPONSES_ONLY.isdisjoint(request) or request.get("stream") is not None:
        return "responses"
    if {"encoding_format", "dimensions"} & set(request) or "embed" in str(request.get("model")):
        return "embeddings"
    return UNKNOWN


def answered(body: bytes, *, stream: bool = False) -> str:
    """Return the endpoint whose answer a body is; else `unknown`. `stream`: it is known to be server-sent events."""
    if stream or looks_like_events(body):
        events = sse.Parser().feed(body[: 1 << 20])[:_SEARCHED]
        told = (one_event(event.data) for event in events if event.data is not None)
        return next((name for name in told if name != UNKNOWN), UNKNOWN)
    return value(parse_bytes(body).value)


def one_event(data: str) -> str:
    """Return the endpoint that the data of an event belong to; else `unknown`."""
    if data.strip() == "[DONE]":  # the marker of these two endpoints only; they differ in nothing but their chunks
        return "chat"
    return value(parse(data).value)


def value(found: Any) -> str:
    """Return the endpoint whose answer, or part of a stream, a JSON value is; else `unknown`."""
    if not isinstance(found, dict):
        return UNKNOWN
    kind = found.get("object")
    if isinstance(kind, str) and kind in _OBJECTS:
        return _OBJECTS[kind]
    if isinstance(found.get("type"), str) and found["type"].startswith("response."):
        return "responses"
    if isinstance(found.get("choices"), list):
        parts = [choice for choice in islice(found["choices"], 10) if isinstance(choice, dict)]
        texts = any("text" in part and "delta" not in part and "message" not in part for part in parts)
        return "completions" if texts else "chat"
    if isinstance(found.get("data"), list):
        return _listed(found)
    return UNKNOWN


def _listed(found: dict[str, Any]) -> str:
    entries = found["data"]
    if not entries:  # nobody asks for the embeddings of nothing
        return "models" if found.get("object") == "list" and "usage" not in found else UNKNOWN
    first = entries[0] if isinstance(entries[0], dict) else {}
    kind = first.get("object")
    if isinstance(kind, str) and kind in _LISTS:
        return _LISTS[kind]
    if "embedding" in first:
        return "embeddings"
    return "models" if isinstance(first.get("id"), str) else UNKNOWN


def looks_like_events(body: bytes) -> bool:
    """Tell whether a body begins like server-sent events: with a field, or a comment."""
    start = body[:64].removeprefix(sse.BOM).lstrip()
    return start.startswith((b"data:", b"event:", b"id:", b"retry:", b":"))

"""The requirements: a module a family, in report order. Importing this package fills the registry."""

from conformance.requirement import REGISTRY
from conformance.requirements import (
    chunk,
    errors,
    events,
    finish,
    framing,
    from_schemas,
    identity,
    json_texts,
    models,
    order,
    parameters,
    reply,
    termination,
    text,
    transport,
    usage,
)

FAMILIES = {
    "transport": "HTTP: status, head and message framing",
    "framing": "Server-sent events: the bytes and lines of a stream",
    "events": "Server-sent events: the blocks of a stream",
    "termination": "How a stream ends",
    "json_texts": "JSON texts, in events and bodies",
    "chunk": "The schema of chat.completion.chunk",
    "identity": "What stays the same over a stream",
    "order": "Which chunk may follow which",
    "finish": "Why an answer ended",
    "usage": "Token counts",
    "text": "The text that a client puts together",
    "tools": "Tool calls",
    "logprobs": "Log probabilities",
    "parameters": "Parameters of the request",
    "reply": "Whole chat completions",
    "models": "The list of models",
    "errors": "How a request is refused",
}

_MODULES = (
    transport,
    framing,
    events,
    termination,
    json_texts,
    chunk,
    identity,
    order,
    finish,
    usage,
    text,
    parameters,
    reply,
    models,
    errors,
    from_schemas,
)

REGISTRY.arrange(list(FAMILIES))

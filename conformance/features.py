"""What a request asks for, in the words in which requirements say what they need."""

from __future__ import annotations

from conformance.transcript import Request

ENDPOINTS = {
    "/chat/completions": "chat",
    "/completions": "completions",
    "/embeddings": "embeddings",
    "/responses": "responses",
    "/models": "models",
}


def endpoint(path: str) -> str:
    """Return the endpoint that a path belongs to: `chat`, `completions`, ..., `model`, or `unknown`."""
    path = path.partition("?")[0].rstrip("/")
    for suffix, name in ENDPOINTS.items():
        if path.endswith(suffix):
            return name
    return "model" if "/models/" in path else "unknown"


def features(request: Request) -> frozenset[str]:
    """Return the features that a request asks for; a requirement's `needs` are such names."""
    found = {endpoint(request.path)}
    body = request.json if isinstance(request.json, dict) else {}
    options = body.get("stream_options")
    if body.get("stream") is True:
        found.add("stream")
    if isinstance(options, dict) and options.get("include_usage") is True:
        found.add("usage")
    if isinstance(body.get("n"), int) and body["n"] > 1:
        found.add("n")
    if isinstance(body.get("response_format"), dict):
        found.add(str(body["response_format"].get("type")))
    found.update(name for name in ("tools", "logprobs", "stop", "seed", "logit_bias") if body.get(name))
    found.update("limit" for name in ("max_tokens", "max_completion_tokens") if body.get(name))
    found.update(name for name in ("echo", "suffix", "best_of", "dimensions") if body.get(name))
    if type(body.get("logprobs")) is int:  # legacy completions: 0 asks for the chosen tokens alone
        found.add("logprobs")
    if body.get("encoding_format") == "base64":
        found.add("base64")
    found.update(_texts(body.get("prompt")) | _texts(body.get("input")))
    return frozenset(found)


def _texts(value: object) -> set[str]:
    """Return what is special about a prompt or an input: `batch` for several texts, `token-ids` for numbers."""
    if not isinstance(value, list) or not value:
        return set()
    if type(value[0]) is int:
        return {"token-ids"}
    return ({"batch"} if len(value) > 1 else set()) | ({"token-ids"} if isinstance(value[0], list) else set())

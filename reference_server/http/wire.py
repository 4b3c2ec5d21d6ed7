"""The JSON objects of chat completions, key by key as api.openai.com sends them."""

import json
import random
import string
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reference_server.text.pieces import TokenScore
from reference_server.usage import Usage

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode

_ALPHABET = string.ascii_letters + string.digits


def name(prefix: str, size: int) -> str:
    """Make up an id that nobody has used before."""
    return prefix + "".join(random.choices(_ALPHABET, k=size))  # noqa: S311 - an id, not a secret


@dataclass(frozen=True)
class Identity:
    """What is the same in all chunks of an answer."""

    model: str
    fingerprint: str
    id: str = field(default_factory=lambda: name("chatcmpl-", 29))
    created: int = field(default_factory=lambda: int(time.time()))

    def document(self, kind: str) -> dict[str, Any]:
        """Give the members that every object of the answer begins with."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "service_tier": "default",
            "system_fingerprint": self.fingerprint,
        }


def usage(taken: Usage) -> dict[str, Any]:
    """Give the usage object."""
    return {
        "prompt_tokens": taken.prompt,
        "completion_tokens": taken.completion,
        "total_tokens": taken.prompt + taken.completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": taken.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def logprobs(scores: Sequence[TokenScore]) -> dict[str, Any]:
    """Give the log probabilities of some tokens of the content."""
    return {
        "content": [
            {
                **_token(score.text, score.logprob),
                "top_logprobs": [_token(text, logprob) for text, logprob in score.top],
            }
            for score in scores
        ],
        "refusal": None,
    }


def first_fragment(index: int, function: str) -> dict[str, Any]:
    """Give the fragment that opens a tool call."""
    opened = {"name": function, "arguments": ""}
    return {"index": index, "id": name("call_", 24), "type": "function", "function": opened}


def later_fragment(index: int, arguments: str) -> dict[str, Any]:
    """Give a fragment that goes on with a tool call."""
    return {"index": index, "function": {"arguments": arguments}}


def event(document: Mapping[str, Any]) -> bytes:
    """Write one server-sent event."""
    return f"data: {encode(document)}\n\n".encode()


DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"  # a comment: clients dispatch nothing for it


def token_text(text: bytes) -> str:
    """Show a token as text; a part of a character is shown by its bytes."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in text)


def _token(text: bytes, logprob: float) -> dict[str, Any]:
    return {"token": token_text(text), "logprob": logprob, "bytes": list(text)}

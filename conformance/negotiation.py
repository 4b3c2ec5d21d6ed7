"""What a model refuses: reasoning models take neither max_tokens nor temperature nor seed, so we ask without them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance.json_text import parse_bytes
from conformance.transcript import Transcript

DROPPED = ("temperature", "seed")
REFUSALS = ("unsupported", "not support", "does not support", "not allowed", "max_completion_tokens", "unknown param")
THINKING = 2048  # tokens on top of a limit that is not there to be hit


@dataclass
class Negotiation:
    """What has been found out so far; shared by all probes of a run."""

    without: set[str] = field(default_factory=set)

    def learn(self, transcript: Transcript) -> bool:
        """Take in a refusal; tell whether it says something new, so that asking again makes sense."""
        body = transcript.request.json
        if transcript.status not in (400, 422) or not isinstance(body, dict):
            return False
        value = parse_bytes(transcript.body()).value
        error = value.get("error") if isinstance(value, dict) else None
        if not isinstance(error, dict):
            return False
        message = str(error.get("message")).lower()
        refused = any(word in message for word in REFUSALS) or str(error.get("code")).startswith("unsupported_")
        named = {name for name in ("max_tokens", *DROPPED) if name in body and _names(error, name)}
        if not refused or not named:
            return False
        self.without |= named
        return True

    def apply(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a body without what was refused."""
        kept = {name: value for name, value in body.items() if name not in self.without}
        if "max_tokens" in self.without and "max_tokens" in body:
            limit = body["max_tokens"]
            kept["max_completion_tokens"] = limit if limit < 16 else limit + THINKING
        return kept

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what was changed and why, for the transcripts."""
        changes = [f"{name} left out" for name in DROPPED if name in self.without]
        if "max_tokens" in self.without:
            changes.insert(0, "max_tokens sent as max_completion_tokens, larger")
        return (f"the model refused parameters: {', '.join(changes)}",) if changes else ()


def _names(error: Mapping[str, Any], name: str) -> bool:
    """Tell whether an error is about a parameter: its `param` says so, or else its message."""
    param = error.get("param")
    if isinstance(param, str) and param:
        return param == name
    message = str(error.get("message")).lower()
    return f"'{name}'" in message or f"`{name}`" in message or f'"{name}"' in message or f" {name} " in f" {message} "

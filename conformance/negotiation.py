"""What a model refuses: reasoning models take neither max_tokens nor temperature nor seed, so we ask without them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance.json_text import parse_bytes
from conformance.refusal import blamed, error, message
from conformance.transcript import Transcript

USUAL = {"temperature": 0, "seed": 1}
"""What nearly all probes ask for, and what can be left out."""
LACKS = re.compile(
    r"unsupported|not support|not allowed|not permitted|unrecogni[sz]ed|unknown (param|argument|field)|"
    r"extra (inputs|fields)|max_completion_tokens",
    re.IGNORECASE,
)
THINKING = 2048  # tokens on top of a limit that is not there to be hit


@dataclass
class Negotiation:
    """What has been found out so far; shared by all probes of a run."""

    without: set[str] = field(default_factory=set)

    def learn(self, transcript: Transcript) -> bool:
        """Take in a refusal; tell whether it says something new, so that asking again makes sense."""
        body = transcript.request.json
        if not isinstance(body, dict):
            return False
        # A limit may be refused for its value, and is then not to be made larger.
        value = parse_bytes(transcript.body()).value
        lacks = LACKS.search(f"{message(value)} {error(value).get('code')}")
        named = blamed(transcript, {name for name, usual in USUAL.items() if body.get(name) == usual})
        if lacks:
            named |= blamed(transcript, {"max_tokens"} & body.keys())
        if not named:
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
        changes = [f"{name} left out" for name in USUAL if name in self.without]
        if "max_tokens" in self.without:
            changes.insert(0, "max_tokens sent as max_completion_tokens, larger")
        return (f"the model refused parameters: {', '.join(changes)}",) if changes else ()

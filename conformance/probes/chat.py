"""Chat requests that any server answers: short, long, cut short, in many alphabets, streamed and whole."""

from __future__ import annotations

from typing import Any

from conformance.probe import Probe

SHORT, LONG = 64, 400


def body(prompt: str, *, limit: int = SHORT, **more: Any) -> dict[str, Any]:
    """Return a body that is answered in the same way every time, in bounded length."""
    message = {"role": "user", "content": prompt}
    return {"messages": [message], "temperature": 0, "seed": 1, "max_tokens": limit} | more


USAGE = {"include_usage": True}

PROBES = (
    Probe("chat-stream", json=body("Say hello.", stream=True), core=True, group="twins-hello"),
    Probe("chat-whole", json=body("Say hello."), core=True, group="twins-hello"),
    Probe("chat-stream-usage", json=body("Say hello.", stream=True, stream_options=USAGE), core=True),
    Probe(
        "chat-stream-usage-off",
        json=body("Say hello.", stream=True, stream_options={"include_usage": False}),
        core=True,
    ),
    Probe("chat-whole-explicit", json=body("Say hello.", stream=False), core=True),
    Probe(
        "chat-stream-limit",
        json=body("Please count to 1000, separated by commas.", limit=8, stream=True, stream_options=USAGE),
        core=True,
        group="twins-limit",
    ),
    Probe(
        "chat-whole-limit",
        json=body("Please count to 1000, separated by commas.", limit=8),
        core=True,
        group="twins-limit",
    ),
    Probe(
        "chat-stream-stop",
        json=body("Please count to 20, separated by commas.", stream=True, stop=["7"]),
        core=True,
        group="twins-stop",
    ),
    Probe(
        "chat-whole-stop",
        json=body("Please count to 20, separated by commas.", stop=["7"]),
        core=True,
        group="twins-stop",
    ),
    Probe(
        "chat-stream-stop-tokens",
        json=body("Please count to 20, separated by commas.", stream=True, stop=", 7, 8"),
        core=True,
        group="twins-stop-tokens",
    ),
    Probe(
        "chat-whole-stop-tokens",
        json=body("Please count to 20, separated by commas.", stop=", 7, 8"),
        core=True,
        group="twins-stop-tokens",
    ),
    # No match: what was held back because it might have begun one has to come, at the end of the answer too.
    Probe(
        "chat-stream-held-back",
        json=body("Say hello.", stream=True, stop=[".\n\nEND", "!\n\nEND", "?\n\nEND", " END"]),
        core=True,
        group="twins-held-back",
    ),
    Probe(
        "chat-whole-held-back",
        json=body("Say hello.", stop=[".\n\nEND", "!\n\nEND", "?\n\nEND", " END"]),
        core=True,
        group="twins-held-back",
    ),
    Probe(
        "chat-stream-unicode",
        json=body("Answer with greetings in several alphabets and some emoji.", limit=128, stream=True),
        core=True,
        group="twins-unicode",
    ),
    Probe(
        "chat-whole-unicode",
        json=body("Answer with greetings in several alphabets and some emoji.", limit=128),
        core=True,
        group="twins-unicode",
    ),
    Probe(
        "chat-stream-long",
        json=body("Please count to 1000, separated by commas.", limit=LONG, stream=True, stream_options=USAGE),
        core=True,
    ),
)

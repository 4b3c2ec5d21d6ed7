"""Chat requests for several choices, for probabilities, for forced formats, and for a thought first."""

from typing import Any

from conformance.probe import Probe
from conformance.probes.chat import USAGE, body

PLACE = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Oslo", "Paris"]}, "large": {"type": "boolean"}},
    "required": ["city", "large"],
    "additionalProperties": False,
}
IN_JSON = "Answer in JSON: name a city, and tell whether it is large."
RIDDLE = "A riddle: how many legs do two cats have?"
OBJECT = {"type": "json_object"}
LOGPROBS = {"logprobs": True, "top_logprobs": 2}


def _schema(**more: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "place", "schema": PLACE} | more}


def _twins(kind: str, prompt: str, *, limit: int, **more: Any) -> tuple[Probe, Probe]:
    """Return the same question twice: streamed, and whole."""
    streamed = body(prompt, limit=limit, stream=True, stream_options=USAGE, **more)
    return (
        Probe(f"chat-stream-{kind}", json=streamed, group=f"twins-{kind}"),
        Probe(f"chat-whole-{kind}", json=body(prompt, limit=limit, **more), group=f"twins-{kind}"),
    )


# Each is to be refused: the alternatives without the probabilities, and more of them than there may be.
REFUSED = (
    Probe("logprobs-top-alone", json=body("Say hello.", limit=16, top_logprobs=2)),
    Probe("logprobs-top-beyond", json=body("Say hello.", limit=16, logprobs=True, top_logprobs=21)),
)
PROBES = (
    Probe("chat-stream-n", json=body("Say hello.", stream=True, n=2, stream_options=USAGE)),
    Probe("chat-whole-n", json=body("Please count to 50, separated by commas.", limit=4, n=2)),
    *_twins("logprobs", "Say hello.", limit=16, **LOGPROBS),
    *_twins("logprobs-unicode", "Answer with greetings in several alphabets and some emoji.", limit=32, **LOGPROBS),
    *REFUSED,
    *_twins("json", IN_JSON, limit=128, response_format=OBJECT),
    *_twins("schema", IN_JSON, limit=128, response_format=_schema()),
    *_twins("schema-strict", IN_JSON, limit=128, response_format=_schema(strict=True)),
    Probe("chat-stream-reasoning", json=body(RIDDLE, limit=400, stream=True), core=True),
    Probe("chat-whole-reasoning", json=body(RIDDLE, limit=400), core=True),
    Probe("chat-stream-reasoning-limit", json=body(RIDDLE, limit=5, stream=True), core=True),
)

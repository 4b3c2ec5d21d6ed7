"""Requests that are wrong, each in one way, so that the server has to say so."""

from conformance.probe import Probe
from conformance.probes.chat import USAGE, body

UNKNOWN_MODEL = "no-such-model-conformance"
UNKNOWN_ROUTE = "/nope-conformance"
OVERLONG = "A prompt longer than any context:"  # 40,000 rare characters, 160,000 tokens, follow
SCHEMA = {"name": "broken", "strict": True, "schema": {"type": "strng"}}
JSON_SCHEMA = {"type": "json_schema", "json_schema": SCHEMA}
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
PLAIN = (("Content-Type", "text/plain"),)
WRONG_KEY = "conformance-wrong-key"  # unlike a real one, so that a server may repeat it without harm
HELLO = '"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 16'


def _with(limit: int = 16, **wrong: object) -> dict[str, object]:
    return body("Say hello.", limit=limit) | wrong


PROBES = (
    Probe("messages-missing", json={"max_tokens": 16}, core=True),
    Probe("messages-missing-stream", json={"max_tokens": 16, "stream": True}, core=True),
    Probe("messages-empty", json={"messages": [], "max_tokens": 16}, core=True),
    Probe("json-malformed", text='{"model": "any", "messages": [', core=True),
    Probe("model-unknown", json=body("Say hello.", limit=16, model=UNKNOWN_MODEL), core=True, fixed_model=True),
    Probe("route-unknown", path=UNKNOWN_ROUTE, method="GET", core=True),
    Probe("method-wrong", method="PUT", core=True),
    Probe("model-missing", json=_with(), core=True, fixed_model=True),
    Probe("body-form", text="model=any&messages=hello", core=True, headers=FORM),
    Probe("body-text-plain", text=f'{{"model": $MODEL, {HELLO}}}', core=True, headers=PLAIN),
    Probe("body-not-utf-8", text=f'{{"model": $MODEL, "user": "\udcff", {HELLO}}}', core=True),
    Probe("body-deep", text=f'{{"model": $MODEL, "messages": {"[" * 1000}{"]" * 1000}}}', core=True),
    Probe("number-huge", text=f'{{"model": $MODEL, "seed": 9223372036854775808, "top_p": 1e400, {HELLO}}}', core=True),
    Probe("surrogate-lone", text=f'{{"model": $MODEL, "user": "\\ud83d", {HELLO}}}', core=True),
    Probe("type-of-messages", json=_with(messages="Say hello."), core=True, literal=True),
    Probe("type-of-stream", json=_with(stream="true"), core=True, literal=True),
    Probe("type-of-temperature", json=_with(temperature="hot"), core=True, literal=True),
    Probe("type-of-model", json=_with(model=5), core=True, fixed_model=True),
    Probe("temperature-above", json=_with(temperature=2.1), core=True, literal=True),
    Probe("temperature-below", json=_with(temperature=-0.1), core=True, literal=True),
    Probe("top-p-above", json=_with(top_p=1.1), core=True, literal=True),
    Probe("penalty-above", json=_with(frequency_penalty=2.1), core=True, literal=True),
    Probe("n-zero", json=_with(n=0), core=True, literal=True),
    Probe("n-above", json=_with(limit=1, n=129), core=True, literal=True),
    Probe("limit-zero", json=_with(max_tokens=0), core=True, literal=True),
    Probe("limit-negative", json=_with(max_tokens=-1), core=True, literal=True),
    Probe(
        "stops-five",
        json=body("Please count to 20, separated by commas.", stop=["31", "32", "33", "34", "7"]),
        core=True,
        literal=True,
    ),
    Probe("stream-options-alone", json=_with(stream_options=USAGE), core=True, literal=True),
    Probe("schema-broken", json=_with(response_format=JSON_SCHEMA), core=True, literal=True),
)

# Sent where the target has a key: how a server turns away whoever has not is part of its interface.
KEYS = (Probe("key-wrong", json=_with(), core=True, key=WRONG_KEY),)

# Some servers take minutes for it, so that it goes out after all others.
LAST = (
    Probe(
        "prompt-too-long",
        json=body(OVERLONG + " \U0002a6d6" * 40_000, limit=16, stream=True, stream_options=USAGE),
        core=True,
    ),
)

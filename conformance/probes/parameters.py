"""Chat requests that use what the schema allows and few clients use: all of them have to be accepted."""

from conformance.probe import Probe
from conformance.probes.chat import USAGE, body

HELLO = [{"role": "user", "content": "Say hello."}]
COUNT = "Please count to 50, separated by commas."
NULLS = ["temperature", "top_p", "max_tokens", "max_completion_tokens", "n", "stop", "seed", "logit_bias", "stream"]
NULLS += ["stream_options", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs"]
# Neither metadata nor parallel_tool_calls: OpenAI takes the one with store alone, and the other with tools alone.
BYSTANDERS = {
    "user": "user-1",
    "store": False,
    "service_tier": "auto",
    "safety_identifier": "user-1",
    "prompt_cache_key": "conformance",
}
SDK_HEADERS = (
    ("Accept", "application/json"),
    ("OpenAI-Beta", "assistants=v2"),
    ("X-Stainless-Lang", "python"),
    ("X-Stainless-OS", "Linux"),
    ("X-Stainless-Retry-Count", "0"),
    ("X-Stainless-Runtime", "CPython"),
    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
)
ODD_HEADERS = (("CONTENT-TYPE", "application/json"), ("aCCept", "application/json"), ("user-AGENT", "curl/8.9.1"))
ORIGIN = ("Origin", "https://example.com")
PREFLIGHT = (
    ORIGIN,
    ("Access-Control-Request-Method", "POST"),
    ("Access-Control-Request-Headers", "authorization,content-type,x-stainless-lang,x-stainless-os"),
)
SPACED = """ {
 "max_tokens" : 64 ,\t"messages": [ { "content": "S\\u0061y hello.", "role": "user" } ],\r
 "seed":1, "temperature":0, "model":$MODEL
}
"""
REFUSED = ("limits-both", "unknown-parameter")  # by the reference server, as by OpenAI


def _limited(prompt: str, **limits: object) -> dict[str, object]:
    return {key: value for key, value in body(prompt).items() if key != "max_tokens"} | limits


PROBES = (
    Probe("minimal", json={"messages": [{"role": "user", "content": COUNT}]}, core=True),
    Probe("nulls", json={"messages": HELLO} | dict.fromkeys(NULLS), core=True, literal=True),
    Probe(
        "upper-edges",
        json=body("Say hello.", limit=16, temperature=2, top_p=1, presence_penalty=2, frequency_penalty=2),
        core=True,
        literal=True,
    ),
    Probe(
        "lower-edges",
        json=body("Say hello.", limit=16, top_p=0, presence_penalty=-2, frequency_penalty=-2),
        core=True,
        literal=True,
    ),
    Probe(
        "max-completion-tokens",
        json=_limited(COUNT, max_completion_tokens=5, stream=True, stream_options=USAGE),
        core=True,
        literal=True,
    ),
    Probe("limits-both", json=_limited(COUNT, max_tokens=4, max_completion_tokens=32), core=True, literal=True),
    Probe("stop-empty-text", json=body("Say hello.", stop=""), core=True),
    Probe("stop-empty-array", json=body("Say hello.", stop=[]), core=True),
    Probe(
        "content-parts",
        json=body("") | {"messages": [{"role": "user", "content": [{"type": "text", "text": "Say hello."}]}]},
        core=True,
    ),
    Probe(
        "role-developer",
        json=body("")
        | {
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": "Hi."},
                {"role": "assistant", "content": "Hello."},
                *HELLO,
            ]
        },
        core=True,
    ),
    Probe("role-system", json=body("") | {"messages": [{"role": "system", "content": "Be brief."}, *HELLO]}, core=True),
    Probe("bystanders", json=body("Say hello.") | BYSTANDERS, core=True, literal=True),
    Probe("unknown-parameter", json=body("Say hello.", conformance_unknown=1), core=True, literal=True),
    Probe(
        "obfuscation-off",
        json=body("Say hello.", stream=True, stream_options={"include_obfuscation": False}),
        core=True,
        literal=True,
    ),
    Probe(
        "obfuscation-on",
        json=body("Say hello.", limit=16, stream=True, stream_options={"include_obfuscation": True}),
        core=True,
        literal=True,
    ),
    Probe(
        "unicode-prompt",
        json=body("Say hello. \0 \u202e\u05e9\u05dc\u05d5\u05dd \u2028 \U0001f469\u200d\U0001f680"),
        core=True,
    ),
    Probe("body-spaced", text=SPACED, core=True),
    Probe("headers-of-sdk", json=body("Say hello.", stream=True), core=True, headers=SDK_HEADERS),
    Probe("headers-odd-case", json=body("Say hello."), core=True, headers=ODD_HEADERS),
    Probe("cors-preflight", method="OPTIONS", core=True, headers=PREFLIGHT),
    Probe("cors-request", json=body("Say hello.", user="page-1"), core=True, headers=(ORIGIN,)),
    Probe(
        "n-limit",
        json=body(COUNT, limit=4, stream=True, n=2, stream_options=USAGE),
    ),
    # After all the mistakes: the server goes on.
    Probe("chat-last", json=body("Say hello."), core=True, group="after-mistakes"),
)

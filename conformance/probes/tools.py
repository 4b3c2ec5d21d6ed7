"""Chat requests that offer functions to call, and one that brings a result back."""

from typing import Any

from conformance.probe import Probe
from conformance.probes.chat import USAGE, body

PROMPT = "What is the weather in Paris? Use the tool."
TWO = "What is the weather in the cities Oslo and Paris? Use the tool once for each of them."


def _function(name: str, description: str, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters} | more,
    }


CITY = {"city": {"type": "string"}}
WEATHER = _function("get_weather", "Return the current weather of a city.", CITY)
STRICT = _function("get_weather", "Return the current weather of a city.", CITY, strict=True)
PING = _function("ping", "Tell whether the service is up. It takes nothing.", {})
NAMED = {"type": "function", "function": {"name": "ping"}}
CALL = {
    "id": "call_conformance1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
}
RESULT = [
    {"role": "user", "content": PROMPT},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": CALL["id"], "content": "Sunny, 21 degrees."},
]


def _twins(name: str, prompt: str, **more: Any) -> tuple[Probe, Probe]:
    """Return the same question twice: streamed, and whole."""
    suffix = f"-{name}" if name else ""
    streamed = body(prompt, limit=128, stream=True, stream_options=USAGE, **more)
    return (
        Probe(f"tools-stream{suffix}", json=streamed, group=f"twins-tools{suffix}"),
        Probe(f"tools-whole{suffix}", json=body(prompt, limit=128, **more), group=f"twins-tools{suffix}"),
    )


PROBES = (
    *_twins("", PROMPT, tools=[WEATHER]),
    *_twins("parallel", TWO, tools=[WEATHER]),
    *_twins("one", TWO, tools=[WEATHER], parallel_tool_calls=False),
    # Neither prompt leads to the call by itself: a server that ignores the choice answers in a few words, or calls the
    # other function.
    *_twins("required", "Greet the people of Paris in a few words.", tools=[STRICT], tool_choice="required"),
    *_twins("named", PROMPT, tools=[WEATHER, PING], tool_choice=NAMED),
    *_twins("none", PROMPT, tools=[WEATHER], tool_choice="none"),
    *_twins("result", PROMPT, messages=RESULT, tools=[WEATHER]),
    Probe("tools-stream-n", json=body(PROMPT, limit=128, stream=True, n=2, tools=[WEATHER])),
)

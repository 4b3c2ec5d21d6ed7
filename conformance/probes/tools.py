"""Chat requests that offer a function to call."""

from conformance.probe import Probe
from conformance.probes.chat import USAGE, body

PROMPT = "What is the weather in Paris? Use the tool."
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Return the current weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}

PROBES = (
    Probe("tools-stream", json=body(PROMPT, limit=128, stream=True, stream_options=USAGE, tools=[WEATHER])),
    Probe("tools-whole", json=body(PROMPT, limit=128, tools=[WEATHER])),
)

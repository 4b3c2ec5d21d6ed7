"""Requests that are wrong, each in one way, so that the server has to say so."""

from conformance.probe import Probe
from conformance.probes.chat import body

UNKNOWN_MODEL = "no-such-model-conformance"
UNKNOWN_ROUTE = "/nope-conformance"

PROBES = (
    Probe("messages-missing", json={"max_tokens": 16}, core=True),
    Probe("messages-missing-stream", json={"max_tokens": 16, "stream": True}, core=True),
    Probe("messages-empty", json={"messages": [], "max_tokens": 16}, core=True),
    Probe("json-malformed", text='{"model": "any", "messages": [', core=True),
    Probe("model-unknown", json=body("Say hello.", limit=16, model=UNKNOWN_MODEL), core=True, fixed_model=True),
    Probe("route-unknown", path=UNKNOWN_ROUTE, method="GET", core=True),
)

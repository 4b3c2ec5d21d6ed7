"""Chat requests for several choices and for probabilities."""

from conformance.probe import Probe
from conformance.probes.chat import USAGE, body

PROBES = (
    Probe("chat-stream-n", json=body("Say hello.", stream=True, n=2, stream_options=USAGE)),
    Probe("chat-whole-n", json=body("Say hello.", n=2)),
    Probe("chat-stream-logprobs", json=body("Say hello.", limit=16, stream=True, logprobs=True, top_logprobs=2)),
    Probe("chat-whole-logprobs", json=body("Say hello.", limit=16, logprobs=True, top_logprobs=2)),
)

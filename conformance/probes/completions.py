"""Legacy completions: texts that go on, with and without the prompt, the probabilities and the rest they may ask."""

from __future__ import annotations

from typing import Any

from conformance.probe import Probe
from conformance.probes.chat import USAGE

PATH = "/completions"
COUNT, HELLO = "1, 2, 3", "Hello! I"


def text(prompt: Any = COUNT, **more: Any) -> dict[str, Any]:
    """Return a body that is answered in the same way every time, in a few tokens."""
    return {"prompt": prompt, "temperature": 0, "seed": 1, "max_tokens": 8} | more


# Each is to be refused; a suffix may be honoured instead.
REFUSED = (
    Probe("completion-logprobs-six", PATH, json=text(logprobs=6, max_tokens=2)),
    Probe("completion-best-of-stream", PATH, json=text(best_of=2, max_tokens=2, stream=True)),
    Probe("completion-best-of-small", PATH, json=text(n=3, best_of=2, max_tokens=2)),
    Probe("completion-suffix", PATH, json=text(suffix=", 9, 10")),
)
PROBES = (
    Probe("completion-stream", PATH, json=text(stream=True), group="twins-completion"),
    Probe("completion-whole", PATH, json=text(), group="twins-completion"),
    Probe("completion-stream-usage", PATH, json=text(stream=True, stream_options=USAGE)),
    Probe(
        "completion-stream-n",
        PATH,
        json=text(n=2, max_tokens=4, stream=True, stream_options=USAGE),
    ),
    Probe("completion-whole-n", PATH, json=text([COUNT, HELLO], n=2, max_tokens=4, echo=True)),
    Probe(
        "completion-stream-echo",
        PATH,
        json=text(echo=True, logprobs=2, max_tokens=4, stream=True),
        group="twins-completion-echo",
    ),
    Probe("completion-whole-echo", PATH, json=text(echo=True, logprobs=2, max_tokens=4), group="twins-completion-echo"),
    Probe("completion-echo-alone", PATH, json=text(echo=True, max_tokens=0)),
    Probe("completion-logprobs-zero", PATH, json=text(logprobs=0, max_tokens=4)),
    Probe("completion-stream-stop", PATH, json=text(stop="6", stream=True)),
    Probe("completion-default-limit", PATH, json={"prompt": COUNT, "temperature": 0, "stream": True}, cancel_after=48),
    Probe("completion-token-ids", PATH, json=text([[300, 301, 302]], max_tokens=2)),
    *REFUSED,
)

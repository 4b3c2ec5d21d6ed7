"""A small suite of requirements in place of the packaged one, so that tests of the plugin hang on no rule's wording.

Loaded with `-p stand_in`.
"""

from __future__ import annotations

import sys
import types

from conformance.requirement import REGISTRY, Findings, must, observe, should
from conformance.views import Answer, Event, Failure, ModelList, Stream
from conformance.warrant import habit, observed, rfc

sys.modules["conformance.requirements"] = types.ModuleType("conformance.requirements")
REGISTRY.requirements.clear()

RULE = rfc(9110, "15")


@must("stand-status-known", RULE)
def status_known(answer: Answer) -> Findings:
    """A status code has three digits."""
    if not 100 <= answer.status <= 599:
        yield answer, "100 to 599", str(answer.status)


@must("stand-done-last", RULE, needs="stream")
def done_last(stream: Stream) -> Findings:
    """A stream ends with a marker."""
    if not stream.markers:
        yield stream, "[DONE]", "none"


@should("stand-no-shouting", habit("nobody shouts"), needs="stream")
def no_shouting(event: Event) -> Findings:
    """An event does not shout."""
    if "SHOUT" in event.data:
        yield event, "a quiet word", event.data


@must("stand-error-object", RULE)
def error_object(failure: Failure) -> Findings:
    """A refusal has an error object."""
    if not isinstance(failure.value, dict) or "error" not in failure.value:
        yield failure, "an error object", failure.text.error or "none"


@observe("stand-models-listed", observed("they are"), needs="models")
def models_listed(models: ModelList) -> Findings:
    """Models are listed."""
    yield models, "", "a list"


@must("stand-tools-streamed", RULE, needs="tools stream")
def tools_streamed(stream: Stream) -> Findings:
    """A stream with tools is a stream."""
    return
    yield


@must("stand-never-exercised", RULE, needs="logprobs")
def never_exercised(event: Event) -> Findings:
    """Nothing has probabilities."""
    return
    yield


class _None:
    @classmethod
    def among(cls, transcripts):
        return []


never = REGISTRY.requirements["stand-never-exercised"]
object.__setattr__(never, "subject", _None)

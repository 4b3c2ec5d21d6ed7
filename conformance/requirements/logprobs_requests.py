"""Requests for log probabilities: which are answered, and which refused."""

from __future__ import annotations

from dataclasses import replace

from conformance.json_text import show
from conformance.requirement import Findings, fault, must
from conformance.transcript import Transcript
from conformance.views.logprobs import LogprobsRequest, TopAlone, TopBeyond
from conformance.warrant import Level, bug, docs, schema

CREATE = "chat/create"


def _asking(transcript: Transcript, most: int) -> Transcript:
    """Return the same answer to a request for so many alternatives."""
    json = transcript.request.json | {"top_logprobs": most}
    return replace(transcript, request=replace(transcript.request, json=json))


def _speaks_of_logprobs(answer: LogprobsRequest) -> str:
    said = answer.transcript.body()[:2000].decode("utf-8", "replace")
    return said if "logprobs" in said and "support" not in said and "available" not in said else ""


@must(
    "logprobs-accepted",
    docs(CREATE, "logprobs, with or without top_logprobs from 0 to 20"),
    bug("https://github.com/vllm-project/vllm/issues/4795"),
    bug("https://github.com/InternLM/lmdeploy/pull/4121"),
    needs="logprobs",
    compat=Level.OBSERVE,
)
def accepted(answer: LogprobsRequest) -> Findings:
    """A request for log probabilities within the documented limits is not refused for them."""
    if answer.status in (400, 422) and (said := _speaks_of_logprobs(answer)):
        yield answer, "an answer", f"{answer.status} {show(said)}"


@fault("logprobs-refused", golden="logprobs-top-beyond", trips={"logprobs-accepted"})
def refused(transcript: Transcript) -> Transcript:
    """The request is within the limits, and yet refused."""
    return _asking(transcript, 2)


def _refused(answer: TopAlone | TopBeyond) -> Findings:
    if answer.status < 400:
        yield answer, "status 400", str(answer.status)


@must(
    "logprobs-top-needs-logprobs",
    docs(CREATE, "logprobs must be set to true if top_logprobs is used"),
    needs="chat",
    compat=Level.OBSERVE,
)
def top_needs_logprobs(answer: TopAlone) -> Findings:
    """A request for top_logprobs without logprobs true is refused."""
    yield from _refused(answer)


@must(
    "logprobs-top-limit",
    schema("CreateChatCompletionRequest.top_logprobs", 33105),
    needs="logprobs",
    compat=Level.OBSERVE,
)
def top_limit(answer: TopBeyond) -> Findings:
    """A request for more than 20 alternatives, or for less than none, is refused."""
    yield from _refused(answer)


@fault("logprobs-top-alone-answered", golden="chat-whole", trips={"logprobs-top-needs-logprobs"})
def top_alone_answered(transcript: Transcript) -> Transcript:
    """The request has top_logprobs alone, and is answered."""
    return _asking(transcript, 2)


@fault("logprobs-top-beyond-answered", golden="chat-whole-logprobs", trips={"logprobs-top-limit"})
def top_beyond_answered(transcript: Transcript) -> Transcript:
    """The request asks for 21 alternatives, and is answered."""
    return _asking(transcript, 21)

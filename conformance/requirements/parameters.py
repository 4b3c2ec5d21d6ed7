"""Parameters of the request: that those the schema demands are demanded."""

from __future__ import annotations

from dataclasses import replace

from conformance.requirement import Findings, fault, must
from conformance.transcript import Transcript
from conformance.views.wrong_request import Unparsable, WithoutMessages, WrongRequest
from conformance.warrant import breaks, docs, schema

REQUEST = "CreateChatCompletionRequest"
STREAM = b"data: [DONE]\n\n"


def _answered(answer: WrongRequest) -> Findings:
    if answer.status < 400:
        yield answer, "status 400", f"{answer.status} {answer.transcript.body()[:60]!r}"


@must("request-messages-required", schema(f"{REQUEST}.messages", 33105), needs="chat")
def messages_required(answer: WithoutMessages) -> Findings:
    """A request without messages, or with none, is refused by 400."""
    yield from _answered(answer)


def _lone_marker(transcript: Transcript) -> Transcript:
    headers = (
        ("content-type", "text/event-stream"),
        ("x-request-id", "req_1"),
        ("cache-control", "no-cache"),
        ("x-accel-buffering", "no"),
    )
    return replace(transcript, status=200, headers=headers).with_body(STREAM)


@fault(
    "request-messages-not-demanded",
    golden="messages-missing-stream",
    trips={"request-messages-required", "done-not-alone"},
)
def not_demanded(transcript: Transcript) -> Transcript:
    """A request without messages is answered by 200 and a lone marker."""
    return _lone_marker(transcript)


@must(
    "request-json-required",
    docs("error-codes", "a malformed request is refused by 400"),
    breaks("openai-python", "retries a 500 twice", "metadata"),
    needs="chat",
)
def json_required(answer: Unparsable) -> Findings:
    """A body that is not JSON is refused by 400."""
    yield from _answered(answer)


@fault("request-json-not-demanded", golden="json-malformed", trips={"request-json-required", "done-not-alone"})
def json_not_demanded(transcript: Transcript) -> Transcript:
    """Malformed JSON is answered by 200 and a lone marker."""
    return _lone_marker(transcript)

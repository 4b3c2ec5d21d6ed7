"""How a request is refused: status and body of a failure."""

from __future__ import annotations

import re
from dataclasses import replace

from conformance.json_text import parse_bytes, show
from conformance.mutation import data, edit_blocks, edit_json, with_header
from conformance.requirement import Findings, fault, must, should
from conformance.transcript import Transcript
from conformance.views import ErrorEvent, FailedAnswer, Failure
from conformance.views.answer import is_stream
from conformance.views.wrong_request import Invalid, UnknownModel, UnknownRoute, WithoutMessages, WrongRequest
from conformance.warrant import breaks, bug, docs, observed, quality, rfc, schema

CODES = "error-codes"
LEAK = re.compile(
    r"Traceback \(most recent call last\)|File \"[^\"]+\", line \d+|\bat [\w.$]+\([\w.]+:\d+\)|panicked at "
)
KEYS = ("message", "type", "param", "code")


@must(
    "error-not-5xx",
    quality("clients retry a 5xx twice: one wrong request becomes three"),
    docs(CODES, "a request that is wrong is refused by 4xx"),
    bug("https://github.com/abetlen/llama-cpp-python/issues/1805"),
)
def not_5xx(answer: WrongRequest) -> Findings:
    """A fault of the client is never answered by a status of 500 or more."""
    if answer.status >= 500:
        yield answer, f"a status of 400 to 499 for a request with {answer.wrong}", str(answer.status)


@fault("error-500-for-malformed-json", golden="json-malformed", trips={"error-not-5xx"})
def internal_error(transcript: Transcript) -> Transcript:
    """Malformed JSON is answered by 500."""
    return replace(transcript, status=500)


@should("error-status-400", docs(CODES, "the API answers 400"), observed("400 for every invalid request"))
def status_400(answer: Invalid) -> Findings:
    """A request that is invalid is refused by 400, not by another 4xx such as 422."""
    if answer.refused and answer.status != 400:
        yield answer, "400", str(answer.status)


@fault("error-422", golden="messages-missing", trips={"error-status-400"})
def unprocessable(transcript: Transcript) -> Transcript:
    """A request without messages is refused by 422."""
    return replace(transcript, status=422)


@must("error-404-for-unknown-route", rfc(9110, "15.5.5"), needs="unknown")
def unknown_route(answer: UnknownRoute) -> Findings:
    """An unknown path is answered by 404."""
    if answer.status not in (404, 401, 403):
        yield answer, "404", str(answer.status)


@fault("error-200-for-unknown-route", golden="route-unknown", trips={"error-404-for-unknown-route"})
def found(transcript: Transcript) -> Transcript:
    """An unknown path is answered by 200."""
    return replace(transcript, status=200)


@should("error-404-for-unknown-model", docs(CODES, "the model does not exist"), observed("404, model_not_found"))
def unknown_model(answer: UnknownModel) -> Findings:
    """An unknown model is answered by 404 or 400; a server of one model may take any name."""
    if answer.refused and answer.status not in (400, 404):
        yield answer, "404", str(answer.status)


@fault("error-422-for-unknown-model", golden="model-unknown", trips={"error-404-for-unknown-model"})
def wrong_status(transcript: Transcript) -> Transcript:
    """An unknown model is answered by 422."""
    return replace(transcript, status=422)


@must(
    "error-is-no-stream",
    docs(CODES, "an error is an HTTP status and a JSON body"),
    breaks("openai-node", "loses the message", "loses"),
    bug("https://github.com/vllm-project/guidellm/issues/743"),
)
def no_stream(answer: FailedAnswer) -> Findings:
    """A failure known before the first token is no stream, even if stream: true was asked."""
    if is_stream(answer.transcript):
        yield answer, "a JSON body", "server-sent events"


@fault("error-as-event", golden="messages-missing", trips={"error-is-no-stream"})
def as_event(transcript: Transcript) -> Transcript:
    """A refusal comes as an event."""
    body = b"data: " + transcript.body() + b"\n\n"
    return with_header(transcript, "content-type", "text/event-stream").with_body(body)


@must(
    "error-not-in-200-stream",
    docs(CODES, "an error is an HTTP status and a JSON body"),
    breaks("openai-python", "raises an APIError without a status, so nothing is retried", "loses"),
    bug("https://github.com/sgl-project/sglang/pull/28175"),
)
def not_in_200(error: ErrorEvent) -> Findings:
    """A stream does not begin with an error: a failure known before the first token has a status of its own."""
    if error.event is next(event for event in error.stream.events if not event.is_marker):
        yield error, "a status of 400 or more", f"{error.stream.status} and {show(error.event.error)}"


@fault("error-first-in-200-stream", golden="chat-stream", trips={"error-not-in-200-stream"})
def first_event(transcript: Transcript) -> Transcript:
    """A stream with status 200 consists of an error."""
    error = {"error": {"message": "no slot", "type": "server_error", "param": None, "code": None}}
    return edit_blocks(transcript, lambda blocks: blocks.__setitem__(slice(None), [data(error)]))


@must(
    "error-event-shape",
    observed("an error in a stream has the shape of one in a body"),
    breaks("openai-python", "shows no message for an error that is no object", "loses"),
    bug("https://github.com/lm-sys/FastChat/issues/3366"),
)
def event_shape(error: ErrorEvent) -> Findings:
    """An error in a stream is an object with a message."""
    value = error.event.error
    if not (isinstance(value, dict) and isinstance(value.get("message"), str) and value["message"]):
        yield error, '{"error": {"message": ...}}', show(value)


@fault("error-event-text", golden="chat-stream", trips={"error-event-shape"})
def event_text(transcript: Transcript) -> Transcript:
    """The stream breaks off with an error that is a bare string."""
    return edit_blocks(transcript, lambda blocks: blocks.__setitem__(slice(3, None), [data({"error": "slot lost"})]))


@must("error-without-internals", quality("stack traces tell an attacker where to look"))
def without_internals(failure: Failure) -> Findings:
    """An error holds no stack trace."""
    if found := LEAK.search(failure.transcript.body().decode("utf-8", "replace").replace('\\"', '"')):
        yield failure, "a message for the client", show(found.group())


@fault("error-with-stack-trace", golden="messages-missing", trips={"error-without-internals"})
def stack_trace(transcript: Transcript) -> Transcript:
    """The message of an error is a stack trace."""
    trace = 'Traceback (most recent call last):\n  File "server.py", line 7, in create'
    return edit_json(transcript, lambda body: body["error"].update(message=trace))


@should("error-words-not-null-text", quality("a null that went through a string formatter"))
def not_null_text(failure: Failure) -> Findings:
    """No member of an error is the text None, null or undefined."""
    error = failure.value.get("error") if isinstance(failure.value, dict) else None
    for key in KEYS if isinstance(error, dict) else ():
        if error and error.get(key) in ("None", "null", "undefined"):
            yield failure, "null, or a word", f"{key}: {show(error[key])}"


@fault("error-code-none-text", golden="messages-missing", trips={"error-words-not-null-text"})
def none_text(transcript: Transcript) -> Transcript:
    """The code of an error is the text None."""
    return edit_json(transcript, lambda body: body["error"].update(code="None"))


@should("error-names-the-field", observed("param names the field at fault"), schema("Error.param", 38249))
def names_field(answer: WithoutMessages) -> Findings:
    """An error about a missing field names it, in param or in the message."""
    error = value.get("error") if isinstance(value := parse_bytes(answer.transcript.body()).value, dict) else None
    if answer.refused and isinstance(error, dict) and "messages" not in f"{error.get('param')} {error.get('message')}":
        yield answer, "messages, in param or message", show(error)


@fault("error-without-field", golden="messages-missing", trips={"error-names-the-field"})
def without_field(transcript: Transcript) -> Transcript:
    """The refusal of a request without messages does not say what is missing."""
    return edit_json(transcript, lambda body: body["error"].update(param=None, message="Bad request."))

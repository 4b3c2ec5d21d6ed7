"""How a request is refused: status and body of a failure."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from conformance import goldens
from conformance.json_text import parse_bytes, show
from conformance.mutation import data, edit_blocks, edit_json, with_header
from conformance.requirement import Findings, fault, must, observe, should
from conformance.requirements.accepted import refusal
from conformance.transcript import Ending, Transcript
from conformance.views import ErrorEvent, FailedAnswer, Failure
from conformance.views.answer import is_stream
from conformance.views.headers import Unauthorised
from conformance.views.run import Afterwards
from conformance.views.usage import Usage
from conformance.views.wrong_request import (
    Invalid,
    Misnamed,
    NotUTF8,
    Overlong,
    Sent,
    UnknownModel,
    UnknownRoute,
    WrongMethod,
    WrongRequest,
)
from conformance.warrant import Level, breaks, bug, docs, habit, observed, quality, rfc, schema

CODES = "error-codes"
LEAK = re.compile(
    r"Traceback \(most recent call last\)|File \"[^\"]+\", line \d+|\bat [\w.$]+\([\w.]+:\d+\)|panicked at "
    r"|/site-packages/|/(?:home|usr|opt|root|Users)/\w[\w./-]+\.\w{1,4}\b|\b[A-Z]:\\\w+\\|\bsk-[A-Za-z0-9_-]{20,}"
)
TYPES: tuple[str, ...] = ("invalid_request_error", "authentication_error", "permission_error", "not_found_error")
TYPES += ("rate_limit_error", "tokens", "requests", "insufficient_quota", "server_error", "service_unavailable_error")
ADDRESS = re.compile(r"https?://\S+")
LEAST_TOKENS = 40_000  # of the prompt that is too long: one for each of its characters
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
        yield answer, f"a status of 400 to 499 for what is wrong: {answer.wrong}", str(answer.status)


@fault("error-500-for-malformed-json", golden="json-malformed", trips={"error-not-5xx"})
def internal_error(transcript: Transcript) -> Transcript:
    """Malformed JSON is answered by 500."""
    return replace(transcript, status=500)


@fault("error-500-for-a-form", golden="body-form", trips={"error-not-5xx"})
def form_500(transcript: Transcript) -> Transcript:
    """A body that is a form is answered by 500."""
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
    """An unknown path is refused, by 404 or another status that says so, and not answered.

    A gateway that passes every path on may know no more than that GET is not for it: 405.
    """
    if not answer.refused and answer.status != 501:
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


@should("error-event-members", observed("all four keys are in every error of a body"), compat=Level.OBSERVE)
def event_members(error: ErrorEvent) -> Findings:
    """An error in a stream has message, type, param and code, as one in a body has."""
    value = error.event.error
    if isinstance(value, dict) and (missing := [key for key in KEYS if key not in value]):
        yield error, "message, type, param and code", f"without {', '.join(missing)}"


@fault("error-event-message-only", golden="chat-stream", trips={"error-event-members"})
def message_only(transcript: Transcript) -> Transcript:
    """The stream breaks off with an error that has nothing but a message."""
    error = data({"error": {"message": "slot lost"}})
    return edit_blocks(transcript, lambda blocks: blocks.__setitem__(slice(3, None), [error]))


@fault("error-flat", golden="messages-missing", trips={"error-object-nested"})
def flat(transcript: Transcript) -> Transcript:
    """The members of the error stand at the top of the body."""
    return edit_json(transcript, lambda body: {"object": "error"} | body["error"])


@must("error-without-internals", quality("stack traces tell an attacker where to look"))
def without_internals(failure: Failure) -> Findings:
    """An error holds no stack trace, no path of a file of the server's, and no key.

    A model may be named by its path, and a web address is no file.
    """
    model = failure.request.get("model")
    for said in failure.strings:
        public = ADDRESS.sub("", said.replace(model, "") if isinstance(model, str) and model else said)
        if found := LEAK.search(public):
            yield failure, "a message for the client", show(found.group())
            return


@fault("error-with-stack-trace", golden="messages-missing", trips={"error-without-internals"})
def stack_trace(transcript: Transcript) -> Transcript:
    """The message of an error is a stack trace."""
    trace = 'Traceback (most recent call last):\n  File "server.py", line 7, in create'
    return edit_json(transcript, lambda body: body["error"].update(message=trace))


@fault("error-with-path", golden="messages-missing", trips={"error-without-internals"})
def file_path(transcript: Transcript) -> Transcript:
    """The message of an error names a file of the server's."""
    path = "KeyError: 'messages' in /usr/lib/python3/dist-packages/server/api.py"
    return edit_json(transcript, lambda body: body["error"].update(message=path))


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
def names_field(answer: Misnamed) -> Findings:
    """An error about one field names it, in param or in the message."""
    if answer.field not in f"{answer.error.get('param')} {answer.error.get('message')}":
        yield answer, f"{answer.field}, in param or message", show(answer.error)


@fault("error-without-field", golden="messages-missing", trips={"error-names-the-field"})
def without_field(transcript: Transcript) -> Transcript:
    """The refusal of a request without messages does not say what is missing."""
    return edit_json(transcript, lambda body: body["error"].update(param=None, message="Bad request."))


@observe("error-param-is-field", observed("param is the field at fault"))
def param_is_field(answer: Misnamed) -> Findings:
    """The param of an error about one field is that field, or a path into it."""
    param = answer.error.get("param", answer.field)
    if answer.field in str(answer.error.get("message")) and not (
        isinstance(param, str) and re.split(r"[.\[]", param)[0] == answer.field
    ):
        yield answer, answer.field, show(param)


@fault("error-param-null", golden="temperature-above", trips={"error-param-is-field"})
def param_null(transcript: Transcript) -> Transcript:
    """The field at fault is named in the message only."""
    return edit_json(transcript, lambda body: body["error"].update(param=None))


@observe("error-type-known", docs(CODES, "the types of errors"))
def type_known(failure: Failure) -> Findings:
    """The type of an error is one of those that are documented or widely used."""
    error = failure.value.get("error") if isinstance(failure.value, dict) else None
    kind = error.get("type") if isinstance(error, dict) else None
    if isinstance(kind, str) and kind not in TYPES:
        yield failure, "invalid_request_error, server_error, ...", show(kind)


@fault("error-type-exception-name", golden="messages-missing", trips={"error-type-known"})
def exception_name(transcript: Transcript) -> Transcript:
    """The type of an error is the name of an exception."""
    return edit_json(transcript, lambda body: body["error"].update(type="BadRequestError"))


@should("error-405-for-wrong-method", rfc(9110, "15.5.6"), needs="chat")
def wrong_method(answer: WrongMethod) -> Findings:
    """A method that has no meaning is answered by 405 with Allow, or by 404."""
    if answer.status not in (401, 403, 404, 405, 501):
        yield answer, "405, or 404", str(answer.status)
    elif answer.status == 405 and "head" in answer.transcript.knows and not answer.values("allow"):
        yield answer, "Allow: POST", "no Allow"


@fault("error-405-without-allow", golden="method-wrong", trips={"error-405-for-wrong-method"})
def without_allow(transcript: Transcript) -> Transcript:
    """PUT is answered by 405, which does not say what is allowed."""
    return with_header(transcript, "allow", None)


@should("error-400-for-bad-utf-8", rfc(8259, "8.1", "JSON is UTF-8"), needs="chat")
def bad_utf_8(answer: NotUTF8) -> Findings:
    """A request that is not UTF-8 is refused by 400."""
    if answer.status != 400:
        yield answer, "400", str(answer.status)


@fault("error-bad-utf-8-accepted", golden="body-not-utf-8", trips={"error-400-for-bad-utf-8"})
def bad_utf_8_accepted(transcript: Transcript) -> Transcript:
    """A byte that is no UTF-8 is replaced, and the request answered."""
    whole = goldens.load("chat-whole")
    headers = tuple(pair for pair in transcript.headers if pair[0] != "content-length")
    return replace(transcript, status=200, headers=headers, reads=whole.reads)


@must(
    "error-overlong-refused",
    docs(CODES, "400 context_length_exceeded"),
    observed("400, context_length_exceeded"),
    breaks("agents that compact at context_length_exceeded", "go on with an answer to a prompt that was cut", "alters"),
)
def overlong(answer: Overlong) -> Findings:
    """A prompt longer than the context is refused, and never cut in silence."""
    for usage in Usage.among([answer.transcript]):
        if usage.prompt < LEAST_TOKENS:
            yield answer, "400 context_length_exceeded", f"{answer.status}, and {usage.prompt} prompt tokens"


@fault("error-overlong-cut", golden="prompt-too-long", trips={"error-overlong-refused"})
def overlong_cut(transcript: Transcript) -> Transcript:
    """A prompt of 160,000 tokens is cut to what fits, and answered."""
    stream = goldens.load("chat-stream-usage")
    headers = tuple(pair for pair in stream.headers if pair[0] != "x-request-id")
    return replace(transcript, status=200, headers=(*headers, ("x-request-id", "req_2")), reads=stream.reads)


@should("error-overlong-code", observed("context_length_exceeded"), habit("agents compact when they see the code"))
def overlong_code(answer: Overlong) -> Findings:
    """The refusal of too long a prompt says so: by the code context_length_exceeded, or in its message."""
    words = f"{answer.error.get('code')} {answer.error.get('message')}".lower()
    if (
        answer.status == 400
        and answer.error
        and not re.search("context|length|too long|too large|maximum|exceed", words)
    ):
        yield answer, "context_length_exceeded", show(answer.error)


@fault("error-overlong-unexplained", golden="prompt-too-long", trips={"error-overlong-code"})
def overlong_unexplained(transcript: Transcript) -> Transcript:
    """Too long a prompt is a bad request, of which nothing more is said."""
    return edit_json(transcript, lambda body: body["error"].update(code=None, message="Bad request."))


@must("error-large-body-answered", rfc(9110, "15.5.14"), breaks("openai-python", "retries a connection error"))
def large_body(transcript: Sent) -> Findings:
    """A large body is answered, if by a refusal, and never by a reset without one."""
    if transcript.transcript.status is None and transcript.transcript.ending.kind in ("reset", "truncated"):
        yield transcript, "an answer", transcript.transcript.ending.detail or transcript.transcript.ending.kind


@fault("error-large-body-reset", golden="prompt-too-long", trips={"error-large-body-answered"})
def large_body_reset(transcript: Transcript) -> Transcript:
    """The connection is reset while a large body is sent."""
    return replace(transcript, status=None, headers=(), reads=(), ending=Ending("reset", 0.1, "connection reset"))


@must("error-good-request-after-bad", quality("one wrong request must not harm the next"))
def good_after_bad(answer: Afterwards) -> Findings:
    """After requests that were wrong an ordinary one succeeds."""
    status = answer.transcript.status
    if status is None or status >= 500:
        yield answer, "200", str(status) if status else f"no answer ({answer.transcript.ending.detail})"


@fault("error-poisons-next", golden="chat-last", trips={"error-good-request-after-bad"}, beside=("json-malformed",))
def poisons_next(transcript: Transcript) -> Transcript:
    """After malformed JSON an ordinary request is answered by 500."""
    error = {"error": {"message": "The worker is gone.", "type": "server_error", "param": None, "code": None}}
    return replace(transcript, status=500).with_body(json.dumps(error).encode())


@should("error-401-shape", observed("invalid_request_error, invalid_api_key"), docs(CODES, "401 for a wrong key"))
def shape_401(answer: Unauthorised) -> Findings:
    """A missing or wrong key is an invalid_request_error with code invalid_api_key or null."""
    body = parse_bytes(answer.transcript.body()).value
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        if error.get("type") not in ("invalid_request_error", "authentication_error"):
            yield answer, "invalid_request_error", show(error.get("type"))
        elif isinstance(error.get("code"), str) and error["code"] != "invalid_api_key":  # a number is another finding
            yield answer, "invalid_api_key, or null", show(error["code"])


@fault("error-401-other-type", golden="models", trips={"error-401-shape", "http-401-challenge"})
def other_type_401(transcript: Transcript) -> Transcript:
    """A request without a key is refused by an error of type server_error."""
    return edit_json(refusal(transcript, 401), lambda body: body["error"].update(type="server_error"))

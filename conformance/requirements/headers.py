"""Headers beyond those that frame a message: ids, limits, retries, browsers."""

from __future__ import annotations

import re
from dataclasses import replace
from email.utils import parsedate_to_datetime

from conformance.json_text import show
from conformance.mutation import with_header
from conformance.requirement import Findings, fault, must, observe, should
from conformance.requirements.accepted import refusal
from conformance.transcript import Transcript
from conformance.views import Head, StreamAsked
from conformance.views.answer import StreamAskedAsJSON, is_stream
from conformance.views.headers import CrossOrigin, Failing, Preflight, Retriable, Unauthorised
from conformance.warrant import breaks, docs, habit, observed, rfc, schema

COUNT = re.compile(r"\d+")
NUMBER = re.compile(r"\d+(\.\d+)?")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
DURATION = re.compile(r"(\d+h)?(\d+m(?!s))?(\d+(\.\d+)?s)?(\d+(\.\d+)?ms)?")
LONGEST = 120  # seconds: openai-python does not wait for longer


@must("stream-status-ok", schema("paths./chat/completions.post.responses.200"), needs="stream")
def status_ok(answer: StreamAsked) -> Findings:
    """A successful answer to stream: true has status 200."""
    if answer.status != 200:
        yield answer, "200", str(answer.status)


@fault("stream-status-201", golden="chat-stream", trips={"stream-status-ok"})
def created(transcript: Transcript) -> Transcript:
    """The stream comes with status 201."""
    return replace(transcript, status=201)


@should(
    "stream-whatever-accepted",
    breaks("openai-python", "sends Accept: application/json with stream: true, and gets no chunk at all", "loses"),
    needs="stream",
)
def whatever_accepted(answer: StreamAskedAsJSON) -> Findings:
    """The Accept header does not decide the form: stream: true with Accept: application/json gives a stream."""
    if not is_stream(answer.transcript):
        yield answer, "server-sent events", f"{answer.media_type[0] or 'no media type'}, not events"


@fault("stream-as-accepted", golden="headers-of-sdk", trips={"stream-whatever-accepted"})
def as_accepted(transcript: Transcript) -> Transcript:
    """The answer to stream: true is a whole JSON body, as Accept has it."""
    body = b'{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m","choices":[]}'
    return with_header(transcript, "content-type", "application/json").with_body(body)


@observe("http-openai-headers", observed("openai-version is a date, openai-processing-ms a number"))
def openai_headers(head: Head) -> Findings:
    """Where openai-processing-ms and openai-version are sent, they are a number and a date."""
    for name, form in (("openai-processing-ms", NUMBER), ("openai-version", DATE)):
        for value in head.values(name):
            if not form.fullmatch(value.strip()):
                yield head, f"{name}: a {'date' if form is DATE else 'number'}", show(value)


@fault("http-processing-in-words", golden="chat-whole", trips={"http-openai-headers"})
def in_words(transcript: Transcript) -> Transcript:
    """The processing time has a unit."""
    return with_header(transcript, "openai-processing-ms", "12 ms")


@observe("http-ratelimit-headers", docs("rate-limits", "limits and what remains are numbers, the time to reset 6m0s"))
def ratelimit_headers(head: Head) -> Findings:
    """Where x-ratelimit headers are sent, limits and remainders are integers, and the time to reset a duration."""
    for kind in ("requests", "tokens"):
        for part in ("limit", "remaining", "reset"):
            for value in head.values(f"x-ratelimit-{part}-{kind}"):
                if not value or not (DURATION if part == "reset" else COUNT).fullmatch(value):
                    yield head, "6m0s" if part == "reset" else "an integer", f"x-ratelimit-{part}-{kind}: {value}"


@fault("http-ratelimit-reset-date", golden="chat-whole", trips={"http-ratelimit-headers"})
def reset_date(transcript: Transcript) -> Transcript:
    """The time to reset is a date."""
    return with_header(transcript, "x-ratelimit-reset-tokens", "2026-11-22T00:00:00Z")


@should(
    "http-retry-after",
    rfc(9110, "10.2.3"),
    breaks("openai-python", "falls back to waits of its own, or gives up", "metadata"),
)
def retry_after(answer: Retriable) -> Findings:
    """An answer of 429 or 503 says when to try again: Retry-After, or retry-after-ms, within two minutes."""
    waits = [_seconds(value) for value in answer.values("retry-after")]
    waits += [float(v) / 1000 if NUMBER.fullmatch(v) else None for v in answer.values("retry-after-ms")]
    if not any(wait is not None and 0 <= wait <= LONGEST for wait in waits):
        yield answer, "Retry-After: 1 to 120", ", ".join(answer.values("retry-after")) or "none"


def _seconds(value: str) -> float | None:
    """Return the seconds, 1 for any date: which clock it goes by is not known."""
    if NUMBER.fullmatch(value):
        return float(value)
    try:
        return 1.0 if parsedate_to_datetime(value) else None
    except (ValueError, TypeError, OverflowError):
        return None


@fault("http-429-without-retry-after", golden="models", trips={"http-retry-after"})
def no_retry_after(transcript: Transcript) -> Transcript:
    """The server is busy, and does not say for how long."""
    return refusal(transcript, 429)


@observe("http-should-retry", habit("openai-python obeys x-should-retry: true or false"))
def should_retry(answer: Failing) -> Findings:
    """Where a failure has x-should-retry, it is true or false."""
    for value in answer.values("x-should-retry"):
        if value not in ("true", "false"):
            yield answer, "true or false", show(value)


@fault("http-should-retry-yes", golden="messages-missing", trips={"http-should-retry"})
def retry_yes(transcript: Transcript) -> Transcript:
    """A failure says x-should-retry: yes."""
    return with_header(transcript, "x-should-retry", "yes")


@observe("http-401-challenge", rfc(9110, "11.6.1"), observed("WWW-Authenticate is on some answers of 401"))
def challenge(answer: Unauthorised) -> Findings:
    """An answer of 401 has WWW-Authenticate; OpenAI sends it on a part of its own."""
    if not answer.values("www-authenticate"):
        yield answer, 'WWW-Authenticate: Bearer realm="..."', "none"


@fault("http-401-without-challenge", golden="models", trips={"http-401-challenge"})
def no_challenge(transcript: Transcript) -> Transcript:
    """A request without a key is refused by 401, without WWW-Authenticate."""
    return refusal(transcript, 401)


@observe("cors-preflight-allowed", habit("openai-node in a browser asks for leave first"))
def preflight_allowed(answer: Preflight) -> Findings:
    """Browsers are let in: OPTIONS is allowed for POST and for all headers of the official libraries."""
    methods = ",".join(answer.values("access-control-allow-methods")).upper()
    headers = ",".join(answer.values("access-control-allow-headers")).lower()
    listed = {name.strip() for name in headers.split(",")}
    if not answer.allowed or not ("POST" in methods or "*" in methods):
        yield answer, "a 2xx status that allows POST", f"{answer.status}, allowed: {methods or 'none'}"
    elif "*" not in listed and (missing := {name.strip() for name in answer.wanted()} - listed):
        yield answer, "every header that was asked for", f"without {', '.join(sorted(missing))}"


@fault("cors-without-x-stainless", golden="cors-preflight", trips={"cors-preflight-allowed"})
def without_stainless(transcript: Transcript) -> Transcript:
    """The headers that openai-node sends are not allowed."""
    return with_header(transcript, "access-control-allow-headers", "authorization, content-type")


@observe("cors-answer-readable", habit("a browser shows a page no answer without Access-Control-Allow-Origin"))
def answer_readable(answer: CrossOrigin) -> Findings:
    """The answer to a request of a web page has Access-Control-Allow-Origin, as its preflight had."""
    if not answer.values("access-control-allow-origin"):
        yield answer, "Access-Control-Allow-Origin", "none"


@fault("cors-answer-hidden", golden="cors-request", trips={"cors-answer-readable"})
def answer_hidden(transcript: Transcript) -> Transcript:
    """Only the preflight is allowed."""
    return with_header(transcript, "access-control-allow-origin", None)


@observe("cors-request-id-exposed", habit("a page reads only those headers that are exposed"))
def request_id_exposed(answer: CrossOrigin) -> Findings:
    """A web page may read x-request-id: Access-Control-Expose-Headers names it."""
    exposed = ",".join(answer.values("access-control-expose-headers")).lower()
    if answer.values("access-control-allow-origin") and not ("x-request-id" in exposed or "*" in exposed):
        yield answer, "Access-Control-Expose-Headers: x-request-id", exposed or "none"


@fault("cors-request-id-hidden", golden="cors-request", trips={"cors-request-id-exposed"})
def request_id_hidden(transcript: Transcript) -> Transcript:
    """No header is exposed to web pages."""
    return with_header(transcript, "access-control-expose-headers", None)


@should("cors-headers-nonempty", habit("browsers take an empty header for a refusal"))
def headers_nonempty(head: Head) -> Findings:
    """A CORS header, if sent, is not empty."""
    for name, value in head.transcript.headers:
        if name.lower().startswith("access-control-") and not value.strip():
            yield head, f"{name} with a value, or not at all", "an empty value"


@fault("cors-origin-empty", golden="cors-request", trips={"cors-headers-nonempty"})
def origin_empty(transcript: Transcript) -> Transcript:
    """Access-Control-Allow-Origin is there, and empty."""
    return with_header(transcript, "access-control-allow-origin", "")

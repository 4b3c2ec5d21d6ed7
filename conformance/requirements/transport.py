"""HTTP: status, head and message framing of an answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from conformance import goldens
from conformance.mutation import with_header
from conformance.requirement import Findings, fault, must, observe, should
from conformance.transcript import Ending, Transcript
from conformance.views import (
    Answer,
    CompleteHead,
    CompleteStreamHead,
    FramedStream,
    Head,
    JSONHead,
    Run,
    StreamAsked,
    StreamHead,
    TimedMarkedStream,
    Uncoded,
    Unframed,
    WholeAsked,
)
from conformance.views.answer import is_stream
from conformance.warrant import Level, breaks, docs, habit, observed, rfc, schema, whatwg

STREAM_TYPE = "text/event-stream"
SECONDS_TO_CLOSE = 10.0  # between the marker and the end of the body; a lost last segment alone can cost three


@must(
    "stream-asked-stream-sent",
    docs("chat/create", "stream: true gives server-sent events"),
    breaks("openai-python", "yields no chunk at all and reports nothing", "loses"),
    needs="stream",
)
def stream_sent(answer: StreamAsked) -> Findings:
    """A successful answer to stream: true is a stream of server-sent events."""
    if not is_stream(answer.transcript):
        yield answer, "server-sent events", f"{answer.media_type[0] or 'no media type'}, not events"


@fault("stream-asked-json-sent", golden="chat-stream", trips={"stream-asked-stream-sent"})
def json_sent(transcript: Transcript) -> Transcript:
    """The answer to stream: true is a whole JSON body."""
    body = b'{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m","choices":[]}'
    return with_header(transcript, "content-type", "application/json").with_body(body)


@must(
    "whole-asked-whole-sent",
    docs("chat/create", "without stream: true the answer is one JSON object"),
    breaks("openai-python", "hands back a string, then AttributeError"),
    needs="chat",
)
def whole_sent(answer: WholeAsked) -> Findings:
    """A successful answer to a request without stream: true is not a stream."""
    if is_stream(answer.transcript):
        yield answer, "one JSON body", "server-sent events"


@fault("whole-asked-stream-sent", golden="chat-stream", trips={"whole-asked-whole-sent"})
def stream_unasked(transcript: Transcript) -> Transcript:
    """A request that says stream: false is answered by a stream."""
    request = transcript.request
    return replace(transcript, request=replace(request, json=request.json | {"stream": False}))


@must(
    "stream-media-type-is-sse",
    schema("paths./chat/completions.post.responses.200"),
    whatwg("parsing-an-event-stream", "a client fails the connection at any other type"),
    breaks("httpx-sse", "refuses the answer"),
    needs="stream",
)
def stream_media_type(stream: StreamHead) -> Findings:
    """The media type of a stream is text/event-stream."""
    essence = stream.media_type[0]
    listed = stream.values("content-type") or "head" in stream.transcript.knows  # else its absence proves nothing
    if essence.lower() != STREAM_TYPE and listed:
        yield stream, STREAM_TYPE, essence or "no media type"


@fault("stream-as-plain-text", golden="chat-stream", trips={"stream-media-type-is-sse"})
def plain_text_stream(transcript: Transcript) -> Transcript:
    """The stream says that it is text/plain."""
    return with_header(transcript, "content-type", "text/plain; charset=utf-8")


@should("stream-media-type-lower-case", breaks("httpx-sse", "compares in lower case only and refuses the answer"))
def stream_media_type_case(stream: StreamHead) -> Findings:
    """The media type of a stream is spelt in lower case."""
    essence = stream.media_type[0]
    if essence.lower() == STREAM_TYPE != essence:
        yield stream, STREAM_TYPE, essence


@fault("stream-media-type-upper-case", golden="chat-stream", trips={"stream-media-type-lower-case"})
def upper_case(transcript: Transcript) -> Transcript:
    """The media type is spelt Text/Event-Stream."""
    return with_header(transcript, "content-type", "Text/Event-Stream")


@must("stream-charset-is-utf-8", whatwg("text/event-stream", "streams are always UTF-8; no other charset is allowed"))
def stream_charset(stream: StreamHead) -> Findings:
    """The charset of a stream, where one is named, is utf-8."""
    charset = stream.media_type[1].get("charset", "utf-8")
    if charset.lower() != "utf-8":
        yield stream, "utf-8, or no charset", charset


@fault("stream-charset-latin-1", golden="chat-stream", trips={"stream-charset-is-utf-8"})
def latin_1(transcript: Transcript) -> Transcript:
    """The stream says that it is ISO-8859-1."""
    return with_header(transcript, "content-type", "text/event-stream; charset=iso-8859-1")


@must(
    "json-media-type",
    schema("responses.content"),
    breaks("openai-node", "hands back raw text where the type is text/plain", "loses"),
)
def json_media_type(body: JSONHead) -> Findings:
    """A whole answer, a list and an error have the media type application/json."""
    essence, explained = body.media_type[0], 200 <= body.status < 300 or not body.text.error
    if explained and essence.lower() != "application/json" and (essence or "head" in body.transcript.knows):
        yield body, "application/json", essence or "no Content-Type"


@fault("json-as-plain-text", golden="chat-whole", trips={"json-media-type"})
def plain_text_json(transcript: Transcript) -> Transcript:
    """The whole answer says that it is text/plain."""
    return with_header(transcript, "content-type", "text/plain")


@must("http-length-or-chunked", rfc(9112, "6.2", "a sender must not send both"))
def one_length(head: Unframed) -> Findings:
    """A message never carries both Transfer-Encoding and Content-Length."""
    if head.values("transfer-encoding") and head.values("content-length"):
        yield head, "one of Transfer-Encoding and Content-Length", "both"


@fault("http-length-and-chunked", golden="chat-whole", trips={"http-length-or-chunked"})
def both_lengths(transcript: Transcript) -> Transcript:
    """A whole answer carries Transfer-Encoding beside its Content-Length."""
    sized = with_header(transcript, "content-length", str(len(transcript.body())))
    return with_header(sized, "transfer-encoding", "chunked")


@must(
    "http-body-complete",
    rfc(9112, "8", "a message cut short is incomplete"),
    breaks("openai-node", "raises after all the text arrived"),
    breaks("AI SDK", "raises after all the text arrived"),
)
def body_complete(answer: Unframed) -> Findings:
    """A body is as long as its framing says: the last chunk or the announced length is reached."""
    if answer.transcript.ending.kind in ("truncated", "reset"):
        yield answer, "a complete body", answer.transcript.ending.detail or answer.transcript.ending.kind


@fault("http-body-cut", golden="chat-stream", trips={"http-body-complete"})
def cut_body(transcript: Transcript) -> Transcript:
    """The connection closes without the last chunk of the chunked coding."""
    return replace(transcript, ending=replace(transcript.ending, kind="truncated", detail="no last chunk"))


@fault("http-length-short", golden="chat-whole", trips={"http-body-complete"})
def short_length(transcript: Transcript) -> Transcript:
    """Content-Length announces more bytes than come."""
    body = transcript.body()
    cut = with_header(transcript.with_body(body[:-40]), "content-length", str(len(body)))
    return replace(cut, ending=replace(cut.ending, kind="truncated", detail="40 bytes are missing"))


@should("stream-without-length", observed("no stream announces a length; one that does was produced before it began"))
def no_length(stream: FramedStream) -> Findings:
    """A stream does not announce its length."""
    if length := stream.values("content-length"):
        yield stream, "no Content-Length", length[0]


@fault("stream-with-length", golden="chat-stream", trips={"stream-without-length"})
def with_length(transcript: Transcript) -> Transcript:
    """The stream is framed by Content-Length."""
    sized = with_header(transcript, "content-length", str(len(transcript.body())))
    return with_header(sized, "transfer-encoding", None)


@must(
    "stream-closes-after-done",
    breaks("openai-node", "reads on after the marker and hangs until its time-out", "hangs"),
    breaks("AI SDK", "reads on after the marker and hangs", "hangs"),
)
def closes(stream: TimedMarkedStream) -> Findings:
    """The body ends within ten seconds after the marker."""
    ending, marker = stream.transcript.ending, stream.markers[0]
    if ending.kind in ("timeout", "open"):
        yield marker, "the end of the body", f"nothing more, and no end ({ending.detail or ending.kind})"
    elif ending.at is not None and (gap := ending.at - stream.at(marker.raw.dispatched_at)) > SECONDS_TO_CLOSE:
        yield marker, f"the end of the body within {SECONDS_TO_CLOSE:g} s", f"{gap:.1f} s"


@fault("stream-open-after-done", golden="chat-stream", trips={"stream-closes-after-done"})
def left_open(transcript: Transcript) -> Transcript:
    """The server leaves the body open after the marker."""
    return replace(transcript, ending=Ending("timeout", 60.0, "idle"))


@should("http-identity-coding", rfc(9110, "12.5.3", "the server SHOULD send a response without any content coding"))
def identity_coding(answer: Uncoded) -> Findings:
    """With Accept-Encoding: identity the body has no content coding."""
    for coding in answer.values("content-encoding"):
        if coding.lower() != "identity":
            yield answer, "no Content-Encoding", coding


@fault("http-gzip-unasked", golden="chat-stream", trips={"http-identity-coding"})
def gzip_unasked(transcript: Transcript) -> Transcript:
    """The stream is gzip-coded although only identity was accepted."""
    asked = replace(transcript, request=replace(transcript.request, headers=(("Accept-Encoding", "identity"),)))
    return with_header(asked, "content-encoding", "gzip")


@should(
    "http-request-id-sent",
    observed("x-request-id is on every answer"),
    breaks("openai-python", "_request_id is None", "metadata"),
    compat=Level.OBSERVE,
)
def request_id(head: CompleteHead) -> Findings:
    """Each answer carries x-request-id, so that its user can name it to the operator; a preflight has no user."""
    if not any(head.values("x-request-id")) and head.transcript.request.method != "OPTIONS":
        yield head, "x-request-id", "none"


@fault("http-request-id-missing", golden="chat-stream", trips={"http-request-id-sent"})
def no_request_id(transcript: Transcript) -> Transcript:
    """The answer has no x-request-id."""
    return with_header(transcript, "x-request-id", None)


@should(
    "http-request-id-unique", docs("debugging-requests", "a unique identifier for each request"), compat=Level.OBSERVE
)
def request_ids_differ(run: Run) -> Findings:
    """No two answers have the same x-request-id."""
    answers = [answer for answer in Head.among(run.transcripts) if any(answer.values("x-request-id"))]
    seen = Counter(answer.values("x-request-id")[0] for answer in answers)
    for answer in answers:
        if seen[(value := answer.values("x-request-id")[0])] > 1:
            yield answer, "an id of its own", f"{value}, on {seen[value]} answers"


@fault("http-request-id-repeated", golden="chat-stream", trips={"http-request-id-unique"}, beside=("chat-whole",))
def same_request_id(transcript: Transcript) -> Transcript:
    """The stream has the request id of the whole answer."""
    return with_header(transcript, "x-request-id", goldens.load("chat-whole").header("x-request-id"))


@observe("stream-caching-off", observed("Cache-Control is on some streams, not on all"))
def caching_off(stream: CompleteStreamHead) -> Findings:
    """Caches are told to keep off a stream (no-cache or no-store)."""
    if not {"no-cache", "no-store"} & _directives(stream):
        yield stream, "Cache-Control: no-cache", ", ".join(stream.values("cache-control")) or "none"


@fault("stream-cacheable", golden="chat-stream", trips={"stream-caching-off"})
def cacheable(transcript: Transcript) -> Transcript:
    """The stream may be kept by caches for an hour."""
    return with_header(transcript, "cache-control", "max-age=3600")


@observe("stream-proxy-buffering-off", habit("nginx holds a stream back unless X-Accel-Buffering is no"))
def buffering_off(stream: CompleteStreamHead) -> Findings:
    """Proxies are told not to hold a stream back (X-Accel-Buffering: no)."""
    if "no" not in [v.lower() for v in stream.values("x-accel-buffering")]:
        yield stream, "X-Accel-Buffering: no", "none"


@fault("stream-proxy-buffered", golden="chat-stream", trips={"stream-proxy-buffering-off"})
def buffered(transcript: Transcript) -> Transcript:
    """Proxies are not told to pass the stream on at once."""
    return with_header(transcript, "x-accel-buffering", None)


@should("http-no-redirect", habit("clients do not follow a redirected POST, or lose the key on the way"))
def no_redirect(answer: Answer) -> Findings:
    """The documented path is answered itself, without a redirect."""
    if answer.status in (301, 302, 303, 307, 308):
        yield answer, "an answer", f"{answer.status} to {answer.transcript.header('location')}"


@fault("http-redirect", golden="models", trips={"http-no-redirect"})
def redirected(transcript: Transcript) -> Transcript:
    """The path is redirected to the same path with a slash."""
    moved = with_header(with_header(transcript, "location", f"{transcript.request.path}/"), "content-type", None)
    return replace(moved, status=307, reads=())


def _directives(stream: CompleteStreamHead) -> set[str]:
    return {part.strip().lower() for value in stream.values("cache-control") for part in value.split(",")}

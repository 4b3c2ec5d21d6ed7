"""JSON texts, in the data of events and in bodies."""

from __future__ import annotations

from conformance.json_text import OddityKind, show
from conformance.mutation import edit_blocks, replace_bytes, with_header
from conformance.requirement import Findings, fault, must, should
from conformance.transcript import Transcript
from conformance.views import Event, JSONBody, Text
from conformance.views.answer import EndpointFailure
from conformance.warrant import breaks, bug, docs, rfc, schema

EVERYBODY = "openai-python, openai-node, AI SDK, LangChain"


def _oddities(text: Text, kind: OddityKind, expected: str) -> Findings:
    for oddity in text.text.oddities:
        if oddity.kind == kind:
            yield text, expected, oddity.detail


@must(
    "json-event-parses",
    rfc(8259, "2"),
    breaks(EVERYBODY, "raise, or drop the event"),
    bug("https://github.com/bentoml/OpenLLM/issues/864"),
    bug("https://github.com/anomalyco/opencode/issues/8282"),
)
def event_parses(event: Event) -> Findings:
    """The data of an event is exactly one JSON text, or the marker."""
    if event.flaw == "garbled":
        yield event, "one JSON text or [DONE]", f"{event.text.error}: {show(event.data)}"


@fault("json-event-glued", golden="chat-stream", trips={"json-event-parses"})
def glued(transcript: Transcript) -> Transcript:
    """Two chunks are glued together in one event."""
    return edit_blocks(
        transcript, lambda blocks: blocks.__setitem__(slice(1, 3), [blocks[1] + blocks[2].removeprefix(b"data: ")])
    )


@fault("json-event-python-repr", golden="chat-stream", trips={"json-event-parses"})
def python_repr(transcript: Transcript) -> Transcript:
    """One chunk is written with single quotes."""
    return edit_blocks(transcript, lambda blocks: blocks.__setitem__(1, blocks[1].replace(b'"', b"'")))


@fault("json-event-control-character", golden="chat-stream", trips={"json-event-parses"})
def control_character(transcript: Transcript) -> Transcript:
    """A raw NUL byte stands in the text of one chunk."""
    return edit_blocks(
        transcript, lambda blocks: blocks.__setitem__(1, blocks[1].replace(b'"content":"', b'"content":"\0', 1))
    )


@fault("json-event-cut", golden="chat-stream", trips={"json-event-parses"})
def event_cut(transcript: Transcript) -> Transcript:
    """The JSON of one event breaks off, and the blank line comes all the same."""
    return edit_blocks(transcript, lambda blocks: blocks.__setitem__(1, blocks[1][:60]))


@must(
    "json-body-parses",
    rfc(8259, "8.1", "UTF-8 without byte order mark"),
    schema("responses.content"),
)
def body_parses(body: JSONBody) -> Findings:
    """A whole answer, and what says that it is JSON, is exactly one JSON text, in UTF-8 without byte order mark.

    That a failure should be explained in JSON at all is another matter.
    """
    if body.text.error and (200 <= body.status < 300 or body.says_json) and body.status != 204:
        yield body, "one JSON text", f"{body.text.error}: {show(body.transcript.body()[:60].decode(errors='replace'))}"


@must(
    "json-in-failure",
    docs("error-codes", "an error is an HTTP status and a JSON body"),
    bug("https://github.com/earendil-works/pi/issues/6673"),
    bug("https://github.com/letta-ai/letta-code/pull/1179"),
)
def in_failure(failure: EndpointFailure) -> Findings:
    """A failure at a path of the API is explained in JSON, not in text or HTML."""
    if failure.text.error and not failure.says_json:
        yield failure, "an error object", show(failure.transcript.body()[:60].decode(errors="replace"))


@fault("json-body-html", golden="model-unknown", trips={"json-in-failure"})
def html(transcript: Transcript) -> Transcript:
    """The error is an HTML page."""
    page = b"<html><head><title>404 Not Found</title></head></html>"
    return with_header(transcript, "content-type", "text/html").with_body(page)


@fault("json-body-plain-text", golden="json-malformed", trips={"json-in-failure"})
def plain_text(transcript: Transcript) -> Transcript:
    """The error is a line of plain text."""
    return with_header(transcript, "content-type", "text/plain").with_body(b"Internal Server Error")


@fault("json-body-byte-order-mark", golden="chat-whole", trips={"json-body-parses"})
def byte_order_mark(transcript: Transcript) -> Transcript:
    """A whole answer begins with a byte order mark."""
    return transcript.with_body(b"\xef\xbb\xbf" + transcript.body())


@must(
    "json-numbers-finite",
    rfc(8259, "6", "Infinity and NaN are not permitted"),
    breaks("openai-node", "SyntaxError"),
    breaks("AI SDK", "reports an error"),
)
def numbers_finite(text: Text) -> Findings:
    """No number is NaN or Infinity."""
    yield from _oddities(text, "not-a-number", "a number")


@fault("json-nan", golden="chat-stream", trips={"json-numbers-finite"})
def nan(transcript: Transcript) -> Transcript:
    """One chunk holds NaN."""
    return replace_bytes(transcript, b"data: {", b'data: {"seconds":NaN,')


@should("json-keys-unique", rfc(8259, "4", "the names within an object should be unique"))
def keys_unique(text: Text) -> Findings:
    """No object has the same key twice."""
    yield from _oddities(text, "duplicate-key", "each key once")


@fault("json-duplicate-key", golden="chat-stream", trips={"json-keys-unique"})
def duplicate_key(transcript: Transcript) -> Transcript:
    """One chunk has a key twice."""
    return replace_bytes(transcript, b"data: {", b'data: {"seconds":1,"seconds":2,')


@must(
    "json-no-lone-surrogate",
    rfc(8259, "8.2", "the behaviour of receivers is unpredictable"),
    breaks("openai-python", "UnicodeEncodeError when the text is written"),
)
def no_lone_surrogate(text: Text) -> Findings:
    """No string holds half of a surrogate pair."""
    yield from _oddities(text, "lone-surrogate", "whole characters")


@fault("json-lone-surrogate", golden="chat-stream", trips={"json-no-lone-surrogate"})
def lone_surrogate(transcript: Transcript) -> Transcript:
    """One piece of text holds half of an emoji."""
    return edit_blocks(
        transcript, lambda blocks: blocks.__setitem__(1, blocks[1].replace(b'"content":"', b'"content":"\\ud83d', 1))
    )


@should("json-integers-safe", rfc(8259, "6", "integers beyond 2^53-1 are not read alike everywhere"))
def integers_safe(text: Text) -> Findings:
    """Integers stay within what JavaScript can hold (2^53-1)."""
    yield from _oddities(text, "unsafe-integer", "at most 9007199254740991")


@fault("json-unsafe-integer", golden="chat-stream", trips={"json-integers-safe"})
def unsafe_integer(transcript: Transcript) -> Transcript:
    """One chunk holds 2^63."""
    return replace_bytes(transcript, b"data: {", b'data: {"seed":9223372036854775808,')

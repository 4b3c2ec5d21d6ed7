"""How a stream ends: the marker, and what may not follow it."""

from __future__ import annotations

from dataclasses import replace

from conformance.json_text import show
from conformance.mutation import data, edit_blocks
from conformance.requirement import Findings, fault, must
from conformance.transcript import Transcript
from conformance.views import ErrorEvent, MarkedStream, WholeStream
from conformance.warrant import breaks, bug, docs, observed, quality

MARKER = "[DONE]"
STREAMING = "chat-streaming"


@must(
    "done-sent",
    docs(STREAMING, "the stream is terminated by a data: [DONE] message"),
    observed("355 of 355 streams end so"),
    breaks("clients that read lines", "cannot tell a finished answer from a lost connection", "hangs"),
    bug("https://github.com/mlc-ai/mlc-llm/issues/1300"),
    bug("https://github.com/oobabooga/textgen/issues/4778"),
)
def done_sent(stream: WholeStream) -> Findings:
    """A stream that ended without an error has the marker [DONE]."""
    if not stream.markers and not any(event.flaw == "merged" for event in stream.events):
        yield stream.events[-1] if stream.events else stream, f"data: {MARKER} before the end of the body", "no marker"


@fault("done-missing", golden="chat-stream", trips={"done-sent"})
def no_done(transcript: Transcript) -> Transcript:
    """The stream ends without the marker."""
    return edit_blocks(transcript, list.pop)


@must(
    "done-spelling",
    docs(STREAMING, "the message is data: [DONE]"),
    breaks("openai-python", "fails to parse a quoted or lower-case marker"),
    breaks("AI SDK", "fails to parse a marker with a blank behind it"),
)
def done_spelling(stream: MarkedStream) -> Findings:
    """The marker is [DONE]: upper case, unquoted, without blanks around it."""
    for event in stream.markers:
        if event.data != MARKER:
            yield event, MARKER, show(event.data)


@fault("done-lower-case", golden="chat-stream", trips={"done-spelling"})
def lower_case(transcript: Transcript) -> Transcript:
    """The marker is spelt [done]."""
    return edit_blocks(transcript, lambda blocks: blocks.__setitem__(-1, b"data: [done]"))


@fault("done-quoted", golden="chat-stream", trips={"done-spelling"})
def quoted(transcript: Transcript) -> Transcript:
    """The marker is a JSON string."""
    return edit_blocks(transcript, lambda blocks: blocks.__setitem__(-1, b'data: "[DONE]"'))


@must(
    "done-once",
    docs(STREAMING, "one message terminates the stream"),
    observed("exactly one marker"),
    bug("https://github.com/vllm-project/vllm/pull/378"),
)
def done_once(stream: MarkedStream) -> Findings:
    """The marker comes exactly once."""
    for event in stream.markers[1:]:
        yield event, "no second marker", show(event.data)


@fault("done-twice", golden="chat-stream", trips={"done-once"})
def twice(transcript: Transcript) -> Transcript:
    """The marker comes twice."""
    return edit_blocks(transcript, lambda blocks: blocks.append(blocks[-1]))


@must(
    "done-last",
    docs(STREAMING, "the message terminates the stream"),
    breaks("openai-python", "stops at the marker and loses what follows", "loses"),
    breaks("AI SDK", "adds what follows: clients disagree on the text", "alters"),
)
def done_last(stream: MarkedStream) -> Findings:
    """No event follows the marker."""
    for event in stream.events:
        if event.raw.index > stream.markers[0].raw.index and not event.is_marker:
            yield event, "the end of the stream", show(event.data)


@fault("done-then-usage", golden="chat-stream-usage", trips={"done-last"})
def usage_after_done(transcript: Transcript) -> Transcript:
    """The usage comes after the marker."""
    return edit_blocks(transcript, lambda blocks: blocks.insert(-1, blocks.pop()))


@fault("done-then-text", golden="chat-stream", trips={"done-last", "order-nothing-after-finish"})
def text_after_done(transcript: Transcript) -> Transcript:
    """The last piece of text comes after the marker."""
    return edit_blocks(transcript, lambda blocks: blocks.append(blocks[-3]))


@must(
    "done-not-alone",
    breaks("openai-python stream()", "AssertionError"),
    breaks("LangChain", "raises"),
    bug("https://github.com/snailyp/gemini-balance/pull/347"),
)
def done_not_alone(stream: WholeStream) -> Findings:
    """The marker is never the only event of a stream.

    An empty answer still has a chunk with the role and one with the finish reason.
    """
    if stream.markers and all(event.is_marker for event in stream.events):
        yield stream.markers[0], "at least one chunk before the marker", "the marker alone"


@fault("done-alone", golden="chat-stream", trips={"done-not-alone"})
def done_alone(transcript: Transcript) -> Transcript:
    """The marker is all that is sent."""
    return edit_blocks(transcript, lambda blocks: blocks.__delitem__(slice(0, -1)))


@must(
    "stream-error-last",
    breaks("openai-python", "raises at the error and loses what follows", "loses"),
    breaks("AI SDK", "goes on and appends what follows", "alters"),
)
def error_last(error: ErrorEvent) -> Findings:
    """After an error no chunk follows; the marker may."""
    for event in error.stream.events:
        if event.raw.index > error.event.raw.index and not event.is_marker and not event.error:
            yield event, "the end of the stream", show(event.data)


@fault("stream-goes-on-after-error", golden="chat-stream", trips={"stream-error-last"})
def goes_on(transcript: Transcript) -> Transcript:
    """The stream goes on after an error."""
    error = {"error": {"message": "slot lost", "type": "server_error", "param": None, "code": None}}
    return edit_blocks(transcript, lambda blocks: blocks.insert(2, data(error)))


@must(
    "stream-nonempty",
    quality("an answer without a single event tells a client nothing"),
    breaks("openai-python stream()", "AssertionError"),
)
def not_empty(stream: WholeStream) -> Findings:
    """A stream has at least one event with data."""
    if not stream.events:
        yield stream, "at least one event", f"{len(stream.transcript.body())} bytes without an event"


@fault("stream-empty", golden="chat-stream", trips={"stream-nonempty", "done-sent"})
def empty(transcript: Transcript) -> Transcript:
    """The body of the stream is empty."""
    return replace(transcript, reads=())

"""Server-sent events: the blocks of a stream, and what an event is made of."""

from __future__ import annotations

import re

from conformance import sse
from conformance.json_text import show
from conformance.mutation import edit_blocks, replace_bytes
from conformance.requirement import Findings, fault, must, observe, should
from conformance.transcript import Transcript
from conformance.views import ByteStream, DataStream, EndedByteStream, Event
from conformance.warrant import Level, breaks, bug, habit, observed, whatwg

EVERYBODY = "openai-python, openai-node, AI SDK, LangChain"
MAX_EVENT = 64 * 1024
BLANK = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2}")


def _place(stream: ByteStream, block: sse.Event) -> Event:
    return Event(stream.transcript, block, block.data or "")


@must(
    "sse-event-separated",
    whatwg("parsing-an-event-stream", "a blank line dispatches the event"),
    breaks(EVERYBODY, "get no event at all, or fail to parse the joined lines"),
)
def separated(event: Event) -> Findings:
    """Every event is ended by a blank line, so that no two share one block."""
    if event.flaw == "merged":
        lines = event.data.split("\n")
        yield event, "one JSON text in a block", f"{len(lines)} JSON texts in one block"


@fault("sse-single-newline", golden="chat-stream", trips={"sse-event-separated"})
def single_newline(transcript: Transcript) -> Transcript:
    """The blank line between the second and the third event is missing."""
    return edit_blocks(transcript, lambda blocks: blocks.__setitem__(slice(1, 3), [b"\n".join(blocks[1:3])]))


@must(
    "sse-last-event-complete",
    whatwg("parsing-an-event-stream", "an incomplete block at the end is discarded"),
    breaks("openai-node", "loses the finish reason and raises", "loses"),
    bug("https://github.com/darshi1337/apogee/pull/139"),
)
def last_complete(stream: EndedByteStream) -> Findings:
    """The last event too is ended by a blank line."""
    if stream.blocks and not stream.blocks[-1].complete:
        yield _place(stream, stream.blocks[-1]), "a blank line", "the end of the body"


@fault("sse-no-final-blank-line", golden="chat-stream", trips={"sse-last-event-complete"})
def no_final_blank_line(transcript: Transcript) -> Transcript:
    """The blank line after the marker is missing."""
    return transcript.with_body(transcript.body().removesuffix(b"\n"))


@should("sse-single-data-line", observed("every event has one data line"), compat=Level.OBSERVE)
def single_data_line(event: Event) -> Findings:
    """An event has a single data line; several are legal, and rarely supported by parsers written by hand."""
    if not event.flaw and "\n" in event.data:
        yield event, "one data line", f"{event.data.count(chr(10)) + 1} data lines"


@fault("sse-several-data-lines", golden="chat-stream", trips={"sse-single-data-line"})
def several_data_lines(transcript: Transcript) -> Transcript:
    """One chunk is spread over several data lines."""
    return edit_blocks(transcript, lambda blocks: blocks.__setitem__(1, blocks[1].replace(b',"', b',\ndata: "', 3)))


@must(
    "sse-no-empty-data",
    breaks("openai-python", "JSONDecodeError"),
    breaks("openai-node", "SyntaxError"),
    bug("https://github.com/Growth-Circle/cadis/issues/362"),
)
def no_empty_data(event: Event) -> Findings:
    """No event has empty data."""
    if event.flaw == "empty":
        yield event, "JSON or the marker", "empty data"


@fault("sse-empty-data", golden="chat-stream", trips={"sse-no-empty-data"})
def empty_data(transcript: Transcript) -> Transcript:
    """An event with empty data stands between two chunks."""
    return edit_blocks(transcript, lambda blocks: blocks.insert(2, b"data: "))


@must(
    "sse-no-event-without-data",
    breaks("openai-python", "dispatches it all the same: JSONDecodeError"),
    breaks("openai-node", "SyntaxError"),
    bug("https://github.com/openclaw/openclaw/issues/52679"),
)
def no_event_without_data(stream: ByteStream) -> Findings:
    """No event: line stands in a block without data.

    The standard does not dispatch such a block, but openai-python does.
    """
    for block in stream.blocks:
        if block.data is None and block.name is not None:
            yield _place(stream, block), "data beside the event name", f"event: {show(block.name)} alone"


@fault("sse-ping-without-data", golden="chat-stream", trips={"sse-no-event-without-data"})
def ping(transcript: Transcript) -> Transcript:
    """A heartbeat comes as event: ping without data."""
    return edit_blocks(transcript, lambda blocks: blocks.insert(1, b"event: ping"))


@must(
    "sse-no-retry-alone",
    breaks("openai-python", "JSONDecodeError"),
    breaks("httpx-sse", "yields an empty event", "alters"),
)
def no_retry_alone(stream: ByteStream) -> Findings:
    """No block holds only retry:."""
    for block in stream.blocks:
        if {field.name for field in block.fields} == {b"retry"}:
            yield _place(stream, block), "retry: beside data, or not at all", "retry: alone"


@fault("sse-retry-alone", golden="chat-stream", trips={"sse-no-retry-alone"})
def retry_alone(transcript: Transcript) -> Transcript:
    """The stream begins with a block that sets the reconnection time."""
    return edit_blocks(transcript, lambda blocks: blocks.insert(0, b"retry: 3000"))


@must(
    "sse-id-then-comment",
    breaks("openai-python", "keeps the id, so that the blank line after a comment dispatches an empty event"),
    breaks("LangChain", "JSONDecodeError"),
)
def id_then_comment(stream: ByteStream) -> Findings:
    """Where an event has an id, no comment stands alone after it."""
    for comment in _alone_after_id(stream)[:1]:
        yield stream, "no id, or no comments", f"a comment at byte {comment.start}, after an event with an id"


@fault("sse-id-with-heartbeat", golden="chat-stream", trips={"sse-id-then-comment", "sse-heartbeat-comments"})
def id_with_heartbeat(transcript: Transcript) -> Transcript:
    """An event has an id, and a comment stands alone after it."""

    def edit(blocks: list[bytes]) -> None:
        blocks[1:3] = [b"id: 1\n" + blocks[1], b": keep-alive", blocks[2]]

    return edit_blocks(transcript, edit)


def _alone_after_id(stream: ByteStream) -> list[sse.Comment]:
    """Return the comments between two blank lines that come after an event with an id."""
    first = next((b for b in stream.blocks if any(field.name == b"id" for field in b.fields)), None)
    later = [comment for comment in stream.parser.comments if first and comment.start >= first.stop]
    return [c for c in later if BLANK.match(stream.body, c.stop) and BLANK.search(stream.body[: c.start][-4:])]


@should("sse-no-id", observed("no event has an id"))
def no_id(stream: ByteStream) -> Findings:
    """Events have no id: field; a stream of chat chunks cannot be resumed."""
    for block in stream.blocks if not _alone_after_id(stream) else ():
        if len(block.fields) > 1 and any(field.name == b"id" for field in block.fields):
            yield _place(stream, block), "no id", "an id"
            return


@fault("sse-id", golden="chat-stream", trips={"sse-no-id"})
def with_id(transcript: Transcript) -> Transcript:
    """Every event has an id."""
    return edit_blocks(
        transcript, lambda blocks: blocks.__setitem__(slice(None), [b"id: 1\n" + block for block in blocks])
    )


@should("sse-event-unnamed", habit("EventSource hands named events to listeners of that name only"))
def unnamed(stream: DataStream) -> Findings:
    """Chat and completion events have no name; `message` is the default, `error` may name an error."""
    for event in stream.events:
        name = event.raw.name
        if name not in (None, "", "message", "error"):
            yield event, "no event name", show(name)


@fault("sse-event-named", golden="chat-stream", trips={"sse-event-unnamed"})
def named(transcript: Transcript) -> Transcript:
    """One chunk comes as event: completion."""
    return edit_blocks(transcript, lambda blocks: blocks.__setitem__(1, b"event: completion\n" + blocks[1]))


@must("sse-no-doubled-prefix", breaks(EVERYBODY, "cannot parse data that begins with data:"))
def no_doubled_prefix(event: Event) -> Findings:
    """The prefix data: is not doubled."""
    if event.flaw == "prefixed":
        yield event, "JSON or the marker", show(event.data, 30)


@fault("sse-doubled-prefix", golden="chat-stream", trips={"sse-no-doubled-prefix"})
def doubled_prefix(transcript: Transcript) -> Transcript:
    """One chunk has the prefix twice."""
    return edit_blocks(transcript, lambda blocks: blocks.__setitem__(1, b"data: " + blocks[1]))


@must(
    "sse-no-heartbeat-as-data",
    breaks("openai-python", "hands it out as a chunk without choices, or fails to parse it"),
    breaks("AI SDK", "reports an error"),
)
def no_heartbeat(event: Event) -> Findings:
    """A heartbeat is a comment, never data such as ping or {}."""
    if event.flaw == "heartbeat":
        yield event, "a comment line", show(event.data)


@fault("sse-heartbeat-as-data", golden="chat-stream", trips={"sse-no-heartbeat-as-data"})
def heartbeat(transcript: Transcript) -> Transcript:
    """A heartbeat comes as data: ping."""
    return edit_blocks(transcript, lambda blocks: blocks.insert(1, b"data: ping"))


@should("sse-event-size", habit("Go's bufio.Scanner stops at a line of 64 KiB unless told otherwise"))
def event_size(event: Event) -> Findings:
    """An event stays under 64 KiB."""
    if (size := event.raw.stop - event.raw.start) >= MAX_EVENT:
        yield event, f"less than {MAX_EVENT} bytes", f"{size} bytes"


@fault("sse-event-oversize", golden="chat-stream", trips={"sse-event-size"})
def oversize(transcript: Transcript) -> Transcript:
    """One chunk has a padding of 64 KiB."""
    return replace_bytes(transcript, b"data: {", b'data: {"padding":"' + b"x" * MAX_EVENT + b'",')


@observe(
    "sse-heartbeat-comments", observed("OpenAI sends no comments; the standard recommends them against idle proxies")
)
def comments(stream: ByteStream) -> Findings:
    """Comments stand between the events, as heartbeats may."""
    if found := stream.parser.comments:
        yield (
            stream,
            "no comments, as at OpenAI",
            f"{len(found)} comments, the first {show(found[0].text.decode(errors='replace'))}",
        )


@fault("sse-comment", golden="chat-stream", trips={"sse-heartbeat-comments"})
def comment(transcript: Transcript) -> Transcript:
    """A comment stands alone between two events, which is legal."""
    return edit_blocks(transcript, lambda blocks: blocks.insert(1, b": keep-alive"))

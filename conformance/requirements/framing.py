"""Server-sent events: the lines and blocks of a stream."""

from __future__ import annotations

from collections.abc import Iterator

from conformance import sse
from conformance.json_text import parse, show
from conformance.mutation import edit_blocks, replace_bytes
from conformance.requirement import Findings, fault, must, observe, should
from conformance.transcript import Transcript
from conformance.views import ByteStream, DataStream, Event
from conformance.warrant import Level, breaks, bug, habit, observed, whatwg

EVERYBODY = "openai-python, openai-node, AI SDK, LangChain"
MAX_EVENT = 64 * 1024
FORMAT = "parsing-an-event-stream"


def _place(stream: ByteStream, block: sse.Event) -> Event:
    return Event(stream.transcript, block, block.data or "")


def _strays(stream: ByteStream) -> Iterator[tuple[sse.Event, sse.Field, str]]:
    """Return the lines with unknown field names, each as one kind of defect: `preamble`, `json`, `error`, `field`."""
    broken = {event.raw.index for event in stream.events if event.flaw == "broken"}
    first = stream.events[0].raw.index if stream.events else len(stream.blocks)
    for block in stream.blocks:
        if len(block.fields) == 1 and block.fields[0].name == b"data":
            continue
        for field in block.fields:
            if field.name in sse.KNOWN_FIELDS or block.index in broken:
                continue
            line = stream.body[field.start : field.stop].decode("utf-8", "replace")
            if not parse(line).error and line[:1] in "{[":
                yield block, field, "json"
            elif field.name.strip().lower() == b"error":
                yield block, field, "error"
            else:
                yield block, field, "preamble" if block.index < first else "field"


@must(
    "sse-utf-8",
    whatwg(FORMAT, "streams are decoded as UTF-8"),
    breaks("openai-python", "UnicodeDecodeError"),
    breaks("openai-node", "shows U+FFFD", "alters"),
)
def utf_8(stream: ByteStream) -> Findings:
    """All bytes of a stream are valid UTF-8."""
    try:
        stream.body.decode()
    except UnicodeDecodeError as error:
        block = next((block for block in stream.blocks if block.stop > error.start), None)
        place = stream if block is None else _place(stream, block)
        yield place, "UTF-8", f"byte 0x{stream.body[error.start]:02x} at {error.start}: {error.reason}"


@fault("sse-latin-1", golden="chat-stream", trips={"sse-utf-8"})
def latin_1_bytes(transcript: Transcript) -> Transcript:
    """One character of the text is sent as ISO-8859-1."""
    return edit_blocks(
        transcript, lambda blocks: blocks.__setitem__(1, blocks[1].replace(b'"content":"', b'"content":"\xe9', 1))
    )


@must(
    "sse-no-byte-order-mark",
    breaks("openai-python", "loses the first event", "loses"),
    breaks("httpx-sse", "loses the first event", "loses"),
)
def no_bom(stream: ByteStream) -> Findings:
    """A stream does not begin with a byte order mark.

    The standard lets a parser strip one, but two widely used ones make it a part of the first field's name.
    """
    if stream.parser.bom:
        yield stream, "data:", "a byte order mark"


@fault("sse-byte-order-mark", golden="chat-stream", trips={"sse-no-byte-order-mark"})
def bom(transcript: Transcript) -> Transcript:
    """The stream begins with a byte order mark."""
    return transcript.with_body(sse.BOM + transcript.body())


@should("sse-one-line-end", habit("parsers written by hand split at two line feeds"))
def one_line_end(stream: ByteStream) -> Findings:
    """A stream uses one kind of line end throughout: LF, CRLF or CR."""
    ends = stream.parser.line_ends
    if len(ends) > 1:
        yield stream, "one kind of line end", ", ".join(f"{end!r} at byte {at}" for end, at in ends.items())


@fault("sse-mixed-line-ends", golden="chat-stream", trips={"sse-one-line-end", "sse-line-feed"})
def mixed_line_ends(transcript: Transcript) -> Transcript:
    """The second event ends in CRLF, all others in LF."""
    return replace_bytes(transcript, b"\n\n", b"\r\n\r\n")


@observe("sse-line-feed", observed("every stream uses LF"))
def line_feed(stream: ByteStream) -> Findings:
    """Lines end in a line feed, as OpenAI's do; CRLF and CR are legal."""
    other = [repr(end) for end in stream.parser.line_ends if end != b"\n"]
    if other:
        yield stream, "LF", ", ".join(other)


@fault("sse-crlf", golden="chat-stream", trips={"sse-line-feed"})
def crlf(transcript: Transcript) -> Transcript:
    """All lines end in CRLF, which is legal."""
    return transcript.with_body(transcript.body().replace(b"\n", b"\r\n"))


@must(
    "sse-event-separated",
    whatwg(FORMAT, "a blank line dispatches the event"),
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
    whatwg(FORMAT, "an incomplete block at the end is discarded"),
    breaks("openai-node", "loses the finish reason and raises", "loses"),
    bug("https://github.com/darshi1337/apogee/pull/139"),
)
def last_complete(stream: ByteStream) -> Findings:
    """The last event too is ended by a blank line."""
    known = "ending" in stream.transcript.knows and stream.transcript.ending.kind == "eof"
    if known and stream.blocks and not stream.blocks[-1].complete and not stream.errors:
        yield _place(stream, stream.blocks[-1]), "a blank line", "the end of the body"


@fault("sse-no-final-blank-line", golden="chat-stream", trips={"sse-last-event-complete"})
def no_final_blank_line(transcript: Transcript) -> Transcript:
    """The blank line after the marker is missing."""
    return transcript.with_body(transcript.body().removesuffix(b"\n"))


@must(
    "sse-no-raw-newline",
    whatwg(FORMAT, "each line of the data has its own prefix"),
    breaks(EVERYBODY, "cannot parse the first line of a JSON text"),
)
def no_raw_newline(event: Event) -> Findings:
    """No raw line break stands inside a JSON text, unless each of its lines has the prefix data:."""
    if event.flaw == "broken":
        yield event, "JSON on one line", "JSON over several lines, without a prefix on each"


@fault("sse-pretty-printed", golden="chat-stream", trips={"sse-no-raw-newline"})
def pretty_printed(transcript: Transcript) -> Transcript:
    """One chunk is printed over several lines, with one prefix."""
    return edit_blocks(transcript, lambda blocks: blocks.__setitem__(1, blocks[1].replace(b",", b",\n")))


@must("sse-no-bare-json", breaks(EVERYBODY, "take no notice of the line", "loses"))
def no_bare_json(stream: ByteStream) -> Findings:
    """No line is JSON without the prefix data:, as in newline-delimited JSON."""
    for block, field, kind in _strays(stream):
        if kind == "json":
            yield _place(stream, block), "data: before the JSON", show(field.name.decode("utf-8", "replace"))


@fault("sse-bare-json", golden="chat-stream", trips={"sse-no-bare-json"})
def bare_json(transcript: Transcript) -> Transcript:
    """One chunk comes without its prefix."""
    return edit_blocks(transcript, lambda blocks: blocks.__setitem__(1, blocks[1].removeprefix(b"data: ")))


@must("sse-error-in-data", breaks(EVERYBODY, "take no notice of the error", "loses"))
def error_in_data(stream: ByteStream) -> Findings:
    """An error is sent as data, not in a field of its own name.

    The standard has parsers ignore unknown fields, so the answer looks finished.
    """
    for block, _, kind in _strays(stream):
        if kind == "error":
            yield _place(stream, block), 'data: {"error": ...}', "a field called error"


@fault("sse-error-field", golden="chat-stream", trips={"sse-error-in-data"})
def error_field(transcript: Transcript) -> Transcript:
    """An error comes as a line that begins with error:."""
    return edit_blocks(transcript, lambda blocks: blocks.insert(1, b'error: {"message":"out of memory"}'))


@should("sse-known-fields", habit("parsers ignore other fields, so whatever they hold is lost"))
def known_fields(stream: ByteStream) -> Findings:
    """The fields of an event are data, event, id and retry."""
    for block, field, kind in _strays(stream):
        if kind == "field":
            yield _place(stream, block), "data, event, id or retry", show(field.name.decode("utf-8", "replace"))


@fault("sse-unknown-field", golden="chat-stream", trips={"sse-known-fields"})
def unknown_field(transcript: Transcript) -> Transcript:
    """One event has a field called meta."""
    return edit_blocks(transcript, lambda blocks: blocks.__setitem__(1, b"meta: 1\n" + blocks[1]))


@should("sse-no-preamble", habit("parsers written by hand expect the first event at once"))
def no_preamble(stream: ByteStream) -> Findings:
    """Nothing but events and comments stands before the first event."""
    for block, field, kind in _strays(stream):
        if kind == "preamble":
            yield _place(stream, block), "an event or a comment", show(field.name.decode("utf-8", "replace"))


@fault("sse-log-line-first", golden="chat-stream", trips={"sse-no-preamble"})
def log_line(transcript: Transcript) -> Transcript:
    """A log line stands before the first event."""
    return edit_blocks(transcript, lambda blocks: blocks.insert(0, b"INFO loading the model"))


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


@should(
    "sse-no-id",
    observed("no event has an id"),
    breaks("openai-python", "keeps the id, so that the next blank line dispatches an empty event"),
)
def no_id(stream: ByteStream) -> Findings:
    """Events have no id: field; a stream of chat chunks cannot be resumed."""
    for block in stream.blocks:
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
        if name not in (None, "", "message") and not (name == "error" and event.error):
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


@observe("sse-space-after-colon", observed("one blank follows data:"))
def space_after_colon(stream: ByteStream) -> Findings:
    """A single blank follows data:, as parsers written by hand expect; without it a stream is as legal."""
    for block in stream.blocks:
        if any(field.name == b"data" and field.gap == 0 and field.value for field in block.fields):
            yield _place(stream, block), "data: and a blank", "no blank"
            return


@fault("sse-no-space", golden="chat-stream", trips={"sse-space-after-colon"})
def no_space(transcript: Transcript) -> Transcript:
    """No blank follows data:, which is legal."""
    return transcript.with_body(transcript.body().replace(b"data: ", b"data:"))


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

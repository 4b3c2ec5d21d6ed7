"""Server-sent events: the bytes and lines of a stream."""

from __future__ import annotations

from collections.abc import Iterator

from conformance import sse
from conformance.json_text import parse, show
from conformance.mutation import edit_blocks, replace_bytes
from conformance.requirement import Findings, fault, must, observe, should
from conformance.transcript import Transcript
from conformance.views import ByteStream, Event
from conformance.warrant import breaks, habit, observed, whatwg

EVERYBODY = "openai-python, openai-node, AI SDK, LangChain"
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


@fault("sse-separator-as-newline", golden="chat-stream", trips={"sse-no-raw-newline"})
def separator_as_newline(transcript: Transcript) -> Transcript:
    """A line separator in the text, U+2028, has become a line break on the way."""
    return edit_blocks(
        transcript, lambda blocks: blocks.__setitem__(1, blocks[1].replace(b',"model"', b',\n"model"', 1))
    )


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

"""Chunks: what the schema of chat.completion.chunk cannot say in a place of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from conformance.json_text import show
from conformance.mutation import data, edit_blocks, edit_chunk, edit_chunks, edit_delta
from conformance.place import Place
from conformance.requirement import Findings, fault, must, should
from conformance.transcript import Transcript
from conformance.views import Choice, Chunk, DataStream, IdentifiedStream
from conformance.views.chunk import CHUNK_KEYS, PlainStream
from conformance.warrant import Level, breaks, bug, docs, observed, quality, schema

CHUNK = "CreateChatCompletionStreamResponse"
SPECIAL_CHUNKS = ("usage", "moderation")  # of which OpenAI sends one without choices
MILLISECONDS = 10**11
DAY, YEAR = 86_400, 366 * 86_400


@must(
    "chunk-event-is-chunk",
    schema(CHUNK, 33665),
    breaks("typed clients", "fail at an event that is neither a chunk nor an error"),
    bug("https://github.com/NousResearch/hermes-agent/pull/7989"),
)
def event_is_chunk(stream: DataStream) -> Findings:
    """Each event of a stream is a chunk, an error object or the marker: no bare warnings, strings or arrays."""
    for event in stream.events:
        stranger = isinstance(event.value, dict) and not event.error and CHUNK_KEYS.isdisjoint(event.value)
        if event.flaw == "other" or (stranger and not event.flaw):
            yield event, "a chunk, an error object or [DONE]", show(event.value)


@fault("chunk-event-is-warning", golden="chat-stream", trips={"chunk-event-is-chunk"})
def warning(transcript: Transcript) -> Transcript:
    """A bare warning stands between two chunks."""
    return edit_blocks(transcript, lambda blocks: blocks.insert(1, data({"warning": "the context is nearly full"})))


@must("chunk-created-integer", schema(f"{CHUNK}.created", 33665))
def created_integer(chunk: Chunk) -> Findings:
    """The time of creation is in every chunk, an integer."""
    created = chunk.value.get("created")
    if created is None or isinstance(created, float):
        yield chunk.at("/created"), "an integer", show(created) if "created" in chunk.value else "none"


@fault("chunk-created-missing", golden="chat-stream", trips={"chunk-created-integer"})
def created_missing(transcript: Transcript) -> Transcript:
    """A chunk does not say when it was created."""
    return edit_chunk(transcript, 1, lambda chunk: chunk.pop("created"))


@fault("chunk-created-float", golden="chat-stream", trips={"chunk-created-integer"})
def created_float(transcript: Transcript) -> Transcript:
    """The time of creation of a chunk has a fraction."""
    return edit_chunk(transcript, 1, lambda chunk: chunk.update(created=chunk["created"] + 0.5))


@must(
    "chunk-created-number",
    schema(f"{CHUNK}.created", 33665),
    breaks("AI SDK", "rejects every chunk whose created is a string"),
)
def created_number(chunk: Chunk) -> Findings:
    """The time of creation is a number, if it is anything."""
    created = chunk.value.get("created")
    if created is not None and (isinstance(created, bool) or not isinstance(created, int | float)):
        yield chunk.at("/created"), "an integer", show(created)


@fault("chunk-created-text", golden="chat-stream", trips={"chunk-created-number"})
def created_text(transcript: Transcript) -> Transcript:
    """The time of creation of a chunk is a string."""
    return edit_chunk(transcript, 1, lambda chunk: chunk.update(created=str(chunk["created"])))


@must(
    "chunk-created-in-seconds",
    schema(f"{CHUNK}.created", 33665),
    bug("https://github.com/spiceai/spiceai/pull/3458"),
    bug("https://github.com/EricLBuehler/mistral.rs/issues/1805"),
)
def created_in_seconds(stream: IdentifiedStream) -> Findings:
    """The time of creation is a Unix time in seconds: not in the future, nor more than a year ago, as in a cache."""
    chunk = stream.chunks[0]
    yield from in_seconds(chunk.at("/created"), chunk.value.get("created"))


def in_seconds(place: Place, created: object) -> Findings:
    """Find a time that is no Unix time in seconds before the date of the answer."""
    if not isinstance(created, int) or isinstance(created, bool):
        return
    now = _date(place.transcript)
    if abs(created) >= MILLISECONDS:
        yield place, "seconds", f"{created}, which is milliseconds"
    elif now is not None and not now - YEAR <= created <= now + DAY:
        came = datetime.fromtimestamp(created, UTC).isoformat()
        yield place, f"in the year before {place.transcript.header('date')}", f"{created}, which is {came}"


def _date(transcript: Transcript) -> float | None:
    try:
        return parsedate_to_datetime(transcript.header("date") or "").timestamp()
    except (ValueError, OverflowError, OSError):
        return None


@fault("chunk-created-in-milliseconds", golden="chat-stream", trips={"chunk-created-in-seconds"})
def milliseconds(transcript: Transcript) -> Transcript:
    """All chunks are created in milliseconds."""
    return edit_chunks(transcript, lambda chunks: [chunk.update(created=chunk["created"] * 1000) for chunk in chunks])


@fault("chunk-created-in-1970", golden="chat-stream", trips={"chunk-created-in-seconds"})
def epoch(transcript: Transcript) -> Transcript:
    """All chunks are created at the epoch."""
    return edit_chunks(transcript, lambda chunks: [chunk.update(created=0) for chunk in chunks])


@must(
    "chunk-choices-empty-at-usage-only",
    docs("chat-streaming", "choices is empty for the last chunk with usage"),
    observed("no other chunk but that of a moderation"),
    bug("https://github.com/spring-projects/spring-ai/issues/6441"),
)
def choices_empty(chunk: Chunk) -> Findings:
    """The choices are empty only in the chunk with the usage, or with a moderation.

    Code that reads choices[0] fails at any other.
    """
    if chunk.value.get("choices") == [] and not any(chunk.value.get(key) for key in SPECIAL_CHUNKS):
        yield chunk.at("/choices"), "a choice, or a usage object beside it", "[]"


@fault("chunk-choices-empty", golden="chat-stream", trips={"chunk-choices-empty-at-usage-only"})
def empty_choices(transcript: Transcript) -> Transcript:
    """The stream begins with a chunk without choices."""
    return edit_chunks(transcript, lambda chunks: chunks.insert(0, chunks[0] | {"choices": []}))


@must(
    "choice-index-below-n",
    docs("chat/create", "n choices are generated for each message"),
    breaks("openai-python stream()", "IndexError"),
    breaks("openai-node stream()", "raises"),
    bug("https://github.com/huggingface/text-generation-inference/pull/1648"),
)
def index_below_n(choice: Choice) -> Findings:
    """The index of a choice is less than the number of choices asked for."""
    n = choice.stream.n
    if choice.index < 0 or (n and choice.index >= n):
        yield choice.parts[0], f"0 to {n - 1}" if n else "0 or more", str(choice.index)


@fault("choice-index-from-one", golden="chat-stream", trips={"choice-index-below-n", "choice-first-is-zero"})
def index_from_one(transcript: Transcript) -> Transcript:
    """The only choice has the index 1."""
    return edit_chunks(transcript, lambda chunks: [chunk["choices"][0].update(index=1) for chunk in chunks])


@must("choice-indices-distinct", quality("text of one choice given twice, or mixed"))
def indices_distinct(chunk: Chunk) -> Findings:
    """No chunk holds two choices with the same index."""
    indices = [choice.get("index") for choice in chunk.choices]
    if any(isinstance(index, int) and indices.count(index) > 1 for index in indices):
        yield chunk.at("/choices"), "different indices", show(indices)


@fault("choice-index-repeated", golden="chat-stream", trips={"choice-indices-distinct"})
def index_repeated(transcript: Transcript) -> Transcript:
    """One chunk holds its choice twice."""
    return edit_chunk(
        transcript,
        1,
        lambda chunk: chunk.update(choices=[chunk["choices"][0], {"index": 0, "delta": {}, "finish_reason": None}]),
    )


@must(
    "choice-without-message",
    breaks("openai-python", "AttributeError, as delta is missing"),
    breaks("openai-node stream()", "keeps the message and loses the deltas", "loses"),
    bug("https://github.com/songquanpeng/one-api/issues/1688"),
)
def without_message(chunk: Chunk) -> Findings:
    """A streamed choice has a delta, and no message in its stead."""
    for position, choice in enumerate(chunk.choices):
        if "message" in choice:
            yield chunk.at(f"/choices/{position}/message"), "delta", "message"


@fault("choice-with-message", golden="chat-stream", trips={"choice-without-message"})
def with_message(transcript: Transcript) -> Transcript:
    """The finishing chunk repeats the whole message beside the delta."""
    return edit_chunk(
        transcript, -1, lambda chunk: chunk["choices"][0].update(message={"role": "assistant", "content": "Hi"})
    )


@must(
    "choice-finish-reason-key",
    schema(f"{CHUNK}.choices.finish_reason", 33680),
    bug("https://github.com/danny-avila/LibreChat/pull/5563"),
    compat=Level.OBSERVE,
)
def finish_reason_key(chunk: Chunk) -> Findings:
    """The key finish_reason is present in every choice, null until the end."""
    for position, choice in enumerate(chunk.choices):
        if "finish_reason" not in choice:
            yield chunk.at(f"/choices/{position}"), "finish_reason: null", "no such key"


@fault("choice-finish-reason-absent", golden="chat-stream", trips={"choice-finish-reason-key"})
def finish_reason_absent(transcript: Transcript) -> Transcript:
    """The key finish_reason is absent until the end."""
    return edit_chunks(transcript, lambda chunks: [chunk["choices"][0].pop("finish_reason") for chunk in chunks[:-1]])


@must(
    "choice-finish-reason-not-empty",
    schema(f"{CHUNK}.choices.finish_reason", 33680),
    bug("https://github.com/sgl-project/sglang/issues/3912"),
)
def finish_reason_not_empty(chunk: Chunk) -> Findings:
    """A finish reason is null until the end, never the empty string."""
    for position, choice in enumerate(chunk.choices):
        if choice.get("finish_reason") == "":
            yield chunk.at(f"/choices/{position}/finish_reason"), "null", '""'


@fault("choice-finish-reason-empty", golden="chat-stream", trips={"choice-finish-reason-not-empty"})
def finish_reason_empty(transcript: Transcript) -> Transcript:
    """The finish reason is "" until the end."""
    return edit_chunks(
        transcript, lambda chunks: [chunk["choices"][0].update(finish_reason="") for chunk in chunks[:-1]]
    )


@must(
    "chunk-without-error-key",
    breaks("AI SDK", "takes every such chunk for an error", "loses"),
    breaks("openai-node", "raises at an empty object"),
)
def without_error_key(chunk: Chunk) -> Findings:
    """A chunk has no key error, not even null or {}."""
    if "error" in chunk.value:
        yield chunk.at("/error"), "no such key", show(chunk.value["error"])


@fault("chunk-error-null", golden="chat-stream", trips={"chunk-without-error-key"})
def error_null(transcript: Transcript) -> Transcript:
    """Every chunk says error: null."""
    return edit_chunks(transcript, lambda chunks: [chunk.update(error=None) for chunk in chunks])


@must(
    "delta-role-not-empty",
    breaks("AI SDK (openai)", "rejects every chunk with an empty role"),
    bug("https://github.com/anomalyco/opencode/issues/28427"),
)
def role_not_empty(chunk: Chunk) -> Findings:
    """The role of a delta is absent where there is none, not the empty string."""
    for position, choice in enumerate(chunk.choices):
        if isinstance(choice.get("delta"), dict) and choice["delta"].get("role") == "":
            yield chunk.at(f"/choices/{position}/delta/role"), "no role", '""'


@fault("delta-role-empty", golden="chat-stream", trips={"delta-role-not-empty"})
def role_empty(transcript: Transcript) -> Transcript:
    """A delta in the middle has an empty role."""
    return edit_delta(transcript, 1, lambda delta: delta.update(role=""))


@should("delta-no-empty-calls", schema("ChatCompletionStreamResponseDelta.tool_calls"))
def no_empty_calls(chunk: Chunk) -> Findings:
    """Where a delta has no calls, tool_calls and function_call are absent rather than null or []."""
    for position, choice in enumerate(chunk.choices):
        delta = choice.get("delta")
        for key in ("tool_calls", "function_call"):
            if isinstance(delta, dict) and key in delta and delta[key] in (None, []):
                yield chunk.at(f"/choices/{position}/delta/{key}"), "no such key", show(delta[key])


@fault("delta-tool-calls-null", golden="chat-stream", trips={"delta-no-empty-calls"})
def tool_calls_null(transcript: Transcript) -> Transcript:
    """A delta says tool_calls: null."""
    return edit_delta(transcript, 1, lambda delta: delta.update(tool_calls=None))


@must(
    "delta-vendor-keys-mergeable",
    breaks("openai-python stream()", "RuntimeError: it merges lists by the index of their items"),
)
def vendor_keys(choice: Choice) -> Findings:
    """A key that several deltas of a choice have is, if a list of objects, one whose objects have an index."""
    seen = set[str]()
    for part in choice.parts:
        for key, value in part.delta.items():
            items = value if isinstance(value, list) and key not in ("tool_calls", "content") else []
            if key in seen and any(isinstance(item, dict) and "index" not in item for item in items):
                yield part, "objects with an index", f"{key}: {show(value)}"
            if items:
                seen.add(key)


@fault("delta-list-without-index", golden="chat-stream", trips={"delta-vendor-keys-mergeable"})
def list_without_index(transcript: Transcript) -> Transcript:
    """Two deltas have a list of citations without an index."""
    cited = edit_delta(transcript, 1, lambda delta: delta.update(citations=[{"url": "https://example.com"}]))
    return edit_delta(cited, 2, lambda delta: delta.update(citations=[{"url": "https://example.org"}]))


@must("chunk-obfuscation-off", docs("chat/create", "include_obfuscation: false leaves it out"))
def obfuscation_off(stream: PlainStream) -> Findings:
    """With include_obfuscation: false no chunk has the key obfuscation."""
    for chunk in stream.chunks:
        if "obfuscation" in chunk.value:
            yield chunk.at("/obfuscation"), "no such key", show(chunk.value["obfuscation"])
            return


@fault("chunk-obfuscated-all-the-same", golden="obfuscation-off", trips={"chunk-obfuscation-off"})
def obfuscated(transcript: Transcript) -> Transcript:
    """The chunks are padded although that was switched off."""
    return edit_chunks(transcript, lambda chunks: [chunk.update(obfuscation="x9Ub") for chunk in chunks])

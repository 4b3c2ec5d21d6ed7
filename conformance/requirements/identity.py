"""What stays the same over a stream, and what differs between streams."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from conformance import goldens
from conformance.json_text import show
from conformance.mutation import edit_chunk, edit_chunks
from conformance.requirement import Findings, fault, must, should
from conformance.transcript import Transcript
from conformance.views import Chunk, ChunkStream, IdentifiedStream, Run
from conformance.warrant import Level, breaks, bug, docs, habit, observed, schema

CHUNK = "CreateChatCompletionStreamResponse"


def _constant(chunks: Iterable[Chunk], key: str, kind: type) -> Findings:
    """Find the first value of the right kind that differs from the first such value."""
    having = [chunk for chunk in chunks if isinstance(chunk.value.get(key), kind) and chunk.value[key] != ""]
    for chunk in having:
        if chunk.value[key] != having[0].value[key]:
            yield chunk.at(f"/{key}"), show(having[0].value[key]), show(chunk.value[key])
            return


@must(
    "chunk-id-constant",
    docs("chat-streaming", "each chunk has the same ID"),
    observed("without exception"),
    breaks("openai-go", "the accumulator refuses a chunk with another id", "metadata"),
    bug("https://github.com/ggml-org/llama.cpp/issues/5876"),
    bug("https://github.com/microsoft/foundry-local/issues/221"),
)
def id_constant(stream: IdentifiedStream) -> Findings:
    """The id is the same in every chunk of a stream, that with the usage included."""
    yield from _constant(stream.chunks, "id", str)


@fault("chunk-id-changes", golden="chat-stream", trips={"chunk-id-constant"})
def id_changes(transcript: Transcript) -> Transcript:
    """Every chunk has an id of its own."""
    return edit_chunks(
        transcript, lambda chunks: [chunk.update(id=f"{chunk['id']}-{i}") for i, chunk in enumerate(chunks)]
    )


@fault("chunk-id-of-usage", golden="chat-stream-usage", trips={"chunk-id-constant"})
def id_of_usage(transcript: Transcript) -> Transcript:
    """The chunk with the usage has an id of its own."""
    return edit_chunk(transcript, -1, lambda chunk: chunk.update(id="chatcmpl-usage"))


@must(
    "chunk-created-constant",
    docs("chat-streaming", "each chunk has the same timestamp"),
    observed("without exception"),
    compat=Level.OBSERVE,
)
def created_constant(stream: IdentifiedStream) -> Findings:
    """The time of creation is the same in every chunk of a stream."""
    yield from _constant(stream.chunks, "created", int)


@fault("chunk-created-moves", golden="chat-stream", trips={"chunk-created-constant"})
def created_moves(transcript: Transcript) -> Transcript:
    """The last chunk was created a second later."""
    return edit_chunk(transcript, -1, lambda chunk: chunk.update(created=chunk["created"] + 1))


@should("chunk-model-constant", observed("without exception, though the name may differ from the one asked for"))
def model_constant(stream: ChunkStream) -> Findings:
    """The model is the same in every chunk of a stream."""
    yield from _constant(stream.chunks, "model", str)


@fault("chunk-model-changes", golden="chat-stream", trips={"chunk-model-constant"})
def model_changes(transcript: Transcript) -> Transcript:
    """The last chunk names another model."""
    return edit_chunk(transcript, -1, lambda chunk: chunk.update(model="another"))


@should(
    "chunk-fingerprint-constant",
    observed("without exception"),
    breaks("openai-python stream()", "ends with that of the last chunk", "metadata"),
)
def fingerprint_constant(stream: IdentifiedStream) -> Findings:
    """The system fingerprint is the same in every chunk that has one."""
    yield from _constant(stream.chunks, "system_fingerprint", str)


@fault("chunk-fingerprint-changes", golden="chat-stream", trips={"chunk-fingerprint-constant"})
def fingerprint_changes(transcript: Transcript) -> Transcript:
    """The last chunk has another fingerprint."""
    return edit_chunk(transcript, -1, lambda chunk: chunk.update(system_fingerprint="fp_other"))


@must("chunk-id-unique", schema(f"{CHUNK}.id", 33675), habit("logs and caches are keyed by it"))
def id_unique(run: Run) -> Findings:
    """No two streams have the same id: it identifies the completion. A cache may give the same one again."""
    first = [stream.chunks[0] for stream in IdentifiedStream.among(run.transcripts)]
    requests = defaultdict[str, list[Any]](list)  # by the id of the answer, without those that ask for the same
    for chunk in first:
        id_, asked = chunk.value.get("id"), chunk.transcript.request.json
        if isinstance(id_, str) and id_ and asked not in requests[id_]:
            requests[id_].append(asked)
    for chunk in first:
        if (id_ := chunk.value.get("id")) and isinstance(id_, str) and len(requests[id_]) > 1:
            yield chunk.at("/id"), "an id of its own", f"{show(id_)}, in answer to {len(requests[id_])} other requests"


@fault("chunk-id-reused", golden="chat-stream", trips={"chunk-id-unique"}, beside=("chat-stream-usage",))
def id_reused(transcript: Transcript) -> Transcript:
    """The stream has the id of another one."""
    [other, *_] = IdentifiedStream.among([goldens.load("chat-stream-usage")])
    return edit_chunks(transcript, lambda chunks: [chunk.update(id=other.chunks[0].value["id"]) for chunk in chunks])

"""Guards of the core: what looks odd in a stream or an answer and is legal. No requirement may blame it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from guards import guard

from conformance.mutation import edit_chunk, edit_chunks, edit_json, with_blocks, with_header
from conformance.transcript import Read, Transcript


def on_choices(transcript: Transcript, edit: Callable[[dict[str, Any]], object]) -> Transcript:
    """Change every choice in place."""
    return edit_chunks(transcript, lambda chunks: [edit(choice) for chunk in chunks for choice in chunk["choices"]])


@guard("metadata-refused-without-store", "bystanders")
def metadata_without_store(transcript: Transcript) -> Transcript:
    """Metadata are refused where the answer is not stored, in OpenAI's words."""
    return _refused_with("metadata", {"purpose": "test"}, "only allowed when 'store' is enabled", transcript)


@guard("parallel-refused-without-tools", "bystanders")
def parallel_without_tools(transcript: Transcript) -> Transcript:
    """A word on parallel calls is refused where there are no tools, in OpenAI's words."""
    return _refused_with("parallel_tool_calls", True, "only allowed when 'tools' are specified", transcript)


def _refused_with(name: str, value: Any, words: str, transcript: Transcript) -> Transcript:
    request = replace(transcript.request, json=transcript.request.json | {name: value})
    error = {"message": f"'{name}' is {words}.", "type": "invalid_request_error", "param": name, "code": None}
    headers = tuple(pair for pair in transcript.headers if pair[0] != "content-length")
    refused = replace(transcript, request=request, status=400, headers=headers)
    return refused.with_body(json.dumps({"error": error}).encode())


@guard("byte-by-byte", "chat-stream-unicode")
def byte_by_byte(transcript: Transcript) -> Transcript:
    """Every byte comes in a packet of its own."""
    return replace(transcript, reads=tuple(Read(1.0, bytes([byte])) for byte in transcript.body()))


@guard("crlf-line-ends", "chat-stream")
def crlf(transcript: Transcript) -> Transcript:
    """All lines end in CRLF."""
    return transcript.with_body(transcript.body().replace(b"\n", b"\r\n"))


@guard("raw-line-separators", "chat-stream")
def line_separators(transcript: Transcript) -> Transcript:
    """U+2028, U+2029 and U+0085 stand in the text, raw."""
    return edit_chunk(transcript, 1, lambda c: c["choices"][0]["delta"].update(content="a\u2028b\u2029c\u0085d"))


@guard("charset-absent", "chat-stream")
def charset_absent(transcript: Transcript) -> Transcript:
    """The media type of a stream has no charset."""
    return with_header(transcript, "content-type", "text/event-stream")


@guard("id-of-any-shape", "chat-stream")
def id_of_any_shape(transcript: Transcript) -> Transcript:
    """An id is a bare UUID, without chatcmpl-."""
    unique = "0b8e1c4e-6f0d-4a52-9d5c-1d2f3a4b5c6d"
    return edit_chunks(transcript, lambda chunks: [chunk.update(id=unique) for chunk in chunks])


@guard("model-is-a-snapshot", "chat-stream")
def snapshot(transcript: Transcript) -> Transcript:
    """The model is named by its dated snapshot, not as it was asked for."""
    return edit_chunks(transcript, lambda chunks: [chunk.update(model="gpt-4o-2024-08-06") for chunk in chunks])


@guard("logprobs-key-absent", "chat-stream")
def logprobs_absent(transcript: Transcript) -> Transcript:
    """The key logprobs is absent where none were asked for."""
    return on_choices(transcript, lambda choice: choice.pop("logprobs", None))


@guard("reply-logprobs-key-absent", "chat-whole")
def reply_logprobs_absent(transcript: Transcript) -> Transcript:
    """The key logprobs is absent from a whole answer."""
    return edit_json(transcript, lambda body: body["choices"][0].pop("logprobs", None) and None)


@guard("fingerprint-null", "chat-stream")
def fingerprint_null(transcript: Transcript) -> Transcript:
    """The system fingerprint is null, and service_tier too."""
    return edit_chunks(
        transcript, lambda chunks: [chunk.update(system_fingerprint=None, service_tier=None) for chunk in chunks]
    )


@guard("obfuscation-everywhere", "chat-stream")
def obfuscation(transcript: Transcript) -> Transcript:
    """Every chunk has the key obfuscation, some of them empty."""
    return edit_chunks(
        transcript, lambda chunks: [chunk.update(obfuscation="x" * (i % 3)) for i, chunk in enumerate(chunks)]
    )


@guard("extra-keys", "chat-stream")
def extra_keys(transcript: Transcript) -> Transcript:
    """Unknown keys stand in chunks, choices and deltas."""

    def add(chunks: list[dict[str, Any]]) -> None:
        for chunk in chunks:
            chunk["x_vendor"] = {"queue": 1}
            for choice in chunk["choices"]:
                choice["stop_reason"] = None
                choice["delta"]["x_thought"] = "hm"

    return edit_chunks(transcript, add)


@guard("moderation-after-usage", "chat-stream-usage")
def moderation(transcript: Transcript) -> Transcript:
    """A chunk with the moderation follows that with the usage."""
    results = {"type": "moderation_results", "model": "omni-moderation-latest", "results": []}

    def add(chunks: list[dict[str, Any]]) -> None:
        chunks.append(chunks[-1] | {"usage": None, "moderation": {"input": results, "output": results}})

    return edit_chunks(transcript, add)


@guard("audio-delta", "chat-stream")
def audio(transcript: Transcript) -> Transcript:
    """A delta has audio in place of text."""
    sound = {"id": "audio_1", "data": "AAAA", "transcript": "Hi"}
    return edit_chunk(transcript, 1, lambda chunk: chunk["choices"][0].update(delta={"audio": sound}))


@guard("first-delta-null-content", "chat-stream")
def first_null(transcript: Transcript) -> Transcript:
    """The first delta has the role, and content null without a refusal."""
    return edit_chunk(
        transcript, 0, lambda chunk: chunk["choices"][0].update(delta={"role": "assistant", "content": None})
    )


@guard("first-delta-refusal", "chat-stream")
def first_refusal(transcript: Transcript) -> Transcript:
    """The first delta begins a refusal."""
    delta = {"role": "assistant", "content": None, "refusal": ""}
    return edit_chunk(transcript, 0, lambda chunk: chunk["choices"][0].update(delta=delta))


@guard("choices-interleaved", "chat-stream-n")
def interleaved(transcript: Transcript) -> Transcript:
    """The chunks of two choices interleave irregularly."""

    def sort(chunks: list[dict[str, Any]]) -> None:
        last = chunks.pop()
        first = [chunk for chunk in chunks if chunk["choices"][0]["index"] == 0]
        second = [chunk for chunk in chunks if chunk["choices"][0]["index"] == 1]
        chunks[:] = [first[0], second[0], *second[1:4], *first[1:], *second[4:], last]

    return edit_chunks(transcript, sort)


@guard("empty-answer", "chat-stream")
def empty_answer(transcript: Transcript) -> Transcript:
    """An answer without text has a chunk with the role, one with the finish reason, and the marker."""
    return edit_chunks(transcript, lambda chunks: chunks.__delitem__(slice(1, -1)))


@guard("finish-with-text", "chat-stream")
def finish_with_text(transcript: Transcript) -> Transcript:
    """The finishing chunk has the last piece of text."""

    def merge(chunks: list[dict[str, Any]]) -> None:
        last = chunks.pop(-2)
        chunks[-1]["choices"][0]["delta"] = last["choices"][0]["delta"]

    return edit_chunks(transcript, merge)


@guard("error-event-named-error", "chat-stream")
def named_error(transcript: Transcript) -> Transcript:
    """An error in a stream comes as event: error."""
    error = {"error": {"message": "slot lost", "type": "server_error", "param": None, "code": None}}
    block = b"event: error\ndata: " + json.dumps(error).encode()
    return with_blocks(transcript, [*transcript.body().split(b"\n\n")[:3], block])


@guard("error-media-type-with-charset", "messages-missing")
def error_charset(transcript: Transcript) -> Transcript:
    """The media type of an error has a charset."""
    return with_header(transcript, "content-type", "application/json; charset=utf-8")


@guard("nullable-details", "chat-stream-usage")
def nullable_details(transcript: Transcript) -> Transcript:
    """The details of a usage are null, or some of their counts are."""
    details = {"cached_tokens": None}
    return edit_chunk(
        transcript,
        -1,
        lambda c: c["usage"].update(prompt_tokens_details=details, completion_tokens_details=None),
    )


@guard("empty-stop-of-a-thinker", "stop-empty-text")
def thoughts_alone(transcript: Transcript) -> Transcript:
    """All that the model says to a request with an empty stop is reasoning."""

    def thinks(body: dict[str, Any]) -> None:
        body["choices"][0]["message"].update(content="", reasoning_content="The user greets me.")

    return edit_json(transcript, thinks)

"""Guards: what looks odd and is legal. Each makes a legal transcript of a golden, and no requirement may blame it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance import goldens
from conformance.mutation import edit_blocks, edit_chunk, edit_chunks, edit_json
from conformance.transcript import Transcript

GUARDS: dict[str, Callable[[], Transcript]] = {}


def guard(name: str, golden: str) -> Callable[[Callable[[Transcript], Transcript]], Callable[[Transcript], Transcript]]:
    """Register a guard under its name; the docstring says what is accepted."""

    def register(make: Callable[[Transcript], Transcript]) -> Callable[[Transcript], Transcript]:
        assert name not in GUARDS, name
        assert make.__doc__, name
        GUARDS[name] = lambda: make(goldens.load(golden))
        return make

    return register


def on_deltas(transcript: Transcript, edit: Callable[[dict[str, Any]], object]) -> Transcript:
    """Change every delta in place."""
    return edit_chunks(
        transcript,
        lambda chunks: [edit(choice["delta"]) for chunk in chunks for choice in chunk["choices"]],
    )


def with_finish(transcript: Transcript, reason: str) -> Transcript:
    """Change the finish reason."""

    def change(chunks: list[dict[str, Any]]) -> None:
        for choice in (choice for chunk in chunks for choice in chunk["choices"] if choice["finish_reason"]):
            choice["finish_reason"] = reason

    return edit_chunks(transcript, change)


def with_limit(transcript: Transcript, limit: int) -> Transcript:
    """Ask for no more than so many tokens."""
    json = transcript.request.json | {"max_tokens": limit}
    return replace(transcript, request=replace(transcript.request, json=json))


@guard("tool-call-whole-in-one-delta", "tools-stream")
def whole_in_one_delta(transcript: Transcript) -> Transcript:
    """A whole call comes in one delta, as at Groq and Ollama."""

    def join(chunks: list[dict[str, Any]]) -> None:
        [first] = chunks[0]["choices"][0]["delta"]["tool_calls"]
        first["function"]["arguments"] = '{"city": "Paris"}'
        del chunks[1:4]

    return edit_chunks(transcript, join)


@guard("tool-calls-interleaved", "tools-stream-parallel")
def calls_interleaved(transcript: Transcript) -> Transcript:
    """The fragments of two calls alternate."""
    return edit_chunks(transcript, lambda chunks: chunks.insert(2, chunks.pop(4)))


@guard("tool-calls-in-one-chunk", "tools-stream-parallel")
def calls_in_one_chunk(transcript: Transcript) -> Transcript:
    """Two calls begin in one delta."""

    def join(chunks: list[dict[str, Any]]) -> None:
        second = chunks.pop(4)["choices"][0]["delta"]["tool_calls"]
        chunks[0]["choices"][0]["delta"]["tool_calls"] += second

    return edit_chunks(transcript, join)


@guard("tool-calls-opened-by-bare-role", "tools-stream-parallel")
def opened_by_bare_role(transcript: Transcript) -> Transcript:
    """OpenAI opens parallel calls with a bare {role, content: null}."""

    def split(chunks: list[dict[str, Any]]) -> None:
        choice = chunks[0]["choices"][0]
        calls = choice["delta"]["tool_calls"]
        bare = chunks[0] | {"choices": [choice | {"delta": {"role": "assistant", "content": None}}]}
        chunks[0]["choices"][0] = choice | {"delta": {"tool_calls": calls}}
        chunks.insert(0, bare)

    return edit_chunks(transcript, split)


@guard("tool-call-after-prose", "tools-stream")
def after_prose(transcript: Transcript) -> Transcript:
    """Prose comes before the call."""

    def speak(chunks: list[dict[str, Any]]) -> None:
        choice = chunks[0]["choices"][0]
        calls = choice["delta"].pop("tool_calls")
        choice["delta"]["content"] = "Let me look."
        chunks.insert(1, chunks[0] | {"choices": [choice | {"delta": {"tool_calls": calls}}]})

    return edit_chunks(transcript, speak)


@guard("tool-arguments-cut-by-limit", "tools-stream")
def arguments_cut(transcript: Transcript) -> Transcript:
    """The limit cuts the arguments in the middle, and the finish reason is length."""
    return with_limit(with_finish(edit_chunks(transcript, lambda chunks: chunks.pop(3)), "length"), 7)


@guard("tool-finish-stop-when-named", "tools-stream-named")
def finish_stop_when_named(transcript: Transcript) -> Transcript:
    """After a call of the named function the finish reason is stop, as the golden has it from OpenAI."""
    assert b'"finish_reason":"stop"' in transcript.body()
    return transcript


@guard("tool-finish-tool-calls-when-named", "tools-stream-named")
def finish_tool_calls_when_named(transcript: Transcript) -> Transcript:
    """After a call of the named function the finish reason may be tool_calls as well."""
    return with_finish(transcript, "tool_calls")


@guard("tool-call-not-made", "chat-stream")
def call_not_made(transcript: Transcript) -> Transcript:
    """The model answers in words although a tool is offered."""
    offered = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
    request = replace(transcript.request, json=transcript.request.json | {"tools": [offered], "tool_choice": "auto"})
    return replace(transcript, request=request)


@guard("tool-call-custom-whole", "tools-whole")
def custom_whole(transcript: Transcript) -> Transcript:
    """A whole answer has a call of the type custom, with free text as its input."""
    call = {"id": "call_1", "type": "custom", "custom": {"name": "code", "input": "print(1)"}}
    return edit_json(transcript, lambda body: body["choices"][0]["message"].update(tool_calls=[call]))


@guard("tool-call-custom-streamed", "tools-stream")
def custom_streamed(transcript: Transcript) -> Transcript:
    """A streamed call is of the type custom."""

    def change(delta: dict[str, Any]) -> None:
        for fragment in delta.get("tool_calls", ()):
            function = fragment.pop("function")
            fragment["custom"] = {"input": function["arguments"]} | {k: v for k, v in function.items() if k == "name"}
            if "type" in fragment:
                fragment["type"] = "custom"

    return on_deltas(transcript, change)


@guard("function-call-legacy", "tools-stream")
def function_call_legacy(transcript: Transcript) -> Transcript:
    """The deprecated function_call: its name first, then the pieces of its arguments, finish reason function_call."""

    def change(delta: dict[str, Any]) -> None:
        for fragment in delta.pop("tool_calls", ()):
            delta["function_call"] = fragment["function"]

    return with_finish(on_deltas(transcript, change), "function_call")


@guard("logprobs-empty-at-start", "chat-stream-logprobs")
def logprobs_empty_at_start(transcript: Transcript) -> Transcript:
    """The chunk with the role has empty logprobs, and the finishing one null."""
    empty = {"content": [], "refusal": None}
    return edit_chunk(transcript, 0, lambda chunk: chunk["choices"][0].update(logprobs=empty))


@guard("logprobs-absent-unasked", "chat-stream")
def logprobs_absent(transcript: Transcript) -> Transcript:
    """The key logprobs is absent where nobody asked, as with OpenAI's reasoning models."""
    return edit_chunks(transcript, lambda chunks: [chunk["choices"][0].pop("logprobs") for chunk in chunks])


@guard("logprobs-end-token-scored", "chat-whole-logprobs")
def end_token_scored(transcript: Transcript) -> Transcript:
    """The end token has an entry of its own after the text."""
    entry = {"token": "<|end|>", "logprob": -0.1, "bytes": list(b"<|end|>"), "top_logprobs": []}
    return edit_json(transcript, lambda body: body["choices"][0]["logprobs"]["content"].append(entry))


@guard("logprobs-floor", "chat-whole-logprobs")
def logprobs_floor(transcript: Transcript) -> Transcript:
    """-9999.0 stands for what is very unlikely."""

    def lower(body: Any) -> None:
        body["choices"][0]["logprobs"]["content"][0]["top_logprobs"][-1]["logprob"] = -9999.0

    return edit_json(transcript, lower)


@guard("reasoning-under-both-names", "chat-stream-reasoning")
def both_names(transcript: Transcript) -> Transcript:
    """The same reasoning comes as reasoning_content and as reasoning."""

    def repeat(delta: dict[str, Any]) -> None:
        if "reasoning_content" in delta:
            delta["reasoning"] = delta["reasoning_content"]

    return on_deltas(transcript, repeat)


@guard("reasoning-as-openrouter", "chat-stream-reasoning")
def other_name(transcript: Transcript) -> Transcript:
    """Reasoning comes as reasoning alone, null where there is none."""

    def rename(delta: dict[str, Any]) -> None:
        if delta:
            delta["reasoning"] = delta.pop("reasoning_content", None)

    return on_deltas(transcript, rename)


@guard("vendor-keys", "chat-stream-usage")
def vendor_keys(transcript: Transcript) -> Transcript:
    """Keys that only one vendor sends stand on chunks, choices and deltas."""

    def add(chunks: list[dict[str, Any]]) -> None:
        for chunk in chunks:
            chunk |= {
                "x_groq": {"id": "req_1"},
                "provider": "one",
                "prompt_token_ids": None,
                "kv_transfer_params": None,
            }
            for choice in chunk["choices"]:
                choice |= {"stop_reason": None, "token_ids": [1], "content_filter_results": {}}
        chunks[-1] |= {"timings": {"predicted_ms": 1.5}, "citations": ["https://example.com"], "__verbose": {}}

    return edit_chunks(transcript, add)


@guard("comments-between-events", "chat-stream")
def comments(transcript: Transcript) -> Transcript:
    """Comments stand between the events, as at OpenRouter."""
    return edit_blocks(transcript, lambda blocks: blocks.insert(1, b": OPENROUTER PROCESSING"))


@guard("usage-with-times", "chat-stream-usage")
def usage_with_times(transcript: Transcript) -> Transcript:
    """The usage has times beside the counts, as at Groq."""
    times = {"queue_time": 0.0125, "total_time": 0.25}
    return edit_chunk(transcript, -1, lambda chunk: chunk["usage"].update(times))


@guard("number-in-delta", "chat-stream")
def number_in_delta(transcript: Transcript) -> Transcript:
    """A delta has a number of the vendor's own."""
    return edit_chunks(
        transcript, lambda chunks: [chunk["choices"][0]["delta"].update(token_id=7) for chunk in chunks[1:-1]]
    )


@guard("format-json-cut-by-limit", "chat-whole-json")
def json_cut(transcript: Transcript) -> Transcript:
    """The limit cuts the JSON that was asked for."""

    def cut(body: Any) -> None:
        body["choices"][0]["message"]["content"] = '{"city"'
        body["choices"][0]["finish_reason"] = "length"

    return with_limit(edit_json(transcript, cut), 7)

"""Tool calls: the arguments, put together from their pieces."""

from __future__ import annotations

from typing import Any

from conformance.json_text import parse, show
from conformance.mutation import edit_chunks, edit_json
from conformance.requirement import Findings, fault, must, observe, should
from conformance.requirements.tools import edit_fragments, message_of
from conformance.transcript import Transcript
from conformance.views.structured import mismatch
from conformance.views.tool_call import ContinuedCall
from conformance.views.tool_turn import FreeCall, FullCall, StrictCall
from conformance.warrant import breaks, bug, docs, observed, quality


def _arguments(transcript: Transcript, *pieces: str | None) -> Transcript:
    """Return the stream with other pieces of arguments, in the order of its fragments; None removes the key."""

    def on_fragments(fragments: list[dict[str, Any]]) -> None:
        for fragment, piece in zip(fragments, pieces, strict=True):
            fragment["function"]["arguments"] = piece
            if piece is None:
                del fragment["function"]["arguments"]

    return edit_fragments(transcript, on_fragments)


@must(
    "tool-arguments-json",
    docs("chat-streaming", "the arguments to call the function with, in JSON format"),
    observed("valid JSON but where the limit cut them"),
    breaks("LangChain", "calls without arguments", "alters"),
    bug("https://github.com/vllm-project/vllm/issues/35266"),
    bug("https://github.com/vllm-project/vllm/issues/45256"),
    bug("https://github.com/vllm-project/vllm/issues/51701"),
    bug("https://github.com/sgl-project/sglang/issues/23071"),
    bug("https://github.com/theroyallab/tabbyAPI/pull/289"),
    needs="tools",
)
def arguments_json(call: FullCall) -> Findings:
    """The arguments of a call, joined, are one JSON object, unless the limit or a filter cut them.

    What a model that was free to call writes in their middle is its own.
    """
    if call.flaw in ("cut", "other") or (call.flaw == "garbled" and not call.free):
        yield call, "a JSON object", show(call.arguments)


@fault("tool-arguments-brace-missing", golden="tools-stream", trips={"tool-arguments-json"})
def brace_missing(transcript: Transcript) -> Transcript:
    """The last brace of the arguments is missing."""
    return _arguments(transcript, "", '{"city": ', '"Paris"', "")


@fault("tool-arguments-in-quotes", golden="tools-stream", trips={"tool-arguments-json"})
def in_quotes(transcript: Transcript) -> Transcript:
    """The arguments are JSON in a JSON string."""
    return _arguments(transcript, "", '"{\\"city\\": ', '\\"Paris\\"', '}"')


@should(
    "tool-arguments-as-written",
    quality("the model is not asked again, and the client has to read what is no JSON"),
    needs="tools",
)
def as_written(call: FreeCall) -> Findings:
    """What a model writes as arguments of its own accord is JSON; OpenAI warns that it may not be, so check it."""
    if call.flaw == "garbled":
        yield call, "a JSON object", show(call.arguments)


@fault("tool-arguments-garbled", golden="tools-stream", trips={"tool-arguments-as-written"})
def garbled(transcript: Transcript) -> Transcript:
    """A string in the arguments has no quotes."""
    return _arguments(transcript, "", '{"city": ', "Paris", "}")


@must(
    "tool-arguments-not-empty",
    observed("{} for a function without parameters"),
    breaks("openai-python stream()", "the arguments are None", "alters"),
    bug("https://github.com/vllm-project/vllm/issues/9693"),
    bug("https://github.com/vllm-project/vllm/issues/21046"),
    bug("https://github.com/NVIDIA/TensorRT-LLM/pull/19228"),
    needs="tools",
)
def not_empty(call: FullCall) -> Findings:
    """A call has arguments: "{}" where the function takes none, rather than nothing, "" or null."""
    if call.flaw == "empty":
        yield call, "{} at least", show(call.arguments)


@fault("tool-arguments-empty", golden="tools-stream-named", trips={"tool-arguments-not-empty"})
def empty(transcript: Transcript) -> Transcript:
    """A function without parameters is called without arguments."""
    return _arguments(transcript, "", "", "")


@fault("tool-arguments-absent", golden="tools-stream", trips={"tool-arguments-not-empty"})
def absent(transcript: Transcript) -> Transcript:
    """No fragment has arguments."""
    return _arguments(transcript, None, None, None, None)


@must(
    "tool-arguments-increments",
    breaks("openai-python, openai-node, AI SDK, LangChain", "join them to what is no JSON", "alters"),
    bug("https://github.com/open-webui/open-webui/pull/22235"),
    needs="tools stream",
)
def increments(call: FullCall) -> Findings:
    """The pieces of the arguments are increments: neither the text so far, nor all of it once more."""
    if call.flaw == "repeated":
        yield call, "each part once", show(call.arguments)


@fault("tool-arguments-cumulative", golden="tools-stream", trips={"tool-arguments-increments"})
def cumulative(transcript: Transcript) -> Transcript:
    """Each piece of the arguments is the text so far."""
    return _arguments(transcript, "", '{"city": ', '{"city": "Paris"', '{"city": "Paris"}')


@fault("tool-call-sent-twice", golden="tools-stream", trips={"tool-arguments-increments"})
def sent_twice(transcript: Transcript) -> Transcript:
    """The whole call comes twice in the same words."""

    def twice(chunks: list[dict[str, Any]]) -> None:
        delta = chunks[0]["choices"][0]["delta"]
        delta["tool_calls"][0]["function"]["arguments"] = '{"city": "Paris"}'
        choice = chunks[1]["choices"][0] | {"delta": {"tool_calls": delta["tool_calls"]}}
        chunks[1:4] = [chunks[1] | {"choices": [choice]}]

    return edit_chunks(transcript, twice)


@observe("tool-arguments-in-pieces", observed('the first fragment has "", and pieces follow'), needs="tools")
def in_pieces(call: ContinuedCall) -> Findings:
    """The first fragment of a call that comes in several has empty arguments; a whole call in one is legal too."""
    if call.first.arguments and not call.restarts:
        yield call, '""', show(call.first.arguments)


@fault("tool-arguments-begin-at-once", golden="tools-stream", trips={"tool-arguments-in-pieces"})
def begin_at_once(transcript: Transcript) -> Transcript:
    """The first fragment has a piece of the arguments, which is legal."""
    return _arguments(transcript, "{", '"city": ', '"Paris"', "}")


@must(
    "tool-arguments-strict",
    docs("guides/function-calling", "strict ensures that calls adhere to the schema"),
    needs="tools",
)
def strict(call: StrictCall) -> Findings:
    """The arguments for a function that is declared strict satisfy its schema."""
    if wrong := mismatch(call.schema, parse(call.arguments).value):
        yield call, "what the schema allows", wrong


@fault("tool-arguments-beside-schema", golden="tools-whole-required", trips={"tool-arguments-strict"})
def beside_schema(transcript: Transcript) -> Transcript:
    """The arguments for a strict function lack what it requires."""
    return edit_json(
        transcript, lambda body: message_of(body)["tool_calls"][0]["function"].update(arguments='{"town": "Paris"}')
    )

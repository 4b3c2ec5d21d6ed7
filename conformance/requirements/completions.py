"""Legacy completions: their texts, choices and ends, in streams and whole answers alike."""

from __future__ import annotations

from collections import Counter
from typing import Any

from conformance.json_text import show
from conformance.mutation import edit_chunk, edit_chunks, edit_json
from conformance.requirement import Findings, fault, must, should
from conformance.transcript import Transcript
from conformance.views.completion import Completion, TextChoice
from conformance.views.completion_asked import (
    BatchText,
    CompletionTwins,
    CountedCompletion,
    EndedText,
    IdentifiedCompletion,
    NamedText,
)
from conformance.warrant import Level, breaks, bug, docs, observed, quality, schema

OPTION = "completions/create"
RESPONSE = "CreateCompletionResponse"


@fault("completion-without-marker", golden="completion-stream", trips={"done-sent"})
def without_marker(transcript: Transcript) -> Transcript:
    """A stream of legacy completions ends without [DONE]."""
    body = transcript.body()
    return transcript.with_body(body[: body.rindex(b"data:")])


@should("completion-choice-without-delta", schema(f"{RESPONSE}.choices", 34059), needs="completions")
def without_delta(part: NamedText) -> Findings:
    """A choice that has a text has no delta and no message beside it."""
    for key in ("delta", "message"):
        if key in part.value:
            yield part, "text alone", f"{key} beside it"


@fault("completion-with-delta", golden="completion-stream", trips={"completion-choice-without-delta"})
def with_delta(transcript: Transcript) -> Transcript:
    """The first chunk has a delta beside the text."""
    return edit_chunk(transcript, 0, lambda chunk: chunk["choices"][0].update(delta={"content": "a"}))


@fault(
    "completion-in-chat-shape", golden="completion-stream", trips={"completion-object-name", "completion-text-string"}
)
def chat_shape(transcript: Transcript) -> Transcript:
    """The second chunk is that of a chat: its text is in a delta."""

    def reshape(chunk: dict[str, Any]) -> None:
        chunk["object"] = "chat.completion.chunk"
        chunk["choices"][0]["delta"] = {"content": chunk["choices"][0].pop("text")}

    return edit_chunk(transcript, 1, reshape)


@should("completion-logprobs-key", schema(f"{RESPONSE}.choices.logprobs", 34059), needs="completions")
def logprobs_key(part: NamedText) -> Findings:
    """Every choice has the key logprobs; it is null where no log probabilities were asked for."""
    if "logprobs" not in part.value:
        yield part, "logprobs: null", "no such key"


@fault("completion-logprobs-absent", golden="completion-whole", trips={"completion-logprobs-key"})
def logprobs_absent(transcript: Transcript) -> Transcript:
    """The choice of a whole answer has no key logprobs."""
    return edit_json(transcript, lambda body: body["choices"][0].pop("logprobs", None))


@must(
    "completion-finish-sent",
    schema(f"{RESPONSE}.choices.finish_reason", 34059),
    bug("https://github.com/huggingface/text-generation-inference/issues/2211"),
    needs="completions",
)
def finish_sent(choice: EndedText) -> Findings:
    """Each choice of a completion that ended without an error has a finish reason of its own."""
    if not choice.finishes:
        yield choice, "a finish reason", "none before the end"


@fault("completion-finish-missing", golden="completion-stream-n", trips={"completion-finish-sent"})
def finish_missing(transcript: Transcript) -> Transcript:
    """Only the first of several choices finishes."""

    def forget(chunks: list[dict[str, Any]]) -> None:
        for choice in (choice for chunk in chunks for choice in chunk["choices"] if choice["index"]):
            choice["finish_reason"] = None

    return edit_chunks(transcript, forget)


@fault("completion-finish-null", golden="completion-whole", trips={"completion-finish-sent"})
def finish_null(transcript: Transcript) -> Transcript:
    """The finish reason of a whole answer is null."""
    return edit_json(transcript, lambda body: body["choices"][0].update(finish_reason=None))


@must(
    "completion-text-after-finish",
    docs(OPTION, "the finish reason tells why no more tokens were made"),
    quality("whoever stops reading at the finish reason loses the text"),
    bug("https://github.com/foundation-model-stack/fms-guardrails-orchestrator/issues/482"),
    needs="completions stream",
)
def after_finish(choice: TextChoice) -> Findings:
    """No text of a choice follows its finish reason; the finishing chunk itself may have text.

    OpenAI repeats the reason at times, with an empty text.
    """
    first = choice.parts.index(choice.finishes[0]) if choice.finishes else len(choice.parts)
    for part in choice.parts[first + 1 :]:
        if part.text:
            yield part, "no text after the finish reason", show(part.text)
            return


@fault("completion-text-too-late", golden="completion-stream", trips={"completion-text-after-finish"})
def too_late(transcript: Transcript) -> Transcript:
    """The last piece of text comes after the finish reason."""
    return edit_chunks(transcript, lambda chunks: chunks.append(chunks.pop(-2)))


@must(
    "completion-finish-agrees",
    docs(OPTION, "one reason for each choice"),
    needs="completions stream",
)
def finish_agrees(choice: TextChoice) -> Findings:
    """A choice that gives its finish reason twice gives the same one."""
    for part in choice.finishes[1:]:
        if part.finish_reason != choice.finishes[0].finish_reason:
            yield part, show(choice.finishes[0].finish_reason), show(part.finish_reason)
            return


@fault("completion-finish-changes", golden="completion-stream", trips={"completion-finish-agrees"})
def finish_changes(transcript: Transcript) -> Transcript:
    """A choice that was cut at the limit says stop afterwards."""

    def repeat(chunks: list[dict[str, Any]]) -> None:
        chunks.append(chunks[-1] | {"choices": [chunks[-1]["choices"][0] | {"finish_reason": "stop"}]})

    return edit_chunks(transcript, repeat)


def _constant(completion: Completion, key: str, kind: type) -> Findings:
    """Find the first value of the right kind that differs from the first such value."""
    having = [body for body in completion.bodies if isinstance(body.value.get(key), kind) and body.value[key] != ""]
    for body in having:
        if body.value[key] != having[0].value[key]:
            yield body, f"{key} {show(having[0].value[key])}", show(body.value[key])
            return


@must(
    "completion-id-constant",
    schema(f"{RESPONSE}.id", 34059),
    observed("without exception"),
    needs="completions stream",
)
def id_constant(completion: IdentifiedCompletion) -> Findings:
    """The id is the same in every chunk of a stream of legacy completions."""
    yield from _constant(completion, "id", str)


@fault("completion-id-changes", golden="completion-stream", trips={"completion-id-constant"})
def id_changes(transcript: Transcript) -> Transcript:
    """The last chunk has an id of its own."""
    return edit_chunk(transcript, -1, lambda chunk: chunk.update(id="cmpl-other"))


@must(
    "completion-created-constant",
    schema(f"{RESPONSE}.created", 34059),
    observed("without exception"),
    needs="completions stream",
    compat=Level.OBSERVE,
)
def created_constant(completion: IdentifiedCompletion) -> Findings:
    """The time of creation is the same in every chunk of a stream of legacy completions."""
    yield from _constant(completion, "created", int)


@fault("completion-created-moves", golden="completion-stream", trips={"completion-created-constant"})
def created_moves(transcript: Transcript) -> Transcript:
    """The last chunk was created a second later."""
    return edit_chunk(transcript, -1, lambda chunk: chunk.update(created=chunk["created"] + 1))


@must(
    "completion-model-constant",
    schema(f"{RESPONSE}.model", 34059),
    observed("without exception"),
    needs="completions stream",
)
def model_constant(completion: IdentifiedCompletion) -> Findings:
    """The model is the same in every chunk of a stream of legacy completions."""
    yield from _constant(completion, "model", str)


@fault("completion-model-changes", golden="completion-stream", trips={"completion-model-constant"})
def model_changes(transcript: Transcript) -> Transcript:
    """The last chunk names another model."""
    return edit_chunk(transcript, -1, lambda chunk: chunk.update(model="another"))


@must(
    "completion-choices-numbered",
    docs(OPTION, "n choices are made for each prompt"),
    breaks("openai-python", "choices are missing without a sign", "loses"),
    needs="completions",
)
def choices_numbered(completion: CountedCompletion) -> Findings:
    """There are n choices for each prompt, with the indices 0 to n times the number of prompts, less one."""
    times = Counter({index: len(parts) for index, parts in completion.choices.items()})
    twice = not completion.streamed and any(count > 1 for count in times.values())
    if len(times) > 0 and (twice or set(times) != set(range(completion.count))):
        yield completion.last, f"the indices 0 to {completion.count - 1}", show(sorted(times.elements())[:20])


@fault("completion-choice-missing", golden="completion-whole-n", trips={"completion-choices-numbered"})
def choice_missing(transcript: Transcript) -> Transcript:
    """The last of the choices asked for is missing."""
    return edit_json(transcript, lambda body: body["choices"].pop() and None)


@must(
    "completion-prompts-in-order",
    docs(OPTION, "choices stand in the order of the prompts"),
    quality("texts of one prompt are taken for those of another"),
    needs="completions batch echo",
)
def prompts_in_order(choice: BatchText) -> Findings:
    """The choices of several prompts come in the order of the prompts: index = number of the prompt times n, plus k."""
    others = [prompt for prompt in choice.completion.prompts if prompt != choice.prompt]
    if any(isinstance(prompt, str) and prompt and choice.text.startswith(prompt) for prompt in others):
        yield choice, f"a text that begins with {show(choice.prompt)}", show(choice.text[:40])


@fault("completion-prompts-swapped", golden="completion-whole-n", trips={"completion-prompts-in-order"})
def prompts_swapped(transcript: Transcript) -> Transcript:
    """The second choice of the first prompt and the first one of the second have changed places."""

    def swap(body: Any) -> None:
        one, other = body["choices"][1:3]
        one["text"], other["text"] = other["text"], one["text"]

    return edit_json(transcript, swap)


@must("completion-same-streamed", quality("text lost or doubled on the way"), needs="completions stream")
def same_streamed(twins: CompletionTwins) -> Findings:
    """The pieces of a stream, joined, are the text of the whole answer to the same seeded request.

    Where they are not, both are asked again, and only what happens twice counts.
    """
    if twins.streamed.text != twins.whole.text:
        yield twins, show(twins.whole.text), show(twins.streamed.text)


@fault(
    "completion-piece-lost",
    golden="completion-stream",
    trips={"completion-same-streamed"},
    beside=("completion-whole",),
)
def piece_lost(transcript: Transcript) -> Transcript:
    """The second piece of a stream is lost."""
    return edit_chunks(transcript, lambda chunks: chunks.pop(1))

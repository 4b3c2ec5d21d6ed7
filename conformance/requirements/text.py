"""The text that a client puts together from the pieces."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import Any

from conformance.json_text import show
from conformance.mutation import edit_chunks, edit_delta, edit_json
from conformance.requirement import Findings, fault, must, observe, should
from conformance.transcript import Transcript
from conformance.views import Choice, StoppableChoice, Twins
from conformance.views.limited import UncountedChoice
from conformance.views.run import Repeated
from conformance.warrant import breaks, bug, docs, quality

REPLACEMENT = "\ufffd"
TEMPLATE = re.compile(
    r"<\|(?:im_start|im_end|endoftext|eot_id|end|assistant|user|system|start_header_id)\|>|\[/?INST\]|</s>\s*\Z"
)


@must("text-same-streamed", quality("text lost or doubled on the way"), needs="stream chat")
def same_streamed(twins: Twins) -> Findings:
    """The pieces of a stream, joined, are the content of the whole answer to the same seeded request.

    A model that is not the same twice writes another text, so both are asked again, and only what happens twice counts.
    Of that only what a transport does to a text is found: white space that is lost, pieces that are missing or doubled,
    an end that is cut off where the model did not choose it.
    """
    for index, text in twins.whole.texts.items():
        choice = twins.streamed.get(index)
        if choice and choice.text != text and _is_damage(text, choice, think=twins.think):
            yield choice, show(text), show(choice.text)


def _is_damage(whole: str, choice: Choice, *, think: bool) -> bool:
    """Tell whether a text differs from what it should be as only a fault on the way makes it differ.

    `think`: how much of the limit was left for the text is chance.
    """
    short, long = sorted((whole, choice.text), key=len)
    if "".join(short.split()) == "".join(long.split()) or _after_what_is_common(whole, choice.text) == REPLACEMENT:
        return True
    if long.startswith(short):
        cut = choice.finish is not None and choice.finish.finish_reason == "length" and not think
        return bool(short) and (cut or bool(choice.stream.stops))
    rest = iter(long)
    return len(short) * 2 > len(long) and all(letter in rest for letter in short)


def _after_what_is_common(whole: str, text: str) -> str:
    """Give the character of a text that is the first to differ from another."""
    return next((there for here, there in zip_longest(whole, text, fillvalue="") if here != there), "")


@fault("text-blank-lost", golden="chat-stream", trips={"text-same-streamed"}, beside=("chat-whole",))
def blank_lost(transcript: Transcript) -> Transcript:
    """Every piece of text loses its leading blank."""

    def strip(chunks: list[dict[str, Any]]) -> None:
        for chunk in chunks:
            if content := chunk["choices"][0]["delta"].get("content"):
                chunk["choices"][0]["delta"]["content"] = content.lstrip()

    return edit_chunks(transcript, strip)


@fault("text-piece-lost", golden="chat-stream", trips={"text-same-streamed"}, beside=("chat-whole",))
def piece_lost(transcript: Transcript) -> Transcript:
    """A piece in the middle of the text is lost."""
    return edit_chunks(transcript, lambda chunks: chunks.pop(4))


@fault(
    "text-stop-begun",
    golden="chat-stream-stop-tokens",
    trips={"text-same-streamed"},
    beside=("chat-whole-stop-tokens",),
)
def stop_begun(transcript: Transcript) -> Transcript:
    """The first token of a stop string is sent before the stop is seen."""
    return edit_chunks(transcript, lambda chunks: _insert_text(chunks, ", 7"))


@fault(
    "text-tail-withheld", golden="chat-stream-held-back", trips={"text-same-streamed"}, beside=("chat-whole-held-back",)
)
def tail_withheld(transcript: Transcript) -> Transcript:
    """What was held back for a stop string is not sent when the answer ends without one."""

    def cut(chunks: list[dict[str, Any]]) -> None:
        spoken = [chunk for chunk in chunks if chunk["choices"] and chunk["choices"][0]["delta"].get("content")]
        chunks.remove(spoken[-1])

    return edit_chunks(transcript, cut)


@observe("text-seed-repeats", docs("chat/create", "seed: a best effort to sample deterministically"), needs="seed")
def seed_repeats(twice: Repeated) -> Findings:
    """The same request with the same seed, at temperature 0, gives the same text."""
    ours, theirs = twice.again.texts.get(0), twice.first.texts.get(0)
    if ours != theirs:
        yield twice, show(theirs), show(ours)


@fault("text-seed-ignored", golden="chat-whole-explicit", trips={"text-seed-repeats"}, beside=("chat-last",))
def seed_ignored(transcript: Transcript) -> Transcript:
    """The seed is ignored: the same request gives another text."""
    return edit_json(transcript, lambda body: body["choices"][0]["message"].update(content="Good evening."))


@must(
    "text-within-limit",
    docs("chat/create", "max_completion_tokens: an upper bound for the number of tokens that can be generated"),
    needs="limit stream",
)
def within_limit(choice: UncountedChoice) -> Findings:
    """An answer without usage is no longer than its limit can hold: no token spans two words, or thirty letters."""
    limit, words = choice.stream.limit, len(choice.text.split())
    pieces = sum(bool(part.content) for part in choice.parts)
    if min(pieces, words) > limit + 1 or len("".join(choice.text.split())) > 30 * limit:
        yield choice, f"at most {limit} tokens", f"{words} words, {len(choice.text)} characters"


@fault("text-beyond-limit", golden="max-completion-tokens", trips={"text-within-limit", "usage-sent-when-asked"})
def beyond_limit(transcript: Transcript) -> Transcript:
    """The limit max_completion_tokens is ignored, and no usage tells."""

    def ignore(chunks: list[dict[str, Any]]) -> None:
        chunks.pop()
        chunks[3:3] = [chunks[3]] * 9
        for chunk in chunks:
            chunk.pop("usage", None)

    return edit_chunks(transcript, ignore)


@should(
    "text-no-replacement-character",
    quality("a character cut between two tokens"),
    bug("https://github.com/vllm-project/vllm/issues/931"),
    bug("https://github.com/sgl-project/sglang/issues/580"),
)
def no_replacement(choice: Choice) -> Findings:
    """The text holds no U+FFFD, which is what a character cut between two events becomes."""
    cut = choice.finish is not None and choice.finish.finish_reason == "length"
    text = choice.text.rstrip(REPLACEMENT) if cut else choice.text  # the limit may fall within a character
    if REPLACEMENT in text and REPLACEMENT not in choice.stream.prompt:
        part = next(part for part in choice.parts if REPLACEMENT in part.content)
        if part.chunk.event.is_utf_8:
            yield part, "whole characters", show(part.content)


@fault("text-character-cut", golden="chat-stream-unicode", trips={"text-no-replacement-character"})
def character_cut(transcript: Transcript) -> Transcript:
    """A character that takes several tokens comes as two replacement characters."""
    return edit_delta(transcript, 1, lambda delta: delta.update(content=delta["content"] + REPLACEMENT * 2))


@must(
    "text-without-stop-string",
    docs("chat/create", "the returned text will not contain the stop sequence"),
    breaks("agents that parse up to the stop string", "read text that is not theirs", "alters"),
    bug("https://github.com/ikawrakow/ik_llama.cpp/issues/859"),
    bug("https://github.com/ggml-org/llama.cpp/issues/11538"),
    needs="stop stream",
)
def without_stop(choice: StoppableChoice) -> Findings:
    """The text of a stream does not contain a stop string of the request."""
    for stop in choice.stream.stops:
        if stop in choice.text:
            yield choice, f"nothing from {show(stop)} on", show(choice.text[-60:])


@fault("text-with-stop-string", golden="chat-stream-stop", trips={"text-without-stop-string"})
def with_stop(transcript: Transcript) -> Transcript:
    """The stop string is sent before the answer ends."""
    stop = transcript.request.json["stop"]
    text = stop if isinstance(stop, str) else stop[0]
    return edit_chunks(transcript, lambda chunks: _insert_text(chunks, text))


def _insert_text(chunks: list[dict[str, Any]], text: str) -> None:
    place = next(i for i, chunk in enumerate(chunks) if chunk["choices"] and chunk["choices"][0]["finish_reason"])
    choice = chunks[place]["choices"][0] | {"delta": {"content": text}, "finish_reason": None}
    chunks.insert(place, chunks[place] | {"choices": [choice]})


@should("text-without-template", quality("markup of the prompt that only the model should see"))
def without_template(choice: Choice) -> Findings:
    """No special token of a chat template is in the text."""
    if (found := TEMPLATE.search(choice.text)) and found.group() not in choice.stream.prompt:
        yield choice, "the answer alone", show(choice.text[max(0, found.start() - 20) : found.end() + 20])


@fault("text-with-template", golden="chat-stream", trips={"text-without-template"})
def with_template(transcript: Transcript) -> Transcript:
    """The end-of-turn token is sent as text."""
    return edit_chunks(transcript, lambda chunks: _insert_text(chunks, "<|im_end|>"))

"""The text that a client puts together from the pieces."""

from __future__ import annotations

import re
from typing import Any

from conformance.json_text import show
from conformance.mutation import edit_chunks, edit_delta
from conformance.requirement import Findings, fault, must, should
from conformance.transcript import Transcript
from conformance.views import Choice, StoppableChoice, Twins
from conformance.warrant import breaks, bug, docs, quality

REPLACEMENT = "\ufffd"
TEMPLATE = re.compile(
    r"<\|(?:im_start|im_end|endoftext|eot_id|end|assistant|user|system|start_header_id)\|>|\[/?INST\]|</s>"
)


@must("text-same-streamed", quality("text lost or doubled on the way"), needs="stream chat")
def same_streamed(twins: Twins) -> Findings:
    """The pieces of a stream, joined, are the content of the whole answer to the same seeded request."""
    for index, text in twins.whole.texts.items():
        if (choice := twins.streamed.get(index)) and choice.text != text:
            yield choice, show(text), show(choice.text)


@fault("text-blank-lost", golden="chat-stream", trips={"text-same-streamed"}, beside=("chat-whole",))
def blank_lost(transcript: Transcript) -> Transcript:
    """Every piece of text loses its leading blank."""

    def strip(chunks: list[dict[str, Any]]) -> None:
        for chunk in chunks:
            if content := chunk["choices"][0]["delta"].get("content"):
                chunk["choices"][0]["delta"]["content"] = content.lstrip()

    return edit_chunks(transcript, strip)


@should(
    "text-no-replacement-character",
    quality("a character cut between two tokens"),
    bug("https://github.com/vllm-project/vllm/issues/931"),
    bug("https://github.com/sgl-project/sglang/issues/580"),
)
def no_replacement(choice: Choice) -> Findings:
    """The text holds no U+FFFD, which is what a character cut between two events becomes."""
    prompt = choice.stream.prompt
    for part in choice.parts:
        if REPLACEMENT in part.content and REPLACEMENT not in prompt and part.chunk.event.is_utf_8:
            yield part, "whole characters", show(part.content)
            return


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

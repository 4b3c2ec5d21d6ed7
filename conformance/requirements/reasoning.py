"""Reasoning that a server tells apart from the text: not in the schema, and yet everywhere."""

from __future__ import annotations

import re
from typing import Any

from conformance.json_text import show
from conformance.mutation import edit_blocks, edit_chunk, edit_chunks
from conformance.requirement import Findings, fault, observe, should
from conformance.transcript import Transcript
from conformance.views.reasoning import AliasedSaid, ReasoningSaid, ReasoningTurn
from conformance.warrant import bug, habit, quality

TAGS = re.compile(r"</?think(?:ing)?>|<\|(?:channel|start|message|end)\|>|\[/?THINK\]")


@should("reasoning-is-string", habit("clients join the pieces of reasoning_content or reasoning as text"))
def is_string(said: ReasoningSaid) -> Findings:
    """Reasoning, in reasoning_content or reasoning, is a string or null."""
    for key, value in said.values.items():
        if value is not None and not isinstance(value, str):
            yield said, "a string", f"{key}: {show(value)}"


@fault("reasoning-as-object", golden="chat-stream-reasoning", trips={"reasoning-is-string"})
def as_object(transcript: Transcript) -> Transcript:
    """A piece of the reasoning is an object."""
    value = {"text": " has"}
    return edit_chunk(transcript, 2, lambda chunk: chunk["choices"][0]["delta"].update(reasoning_content=value))


@should("reasoning-aliases-agree", quality("clients that know both names show it twice, or the wrong one"))
def aliases_agree(said: AliasedSaid) -> Findings:
    """Where reasoning comes under both names, both have the same text."""
    first, second = said.values.values()
    if first and second and first != second:
        yield said, show(first), show(second)


@fault("reasoning-aliases-differ", golden="chat-stream-reasoning", trips={"reasoning-aliases-agree"})
def aliases_differ(transcript: Transcript) -> Transcript:
    """A chunk has other reasoning under the second name."""
    return edit_chunk(transcript, 2, lambda chunk: chunk["choices"][0]["delta"].update(reasoning="It"))


@observe("reasoning-comes-first", habit("clients show it in front of the answer"))
def comes_first(turn: ReasoningTurn) -> Findings:
    """Reasoning comes before the text of its choice, and does not come back after it."""
    spoken = False
    for said in turn.said:
        if said.reasoning and spoken:
            yield said.place, "text alone", show(said.reasoning)
            return
        spoken = spoken or bool(said.content)


@fault("reasoning-comes-back", golden="chat-stream-reasoning", trips={"reasoning-comes-first"})
def comes_back(transcript: Transcript) -> Transcript:
    """The model thinks again after its first words, which is legal."""

    def later(chunks: list[dict[str, Any]]) -> None:
        place = next(i for i, chunk in enumerate(chunks) if chunk["choices"][0]["delta"].get("content") == "Eight")
        chunks.insert(place + 1, chunks[1])

    return edit_chunks(transcript, later)


@should(
    "reasoning-without-tags",
    quality("markup that only the model should see"),
    bug("https://github.com/vllm-project/vllm/issues/14170"),
)
def without_tags(turn: ReasoningTurn) -> Findings:
    """Where the server tells reasoning apart, its tags are neither in the text nor in the reasoning."""
    for text in (turn.content, turn.reasoning):
        if (found := TAGS.search(text)) and found.group() not in turn.prompt:
            yield turn, "no tag", show(text[max(0, found.start() - 20) : found.end() + 20])
            return


@fault("reasoning-tag-in-text", golden="chat-stream-reasoning", trips={"reasoning-without-tags"})
def tag_in_text(transcript: Transcript) -> Transcript:
    """The closing tag begins the text."""

    def begin(chunks: list[dict[str, Any]]) -> None:
        delta = next(c["choices"][0]["delta"] for c in chunks if c["choices"][0]["delta"].get("content"))
        delta["content"] = f"</think>{delta['content']}"

    return edit_chunks(transcript, begin)


@fault("reasoning-limit-without-finish", golden="chat-stream-reasoning-limit", trips={"finish-sent"})
def limit_without_finish(transcript: Transcript) -> Transcript:
    """An answer that the limit ended within the reasoning has no finish reason."""
    return edit_chunk(transcript, -1, lambda chunk: chunk["choices"][0].update(finish_reason=None))


@fault("reasoning-limit-without-marker", golden="chat-stream-reasoning-limit", trips={"done-sent"})
def limit_without_marker(transcript: Transcript) -> Transcript:
    """An answer that the limit ended within the reasoning has no end marker."""
    return edit_blocks(transcript, lambda blocks: blocks.pop())

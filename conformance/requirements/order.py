"""Which chunk may follow which. The table is in `conformance.views.choice`; each illegal step has a requirement."""

from __future__ import annotations

from typing import Any

from conformance.mutation import edit_chunks, edit_delta
from conformance.requirement import Findings, fault, must, observe, should
from conformance.transcript import Transcript
from conformance.views import Choice, ChunkStream, FinishedChoice, SpokenChoice
from conformance.views.limited import LongChoice
from conformance.warrant import breaks, bug, observed

SHORTEST_REPEAT = 8  # characters of text before a delta that begins with all of it is no coincidence


def _steps(choice: Choice, *kinds: str) -> Findings:
    for kind, part in choice.illegal_steps:
        if kind in kinds:
            yield part, _LEGAL[kind], kind


_LEGAL = {
    "payload before role": "the role first",
    "finish before role": "the role first",
    "role again": "the role once",
    "payload after finish": "nothing after the finish reason",
    "finish again": "one finish reason",
}


@must(
    "order-role-first",
    observed("in the first delta of every choice"),
    breaks("openai-node stream()", "raises: missing role"),
    breaks("openai-python stream()", "role is None", "metadata"),
    bug("https://github.com/agentgateway/agentgateway/pull/3005"),
)
def role_first(choice: Choice) -> Findings:
    """The first chunk of each choice has the role."""
    yield from _steps(choice, "payload before role", "finish before role")


@fault("order-role-missing", golden="chat-stream", trips={"order-role-first"})
def role_missing(transcript: Transcript) -> Transcript:
    """No delta has a role."""
    return edit_delta(transcript, 0, lambda delta: delta.pop("role"))


@should(
    "order-role-once",
    observed("on exactly one delta of each choice"),
    breaks("openai-python stream()", "the role becomes assistantassistant", "metadata"),
    bug("https://github.com/ollama/ollama/issues/7626"),
)
def role_once(choice: Choice) -> Findings:
    """The role comes once in each choice."""
    yield from _steps(choice, "role again")


@fault("order-role-repeated", golden="chat-stream", trips={"order-role-once"})
def role_repeated(transcript: Transcript) -> Transcript:
    """Every delta repeats the role."""
    return edit_chunks(
        transcript, lambda chunks: [chunk["choices"][0]["delta"].update(role="assistant") for chunk in chunks[:-1]]
    )


@must(
    "order-nothing-after-finish",
    observed("the finishing chunk is the last of its choice"),
    breaks("clients that stop at the finish reason", "lose the text after it", "loses"),
    breaks("openai-python stream()", "says that the content is done too early", "alters"),
    bug("https://github.com/diegosouzapw/OmniRoute/pull/3422"),
)
def nothing_after_finish(choice: FinishedChoice) -> Findings:
    """No content, refusal or tool call follows the finish reason of its choice."""
    yield from _steps(choice, "payload after finish")


@fault("order-text-after-finish", golden="chat-stream", trips={"order-nothing-after-finish"})
def text_after_finish(transcript: Transcript) -> Transcript:
    """The last piece of text comes after the finish reason."""
    return edit_chunks(transcript, lambda chunks: chunks.append(chunks.pop(-2)))


@must(
    "order-finish-once",
    observed("exactly one finish reason in each choice"),
    breaks("LangChain", "the finish reason becomes stopstop", "alters"),
    bug("https://github.com/sgl-project/sglang/pull/8417"),
)
def finish_once(choice: FinishedChoice) -> Findings:
    """Each choice has one finish reason, not several."""
    yield from _steps(choice, "finish again")


@fault("order-finish-twice", golden="chat-stream", trips={"order-finish-once"})
def finish_twice(transcript: Transcript) -> Transcript:
    """The finishing chunk comes twice."""
    return edit_chunks(transcript, lambda chunks: chunks.append(chunks[-1]))


@must("choice-first-is-zero", breaks("openai-python stream()", "IndexError: it appends choices by position"))
def first_is_zero(stream: ChunkStream) -> Findings:
    """The first choice of a stream has the index 0."""
    for chunk in stream.chunks:
        if chunk.choices:
            index = chunk.choices[0].get("index")
            if isinstance(index, int) and index != 0:
                yield chunk.at("/choices/0/index"), "0", str(index)
            return


@fault("choice-first-is-one", golden="chat-stream-n", trips={"choice-first-is-zero"})
def first_is_one(transcript: Transcript) -> Transcript:
    """The stream begins with the choice of index 1."""
    return edit_chunks(transcript, lambda chunks: chunks.insert(0, chunks.pop(1)))


@should("choice-indices-ascend", breaks("openai-python stream()", "IndexError: it appends choices by position"))
def indices_ascend(stream: ChunkStream) -> Findings:
    """New choices appear in ascending order of their index, without a gap."""
    known = 0
    for chunk in stream.chunks:
        for position, choice in enumerate(chunk.choices):
            index = choice.get("index")
            if isinstance(index, int) and index > known and known:
                yield chunk.at(f"/choices/{position}/index"), f"at most {known}", str(index)
            if isinstance(index, int):
                known = max(known, index + 1)


@observe("order-finish-delta-empty", observed("the finishing chunk has delta {}"))
def finish_delta_empty(choice: FinishedChoice) -> Findings:
    """The finishing chunk has an empty delta; content in it is legal."""
    if choice.finish and choice.finish.delta:
        yield choice.finish, "{}", f"keys {', '.join(choice.finish.delta)}"


@fault("order-finish-with-text", golden="chat-stream", trips={"order-finish-delta-empty"})
def finish_with_text(transcript: Transcript) -> Transcript:
    """The finishing chunk has the last piece of text, which is legal."""

    def merge(chunks: list[dict[str, Any]]) -> None:
        last = chunks.pop(-2)
        chunks[-1]["choices"][0]["delta"] = last["choices"][0]["delta"]

    return edit_chunks(transcript, merge)


@observe("order-few-empty-deltas", observed("no delta without anything to say stands in the middle of an answer"))
def few_empty(choice: LongChoice) -> Findings:
    """No more than a fifth of the deltas of a long answer are empty; text that is held back may cause some."""
    empty = [part for part in choice.parts if not any(part.kinds())]
    if len(empty) * 5 > len(choice.parts):
        yield empty[0], "hardly any empty delta", f"{len(empty)} of {len(choice.parts)} deltas are empty"


@fault("order-empty-deltas", golden="chat-stream-long", trips={"order-few-empty-deltas"})
def empty_deltas(transcript: Transcript) -> Transcript:
    """Every third delta says nothing."""

    def blank(chunks: list[dict[str, Any]]) -> None:
        for chunk in chunks[1:-2:3]:
            chunk["choices"][0]["delta"] = {"content": ""}

    return edit_chunks(transcript, blank)


@must("order-content-increments", breaks("openai-python, openai-node, AI SDK, LangChain", "repeat the text", "alters"))
def content_increments(choice: SpokenChoice) -> Findings:
    """The content of a delta is what is new, not the text so far."""
    text, repeats = "", 0
    for part in choice.parts:
        if len(text) >= SHORTEST_REPEAT and len(part.content) > len(text) and part.content.startswith(text):
            repeats += 1
            if repeats == 2:  # once may be a model that quotes itself
                yield part, "the new text only", "the text so far, again"
                return
        text = part.content if part.content.startswith(text) and part.content else text + part.content


@fault("order-content-cumulative", golden="chat-stream", trips={"order-content-increments"})
def content_cumulative(transcript: Transcript) -> Transcript:
    """Each delta holds the text so far."""

    def accumulate(chunks: list[dict[str, Any]]) -> None:
        text = ""
        for chunk in chunks:
            delta = chunk["choices"][0]["delta"]
            if delta.get("content"):
                text += delta["content"]
                delta["content"] = text

    return edit_chunks(transcript, accumulate)


@should("order-one-choice-a-chunk", observed("never two choices in one chunk, even for n > 1"))
def one_choice(stream: ChunkStream) -> Findings:
    """A chunk holds one choice, however many are asked for."""
    for chunk in stream.chunks:
        if len({str(choice.get("index")) for choice in chunk.choices}) > 1:
            yield chunk.at("/choices"), "one choice", f"{len(chunk.choices)} choices"


@fault("order-two-choices-a-chunk", golden="chat-stream-n", trips={"order-one-choice-a-chunk"})
def two_choices(transcript: Transcript) -> Transcript:
    """The roles of two choices come in one chunk."""

    def merge(chunks: list[dict[str, Any]]) -> None:
        chunks[0]["choices"] += chunks.pop(1)["choices"]

    return edit_chunks(transcript, merge)


@fault(
    "choice-index-gap",
    golden="chat-stream-n",
    trips={"choice-indices-ascend", "choice-index-below-n", "finish-for-all-choices"},
)
def index_gap(transcript: Transcript) -> Transcript:
    """The second choice has the index 2."""

    def shift(chunks: list[dict[str, Any]]) -> None:
        for chunk in chunks:
            for choice in chunk["choices"]:
                choice["index"] *= 2

    return edit_chunks(transcript, shift)

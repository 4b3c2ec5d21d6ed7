"""Log probabilities: that they come when asked for, belong to the text, and are probabilities."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from conformance.json_text import show
from conformance.mutation import edit_chunk, edit_chunks, edit_json
from conformance.requirement import Findings, fault, must, should
from conformance.transcript import Transcript
from conformance.views.logprobs import (
    LEGACY,
    Counted,
    Entry,
    Greedy,
    LogprobsAsked,
    LogprobsUnasked,
    Ranked,
    Scored,
    ScoredPart,
    ScoredTwins,
    number_of,
    octets,
)
from conformance.views.turn import Turn
from conformance.warrant import Level, breaks, bug, docs, observed, quality, schema

CREATE = "chat/create"
TOLERANCE = 1e-3
NEARLY_AS_LIKELY = 0.5  # what half precision, or a penalty that the model brings, may put into another order
LONG = 32  # bytes: hardly a token is longer
FLOOR = -9000.0  # OpenAI writes -9999.0 for what is very unlikely


def _choices(transcript: Transcript, edit: Any) -> Transcript:
    """Return the stream after `edit` changed each of its choices that has log probabilities."""

    def on_chunks(chunks: list[dict[str, Any]]) -> None:
        for choice in (choice for chunk in chunks for choice in chunk["choices"]):
            if choice.get("logprobs"):
                edit(choice)

    return edit_chunks(transcript, on_chunks)


def _entries(transcript: Transcript, edit: Any) -> Transcript:
    """Return the stream after `edit` changed each of its entries."""
    return _choices(transcript, lambda choice: [edit(entry) for entry in choice["logprobs"]["content"]])


@must(
    "logprobs-sent",
    docs(CREATE, "logprobs: whether to return log probabilities of the output tokens"),
    quality("accepted and ignored: what was asked for is missing without a word"),
    bug("https://github.com/ollama/ollama/issues/16117"),
    bug("https://github.com/vllm-project/vllm/issues/3179"),
    needs="logprobs",
)
def sent(turn: LogprobsAsked) -> Findings:
    """With logprobs true an answer of text has the log probabilities of its tokens."""
    if not any(said.entries for said in turn.said):
        yield turn, "logprobs.content with the tokens of the text", "none"


@fault("logprobs-ignored", golden="chat-stream-logprobs", trips={"logprobs-sent"})
def ignored(transcript: Transcript) -> Transcript:
    """No log probabilities come although they were asked for."""
    return _choices(transcript, lambda choice: choice.update(logprobs=None))


@should(
    "logprobs-with-their-text",
    docs(CREATE, "logprobs of each output token returned in the content of message"),
    observed("on every chunk with content"),
    needs="logprobs",
)
def with_their_text(part: ScoredPart) -> Findings:
    """Each chunk with text has the entries of its tokens, if any has."""
    if not part.said.entries:
        yield part, "the entries of these tokens", f"none beside {show(part.said.content)}"


@fault("logprobs-at-the-end", golden="chat-stream-logprobs", trips={"logprobs-with-their-text"})
def at_the_end(transcript: Transcript) -> Transcript:
    """All entries come in the last chunk with text."""

    def gather(chunks: list[dict[str, Any]]) -> None:
        scored = [choice for chunk in chunks for choice in chunk["choices"] if choice["logprobs"]]
        entries = [entry for choice in scored for entry in choice["logprobs"]["content"]]
        for choice in scored[:-1]:
            choice["logprobs"] = None
        scored[-1]["logprobs"]["content"] = entries

    return edit_chunks(transcript, gather)


@should(
    "logprobs-spell-the-text",
    docs(CREATE, "bytes: the tokens joined generate the correct text representation"),
    needs="logprobs",
)
def spell_the_text(turn: Scored) -> Findings:
    """The bytes of all tokens, joined, are the text, but for an end token or a stop string after it."""
    if turn.bytes is not None and not turn.spells:
        yield turn, show(turn.content), show(turn.bytes.decode("utf-8", "replace"))


@fault("logprobs-of-half-characters-lost", golden="chat-stream-logprobs-unicode", trips={"logprobs-spell-the-text"})
def halves_lost(transcript: Transcript) -> Transcript:
    """Of the two tokens of a character only the first has an entry."""

    def keep_first(choice: dict[str, Any]) -> None:
        if len(choice["logprobs"]["content"]) == 2:
            choice["logprobs"]["content"].pop()

    return _choices(transcript, keep_first)


@must("logprobs-not-positive", docs(CREATE, "the log probability of this token"), needs="logprobs")
def not_positive(entry: Entry) -> Findings:
    """A log probability is finite and not above 0."""
    for value in (entry.logprob, *(number_of(item) or 0.0 for item in entry.top)):
        if not (math.isfinite(value) and value <= TOLERANCE):
            yield entry, "a number up to 0", str(value)
            return


@fault("logprobs-are-probabilities", golden="chat-stream-logprobs", trips={"logprobs-not-positive"})
def are_probabilities(transcript: Transcript) -> Transcript:
    """Probabilities are sent in place of their logarithms."""

    def raise_to_e(entry: dict[str, Any]) -> None:
        for item in (entry, *entry["top_logprobs"]):
            item["logprob"] = math.exp(item["logprob"])

    return _entries(transcript, raise_to_e)


@must("logprobs-top-within", docs(CREATE, "top_logprobs: the number of most likely tokens to return"), needs="logprobs")
def top_within(entry: Ranked) -> Findings:
    """There are no more alternatives than were asked for."""
    if entry.most is not None and len(entry.top) > entry.most:
        yield entry, f"at most {entry.most}", str(len(entry.top))


@fault("logprobs-top-too-many", golden="chat-stream-logprobs", trips={"logprobs-top-within"})
def top_too_many(transcript: Transcript) -> Transcript:
    """Every token has one alternative more than was asked for."""
    more = {"token": "x", "logprob": -9999.0, "bytes": [120]}
    return _entries(transcript, lambda entry: entry["top_logprobs"].append(more))


@should("logprobs-top-sorted", quality("the most likely token is not where everybody looks for it"), needs="logprobs")
def top_sorted(entry: Ranked) -> Findings:
    """The alternatives stand in falling order of probability."""
    values = [number_of(item) or 0.0 for item in entry.top]
    for earlier, later in pairwise(values):
        if later > earlier + TOLERANCE:
            yield entry, f"at most {earlier}", str(later)
            return


@fault("logprobs-top-rising", golden="chat-stream-logprobs", trips={"logprobs-top-sorted"})
def top_rising(transcript: Transcript) -> Transcript:
    """The alternatives stand in rising order."""
    return _entries(transcript, lambda entry: entry["top_logprobs"].reverse())


@should("logprobs-top-starts-with-chosen", quality("a greedy choice that was not the most likely"), needs="logprobs")
def starts_with_chosen(entry: Greedy) -> Findings:
    """At temperature 0 the first alternative is the chosen token, or one as likely."""
    first = entry.top[0]
    ahead = (number_of(first) or 0.0) - entry.logprob
    if first.get("token") != entry.value.get("token") and ahead > NEARLY_AS_LIKELY:
        yield entry, show(entry.value.get("token")), show(first.get("token"))


@fault("logprobs-top-of-another-token", golden="chat-stream-logprobs", trips={"logprobs-top-starts-with-chosen"})
def of_another_token(transcript: Transcript) -> Transcript:
    """The chosen token has the probability of the second alternative."""

    def second(entry: dict[str, Any]) -> None:
        entry |= {key: entry["top_logprobs"][1][key] for key in ("token", "logprob")}

    return _entries(transcript, second)


@must(
    "logprobs-top-own",
    docs(CREATE, "the most likely tokens and their log probability, at this token position"),
    bug("https://github.com/sgl-project/sglang/issues/39260"),
    needs="logprobs",
)
def top_own(turn: Scored) -> Findings:
    """The alternatives of a token are those of its own place: not those of the token before, without itself."""
    for before, entry in pairwise(turn.entries):
        top = entry.get("top_logprobs")
        names = [item.get("token") for item in top if isinstance(item, dict)] if isinstance(top, list) else []
        copied = top and top == before.get("top_logprobs") and before.get("token") in names
        if copied and entry.get("token") not in names:
            yield turn, f"alternatives to {show(entry.get('token'))}", f"those to {show(before.get('token'))}"
            return


@fault("logprobs-top-copied", golden="chat-stream-logprobs", trips={"logprobs-top-own"})
def top_copied(transcript: Transcript) -> Transcript:
    """All tokens have the alternatives of the first."""
    first: list[Any] = []

    def copy(entry: dict[str, Any]) -> None:
        first.append(entry["top_logprobs"])
        entry["top_logprobs"] = first[0]

    return _entries(transcript, copy)


@should("logprobs-sum-at-most-one", quality("what is no distribution"), needs="logprobs")
def sum_at_most_one(entry: Ranked) -> Findings:
    """The probabilities of the alternatives of one place sum up to 1 at most."""
    values = [number_of(item) or 0.0 for item in entry.top]
    if (total := math.fsum(math.exp(value) for value in values if value <= 0)) > 1.05:
        yield entry, "at most 1", f"{total:.3f}"


@fault("logprobs-sum-to-two", golden="chat-stream-logprobs", trips={"logprobs-sum-at-most-one"})
def sum_to_two(transcript: Transcript) -> Transcript:
    """Every alternative is certain."""
    return _entries(transcript, lambda entry: [item.update(logprob=0.0) for item in entry["top_logprobs"]])


@must("logprobs-unasked", docs(CREATE, "logprobs: false by default"))
def unasked(turn: LogprobsUnasked) -> Findings:
    """Without logprobs true none are sent."""
    for said in turn.said:
        if said.entries:
            yield said.place, "null", f"{len(said.entries)} entries"
            return


@fault("logprobs-always", golden="chat-stream", trips={"logprobs-unasked"})
def always(transcript: Transcript) -> Transcript:
    """Log probabilities come unasked."""
    entry = {"token": "Hello", "logprob": -0.1, "bytes": list(b"Hello"), "top_logprobs": []}
    logprobs = {"content": [entry], "refusal": None}
    return edit_chunk(transcript, 1, lambda chunk: chunk["choices"][0].update(logprobs=logprobs))


@should("logprobs-both-keys", schema("CreateChatCompletionResponse.choices.logprobs", 33507), compat=Level.OBSERVE)
def both_keys(turn: Turn) -> Findings:
    """The object logprobs has both keys, content and refusal; the one without use is null."""
    for said in turn.said:
        if isinstance(said.logprobs, dict) and not {"content", "refusal"} <= said.logprobs.keys():
            yield said.place, "content and refusal", f"keys {', '.join(said.logprobs)}"[:80]
            return


@fault("logprobs-without-refusal", golden="chat-stream-logprobs", trips={"logprobs-both-keys"})
def without_refusal(transcript: Transcript) -> Transcript:
    """The key refusal is absent."""
    return _choices(transcript, lambda choice: choice["logprobs"].pop("refusal"))


@must(
    "logprobs-not-legacy",
    schema("CreateChatCompletionResponse.choices.logprobs", 33507),
    breaks("all clients", "show no log probabilities", "metadata"),
    bug("https://github.com/vllm-project/vllm/issues/3179"),
    bug("https://github.com/vllm-project/vllm/issues/4795"),
)
def not_legacy(turn: Turn) -> Findings:
    """Chat does not have the arrays of legacy completions: tokens, token_logprobs, text_offset."""
    for said in turn.said:
        if isinstance(said.logprobs, dict) and (old := [key for key in LEGACY if key in said.logprobs]):
            yield said.place, "content", ", ".join(old)
            return


@fault(
    "logprobs-as-legacy",
    golden="chat-stream-logprobs",
    trips={"logprobs-not-legacy", "logprobs-both-keys", "logprobs-sent"},
)
def as_legacy(transcript: Transcript) -> Transcript:
    """The arrays of legacy completions come in place of content."""
    old = {"tokens": ["Hi"], "token_logprobs": [-0.1], "text_offset": [0]}
    return _choices(transcript, lambda choice: choice.update(logprobs=old))


@should(
    "logprobs-as-many-as-tokens",
    quality("scores of tokens that are missing, or of more than there are"),
    needs="logprobs",
)
def as_many(turn: Counted) -> Findings:
    """There are as many entries as completion tokens, up to end tokens.

    Where a model thinks and does not show it, there are fewer, which spell the whole text, each as a token does.
    """
    complete = turn.spells and all(len(octets(entry) or b"") <= LONG for entry in turn.entries)
    if turn.completion is None or (turn.hides and complete and len(turn.entries) < turn.completion):
        return
    if abs(len(turn.entries) - turn.completion) > 2:
        yield turn, f"about {turn.completion} entries", str(len(turn.entries))


@fault("logprobs-merged", golden="chat-whole-logprobs", trips={"logprobs-as-many-as-tokens"})
def merged(transcript: Transcript) -> Transcript:
    """One entry has the text of all tokens."""

    def merge(body: Any) -> None:
        entries = body["choices"][0]["logprobs"]["content"]
        entries[0] |= {"bytes": [byte for entry in entries for byte in entry["bytes"]]}
        del entries[1:]

    return edit_json(transcript, merge)


def _are_apart(one: float, other: float) -> bool:
    """Tell whether two values differ by more than a server does that adds in half precision, and in another order.

    A logit of 16 to 32 has steps of 0.125 in bfloat16.
    """
    return abs(one - other) > 0.3 + 0.1 * abs(other)


@should("logprobs-same-streamed", quality("scores that depend on how they are asked for"), needs="logprobs stream")
def same_streamed(twins: ScoredTwins) -> Findings:
    """A stream has the log probabilities of the whole answer to the same seeded request, for the same text."""
    for one, other in twins.turns:
        pairs = zip(one.entries, other.entries, strict=False)
        values = [(number_of(left) or 0.0, number_of(right) or 0.0) for left, right in pairs]
        far = [(ours, theirs) for ours, theirs in values if min(ours, theirs) > FLOOR and _are_apart(ours, theirs)]
        if far or len(one.entries) != len(other.entries):
            yield one, "the same values", show(far or [len(one.entries), len(other.entries)])


@fault(
    "logprobs-other-in-stream",
    golden="chat-stream-logprobs",
    trips={"logprobs-same-streamed"},
    beside=("chat-whole-logprobs",),
)
def other_in_stream(transcript: Transcript) -> Transcript:
    """The values of the stream are others than those of the whole answer."""
    return _entries(transcript, lambda entry: entry.update(logprob=entry["logprob"] - 1))

"""Token counts of a stream: whether they come, where, and whether they add up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from conformance import goldens
from conformance.mutation import edit_chunk, edit_chunks, edit_json
from conformance.requirement import Findings, fault, must, should
from conformance.transcript import Transcript
from conformance.views import (
    Choice,
    ChunkStream,
    LimitedUsage,
    SpokenUsage,
    Usage,
    UsageAsked,
    UsageChunk,
    UsageUnasked,
)
from conformance.views.reply import Answered
from conformance.views.run import TwinUsage
from conformance.views.usage import COUNTS, CutUsage, TwiceLimited, UnaskedUsage, with_usage
from conformance.warrant import Level, breaks, bug, docs, observed, quality, schema

OPTION = "chat/create"


@must(
    "usage-sent-when-asked",
    docs(OPTION, "include_usage: an additional chunk with the usage of the whole request"),
    breaks("openai-python", "usage is None", "loses"),
    bug("https://github.com/abetlen/llama-cpp-python/issues/1640"),
    bug("https://github.com/sgl-project/sglang/issues/954"),
    needs="usage stream",
)
def sent_when_asked(stream: UsageAsked) -> Findings:
    """With stream_options.include_usage the stream has a usage object."""
    if not any(chunk.value.get("usage") for chunk in stream.chunks):
        yield stream.chunks[-1], "a chunk with a usage object", "none before the end of the stream"


@fault("usage-ignored", golden="chat-stream-usage", trips={"usage-sent-when-asked"})
def ignored(transcript: Transcript) -> Transcript:
    """The usage that was asked for is not sent."""

    def without(chunks: list[dict[str, Any]]) -> None:
        chunks.pop()
        for chunk in chunks:
            del chunk["usage"]

    return edit_chunks(transcript, without)


@must(
    "usage-own-chunk",
    docs(OPTION, "the choices of that chunk are always an empty array"),
    needs="usage stream",
    compat=Level.OBSERVE,
)
def own_chunk(usage: UsageChunk) -> Findings:
    """The usage that was asked for comes in a chunk of its own, with no choices."""
    if usage.chunk.choices:
        yield usage.chunk.at("/choices"), "[]", f"{len(usage.chunk.choices)} choices beside the usage"


@fault("usage-on-finish-chunk", golden="chat-stream-usage", trips={"usage-own-chunk"})
def on_finish_chunk(transcript: Transcript) -> Transcript:
    """The usage comes on the finishing chunk."""
    return edit_chunks(transcript, lambda chunks: chunks[-2].update(usage=chunks.pop()["usage"]))


@must(
    "usage-last",
    docs(OPTION, "streamed before the data: [DONE] message"),
    breaks("openai-python stream()", "keeps the usage of the last chunk only: None", "loses"),
    bug("https://github.com/BerriAI/litellm/issues/17136"),
    needs="usage stream",
)
def last(usage: UsageChunk) -> Findings:
    """The usage that was asked for is in the last chunk; only that of a moderation may follow it."""
    after = [chunk for chunk in usage.stream.chunks[usage.chunk.number + 1 :] if "moderation" not in chunk.value]
    if after:
        yield usage, "the end of the stream after the usage", f"{len(after)} more chunks"


@fault("usage-before-finish", golden="chat-stream-usage", trips={"usage-last"})
def before_finish(transcript: Transcript) -> Transcript:
    """The usage comes before the finishing chunk."""
    return edit_chunks(transcript, lambda chunks: chunks.insert(-1, chunks.pop()))


@must(
    "usage-object-once",
    docs(OPTION, "all other chunks have a usage of null"),
    breaks("LangChain", "adds the counts up", "alters"),
    bug("https://github.com/langchain-ai/langchain/pull/38070"),
)
def once(usage: UsageChunk) -> Findings:
    """A stream has one usage object, not one on each chunk."""
    if len(found := with_usage(usage.stream)) > 1:
        yield found[0], "one usage object", f"{len(found)} of them"


@fault("usage-on-every-chunk", golden="chat-stream-usage", trips={"usage-object-once"})
def on_every_chunk(transcript: Transcript) -> Transcript:
    """Every chunk has a usage object."""
    return edit_chunks(transcript, lambda chunks: [chunk.update(usage=chunks[-1]["usage"]) for chunk in chunks])


@should(
    "usage-unasked-once",
    breaks("LangChain", "adds the counts up", "alters"),
    bug("https://github.com/langchain-ai/langchain/pull/38070"),
)
def unasked_once(stream: UnaskedUsage) -> Findings:
    """A usage that nobody asked for comes once too, not on each chunk."""
    if len(found := with_usage(stream)) > 1:
        yield found[0], "one usage object", f"{len(found)} of them"


@fault("usage-unasked-on-every-chunk", golden="chat-stream", trips={"usage-unasked-once", "usage-unasked-not-sent"})
def unasked_on_every_chunk(transcript: Transcript) -> Transcript:
    """Every chunk has a usage object that was not asked for."""
    usage = {"prompt_tokens": 4, "completion_tokens": 12, "total_tokens": 16}
    return edit_chunks(transcript, lambda chunks: [chunk.update(usage=usage) for chunk in chunks])


@should(
    "usage-null-elsewhere",
    docs(OPTION, "all other chunks have a usage of null"),
    needs="usage stream",
    compat=Level.OBSERVE,
)
def null_elsewhere(usage: UsageChunk) -> Findings:
    """Where usage is asked for, all other chunks have the key, null; that it is absent is tolerated."""
    for chunk in usage.stream.chunks:
        if "usage" not in chunk.value and "moderation" not in chunk.value:
            yield chunk, "usage: null", "no such key"
            return


@fault("usage-absent-elsewhere", golden="chat-stream-usage", trips={"usage-null-elsewhere"})
def absent_elsewhere(transcript: Transcript) -> Transcript:
    """All chunks but the last have no key usage."""
    return edit_chunks(transcript, lambda chunks: [chunk.pop("usage") for chunk in chunks[:-1]])


@should(
    "usage-unasked-not-sent",
    docs(OPTION, "the chunk is sent if include_usage is set"),
    observed("never sent unasked"),
    compat=Level.OBSERVE,
)
def not_sent_unasked(stream: UsageUnasked) -> Findings:
    """Without include_usage no usage object is sent."""
    for chunk in with_usage(stream)[:1]:
        yield chunk.at("/usage"), "no usage", "a usage object"


@fault("usage-unasked", golden="chat-stream", trips={"usage-unasked-not-sent"})
def unasked(transcript: Transcript) -> Transcript:
    """The finishing chunk has a usage object that was not asked for."""
    usage = {"prompt_tokens": 4, "completion_tokens": 12, "total_tokens": 16}
    return edit_chunk(transcript, -1, lambda chunk: chunk.update(usage=usage))


@must("usage-total-is-sum", schema("CompletionUsage.total_tokens", 32211), observed("without exception"))
def total_is_sum(usage: Usage) -> Findings:
    """The total of a usage is the sum of prompt and completion tokens."""
    if usage.total != (right := usage.prompt + usage.completion):
        yield usage, f"{usage.prompt} + {usage.completion} = {right}", str(usage.total)


@fault("usage-total-wrong", golden="chat-stream-usage", trips={"usage-total-is-sum"})
def total_wrong(transcript: Transcript) -> Transcript:
    """The total counts the completion twice."""
    return edit_chunk(
        transcript, -1, lambda chunk: chunk["usage"].update(total_tokens=chunk["usage"]["total_tokens"] + 5)
    )


@must(
    "usage-within-limit",
    docs(OPTION, "an upper bound for the number of tokens that can be generated"),
    bug("https://github.com/ggml-org/llama.cpp/issues/4047"),
    needs="limit",
)
def within_limit(usage: LimitedUsage) -> Findings:
    """There are no more completion tokens than the limit allows, for each choice."""
    if usage.completion > (most := usage.answer.limit * usage.answer.n):
        yield usage, f"at most {most} completion tokens", str(usage.completion)


@fault("usage-beyond-limit", golden="chat-stream-limit", trips={"usage-within-limit"})
def beyond_limit(transcript: Transcript) -> Transcript:
    """The answer has ten tokens more than the limit allows."""

    def exceed(chunk: dict[str, Any]) -> None:
        for key in ("completion_tokens", "total_tokens"):
            chunk["usage"][key] += 10

    return edit_chunk(transcript, -1, exceed)


@fault("usage-beyond-completion-limit", golden="max-completion-tokens", trips={"usage-within-limit"})
def beyond_completion_limit(transcript: Transcript) -> Transcript:
    """The limit max_completion_tokens is ignored."""
    return beyond_limit(transcript)


@should("usage-smaller-of-two-limits", observed("400 for both limits at once"))
def smaller_limit(answer: TwiceLimited) -> Findings:
    """Where a request has both limits, it is refused, or the smaller one holds."""
    for usage in answer.usages:
        if usage.completion > (most := min(answer.limits)):
            yield usage, f"at most {most} completion tokens", str(usage.completion)


@fault("usage-larger-of-two-limits", golden="limits-both", trips={"usage-smaller-of-two-limits"})
def larger_limit(transcript: Transcript) -> Transcript:
    """Of two limits the larger one holds."""
    whole = goldens.load("chat-whole-limit")
    headers = tuple(pair for pair in transcript.headers if pair[0] != "content-length")
    answered = replace(transcript, status=200, headers=headers, reads=whole.reads)
    return edit_json(
        answered,
        lambda body: body["usage"].update(completion_tokens=32, total_tokens=body["usage"]["prompt_tokens"] + 32),
    )


@must(
    "usage-counts-all-choices",
    docs(OPTION, "you are charged based on the number of generated tokens across all of the choices"),
    needs="n",
)
def counts_all_choices(usage: CutUsage) -> Findings:
    """The completion tokens of an answer with several choices are those of all of them."""
    if usage.generated <= usage.answer.limit:
        least = usage.answer.limit * usage.answer.n
        yield usage, f"{least}, as {usage.answer.n} choices were cut at {usage.answer.limit}", str(usage.completion)


@fault("usage-of-one-choice", golden="n-limit", trips={"usage-counts-all-choices"})
def of_one_choice(transcript: Transcript) -> Transcript:
    """The completion tokens are those of one of two choices."""

    def halve(chunk: dict[str, Any]) -> None:
        usage = chunk["usage"]
        usage.update(completion_tokens=4, total_tokens=usage["prompt_tokens"] + 4)

    return edit_chunk(transcript, -1, halve)


@fault("reply-usage-of-one-choice", golden="chat-whole-n", trips={"usage-counts-all-choices"})
def reply_of_one_choice(transcript: Transcript) -> Transcript:
    """The completion tokens of a whole answer are those of one of two choices."""
    return edit_json(
        transcript,
        lambda body: body["usage"].update(completion_tokens=4, total_tokens=body["usage"]["prompt_tokens"] + 4),
    )


@should("usage-same-streamed", quality("the same answer costs the same"), needs="usage stream")
def same_streamed(twins: TwinUsage) -> Findings:
    """The usage of a stream is that of the whole answer to the same request, where both gave the same text."""
    ours, theirs = twins.streamed, twins.whole
    same = ours.prompt == theirs.prompt and (twins.think or ours.completion == theirs.completion)
    if not same:
        expected = f"{theirs.prompt} prompt and {theirs.completion} completion tokens"
        yield twins, expected, f"{ours.prompt} and {ours.completion}"


@fault("usage-other-streamed", golden="chat-stream-limit", trips={"usage-same-streamed"}, beside=("chat-whole-limit",))
def other_streamed(transcript: Transcript) -> Transcript:
    """A stream counts three prompt tokens more than the whole answer."""

    def more(chunk: dict[str, Any]) -> None:
        for key in ("prompt_tokens", "total_tokens"):
            chunk["usage"][key] += 3

    return edit_chunk(transcript, -1, more)


@should("usage-plausible", quality("a count that no text of that length can have"))
def plausible(usage: SpokenUsage) -> Findings:
    """The completion tokens of a long text are at least one for twenty characters."""
    choices = Choice.among([usage.transcript]) if isinstance(usage.answer, ChunkStream) else ()
    letters = sum(len("".join(choice.text.split())) for choice in choices)
    if letters >= 200 and 0 < usage.completion < letters // 20:
        yield usage, f"{letters // 20} or more for {letters} characters", str(usage.completion)


@fault("usage-counts-one", golden="chat-stream-long", trips={"usage-plausible", "finish-length-only-at-limit"})
def counts_one(transcript: Transcript) -> Transcript:
    """A long answer counts as one token."""

    def one(chunk: dict[str, Any]) -> None:
        chunk["usage"].update(completion_tokens=1, total_tokens=chunk["usage"]["prompt_tokens"] + 1)

    return edit_chunk(transcript, -1, one)


@fault("usage-a-choice", golden="chat-stream-n", trips={"usage-object-once"})
def usage_a_choice(transcript: Transcript) -> Transcript:
    """Each of two choices has a usage chunk."""
    return edit_chunks(transcript, lambda chunks: chunks.insert(-1, chunks[-1]))


@must(
    "usage-counts-content",
    docs(OPTION, "the number of tokens in the generated completion"),
    breaks("cost trackers", "bill nothing", "metadata"),
)
def counts_content(usage: SpokenUsage) -> Findings:
    """Where text was sent, completion and prompt tokens are more than nothing."""
    if not usage.completion > 0 < usage.prompt:
        yield usage, "counts above 0", f"{usage.prompt} and {usage.completion}"


@fault("usage-all-zero", golden="chat-stream-usage", trips={"usage-counts-content"})
def all_zero(transcript: Transcript) -> Transcript:
    """All counts are 0."""
    return edit_chunk(transcript, -1, lambda chunk: chunk["usage"].update(dict.fromkeys(COUNTS, 0)))


@should("usage-details-within", schema("CompletionUsage", 32211))
def details_within(usage: Usage) -> Findings:
    """The details are no more than what they are part of: cached of prompt tokens, reasoning of completion tokens."""
    for kind, part, most in (("prompt", "cached", usage.prompt), ("completion", "reasoning", usage.completion)):
        count = usage.detail(kind, part)
        if count is not None and count > most:
            yield usage, f"at most {most} {part} tokens", str(count)


@fault("usage-details-beyond", golden="chat-stream-usage", trips={"usage-details-within"})
def details_beyond(transcript: Transcript) -> Transcript:
    """More tokens came from the cache than the prompt has."""
    return edit_chunk(
        transcript, -1, lambda chunk: chunk["usage"].update(prompt_tokens_details={"cached_tokens": 10**6})
    )


@should("usage-in-reply", observed("in every whole answer"))
def in_reply(reply: Answered) -> Findings:
    """A whole answer has a usage object."""
    if isinstance(reply.value, dict) and not isinstance(reply.value.get("usage"), dict):
        yield reply, "a usage object", "none"


@fault("reply-usage-total-wrong", golden="chat-whole", trips={"usage-total-is-sum"})
def reply_total_wrong(transcript: Transcript) -> Transcript:
    """The total of a whole answer counts nothing but the prompt."""
    return edit_json(transcript, lambda body: body["usage"].update(total_tokens=body["usage"]["prompt_tokens"]))


@fault("reply-without-usage", golden="chat-whole", trips={"usage-in-reply"})
def reply_without_usage(transcript: Transcript) -> Transcript:
    """A whole answer has no usage."""
    return edit_json(transcript, lambda body: body.pop("usage") and None)

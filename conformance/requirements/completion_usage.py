"""Legacy completions: what their token counts cover, and when they are sent."""

from __future__ import annotations

from typing import Any

from conformance.mutation import edit_chunk, edit_json
from conformance.requirement import Findings, fault, must, should
from conformance.transcript import Transcript
from conformance.views.completion_asked import CompletionUsageUnasked, CutCompletions
from conformance.views.completion_batch import CountedBatch
from conformance.warrant import Level, docs, quality, schema

OPTION = "completions/create"


@must(
    "completion-usage-counts-all-choices",
    docs(OPTION, "n and best_of generate many completions and quickly consume your token quota"),
    needs="completions",
)
def counts_all_choices(completion: CutCompletions) -> Findings:
    """The completion tokens of a legacy completion with several choices, or prompts, are those of all of them."""
    if completion.generated <= completion.limit:
        expected = f"{completion.least}, as {completion.count} choices were cut at {completion.limit}"
        yield completion.with_usage[-1], expected, str(completion.completion_tokens)


def _of_one_choice(body: dict[str, Any]) -> None:
    usage, limit = body["usage"], 4
    usage.update(completion_tokens=limit, total_tokens=usage["prompt_tokens"] + limit)


@fault("completion-usage-of-one-choice", golden="completion-stream-n", trips={"completion-usage-counts-all-choices"})
def of_one_choice(transcript: Transcript) -> Transcript:
    """The usage of a stream of two choices counts one of them."""
    return edit_chunk(transcript, -1, _of_one_choice)


@fault("completion-usage-of-one-prompt", golden="completion-whole-n", trips={"completion-usage-counts-all-choices"})
def of_one_prompt(transcript: Transcript) -> Transcript:
    """The usage of an answer to two prompts counts one choice of one of them."""
    return edit_json(transcript, _of_one_choice)


@should(
    "completion-usage-counts-all-prompts",
    schema("CompletionUsage.prompt_tokens", 32211),
    quality("of a batch only one prompt is counted"),
    needs="completions",
)
def counts_all_prompts(counted: CountedBatch) -> Findings:
    """The prompt tokens of a legacy completion of several prompts are those of all of them."""
    if counted.tokens <= counted.alone:
        yield counted, f"more than {counted.alone}, which one of the prompts has alone", str(counted.tokens)


@fault(
    "completion-usage-of-the-first-prompt",
    golden="completion-whole-n",
    trips={"completion-usage-counts-all-prompts"},
    beside=("completion-whole", "completion-logprobs-zero"),
)
def of_first_prompt(transcript: Transcript) -> Transcript:
    """The usage of an answer to two prompts counts the tokens of one of them."""

    def halve(body: Any) -> None:
        usage = body["usage"]
        usage.update(prompt_tokens=4, total_tokens=4 + usage["completion_tokens"])

    return edit_json(transcript, halve)


@should(
    "completion-usage-unasked",
    docs(OPTION, "the chunk is sent if include_usage is set"),
    needs="completions stream",
    compat=Level.OBSERVE,
)
def usage_unasked(completion: CompletionUsageUnasked) -> Findings:
    """Without include_usage no usage object is sent in a stream of legacy completions."""
    for body in completion.with_usage[:1]:
        yield body, "no usage", "a usage object"


@fault("completion-usage-nobody-asked-for", golden="completion-stream", trips={"completion-usage-unasked"})
def usage_nobody_asked_for(transcript: Transcript) -> Transcript:
    """The last chunk has a usage object that was not asked for."""
    usage = {"prompt_tokens": 4, "completion_tokens": 8, "total_tokens": 12}
    return edit_chunk(transcript, -1, lambda chunk: chunk.update(usage=usage))

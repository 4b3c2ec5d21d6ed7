"""Legacy completions: the parameters of their requests, and those that are to be refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from conformance import goldens
from conformance.json_text import show
from conformance.mutation import edit_chunk, edit_chunks, edit_json, with_header
from conformance.requirement import Findings, fault, must, observe, should
from conformance.requirements.accepted import LACKS, refusal
from conformance.transcript import Transcript
from conformance.views.completion_asked import (
    CompletionRequest,
    CompletionUsageAsked,
    CompletionWithUsage,
    EchoAlone,
    EchoedText,
    EndedText,
    LimitedCompletion,
    ManyLogprobs,
    SmallBestOf,
    StoppableText,
    StreamedBestOf,
    SuffixTwins,
    TokenPrompt,
    UnlimitedCompletion,
)
from conformance.views.endpoint import LegacyCompletions
from conformance.warrant import Level, breaks, bug, docs, observed, schema

OPTION = "completions/create"
REQUEST = "CreateCompletionRequest"


@must(
    "completion-without-stop-string",
    docs(OPTION, "the returned text will not contain the stop sequence"),
    breaks("agents that parse up to the stop string", "read text that is not theirs", "alters"),
    bug("https://github.com/ggml-org/llama.cpp/issues/11538"),
    bug("https://github.com/huggingface/text-generation-inference/issues/1997"),
    bug("https://github.com/ikawrakow/ik_llama.cpp/issues/859"),
    needs="completions stop",
)
def without_stop(choice: StoppableText) -> Findings:
    """The text of a legacy completion does not contain a stop string of the request."""
    for stop in choice.stops:
        if stop in choice.answer:
            yield choice, f"nothing from {show(stop)} on", show(choice.answer[-60:])


@fault("completion-with-stop-string", golden="completion-stream-stop", trips={"completion-without-stop-string"})
def with_stop(transcript: Transcript) -> Transcript:
    """The last chunk of a stream has the stop string as its text."""
    stop = transcript.request.json["stop"]
    return edit_chunk(transcript, -1, lambda chunk: chunk["choices"][0].update(text=stop))


@must(
    "completion-tokens-within-limit",
    docs(OPTION, "max_tokens: the maximum number of tokens that can be generated"),
    bug("https://github.com/ggml-org/llama.cpp/issues/4047"),
    needs="completions limit",
)
def within_limit(completion: LimitedCompletion) -> Findings:
    """There are no more completion tokens than the limit allows, for each choice."""
    if (completion.completion_tokens or 0) > completion.most:
        yield completion.last, f"at most {completion.most} completion tokens", str(completion.completion_tokens)


@fault("completion-beyond-limit", golden="completion-whole", trips={"completion-tokens-within-limit"})
def beyond_limit(transcript: Transcript) -> Transcript:
    """The answer has two tokens more than the limit allows."""

    def exceed(body: Any) -> None:
        for key in ("completion_tokens", "total_tokens"):
            body["usage"][key] += 2

    return edit_json(transcript, exceed)


@should(
    "completion-length-at-limit",
    docs(OPTION, "length if the maximum number of tokens was reached"),
    bug("https://github.com/kserve/kserve/pull/3659"),
    needs="completions limit",
)
def length_at_limit(completion: LimitedCompletion) -> Findings:
    """The finish reason is length where the token limit ended the text.

    A text of exactly as many tokens as the limit allows may have ended by itself, hence this is advice only.
    """
    full = completion.count == 1 and completion.completion_tokens == completion.limit > 0
    for choice in EndedText.among([completion.transcript] if full and not completion.request.get("stop") else []):
        if choice.finishes and choice.finishes[0].finish_reason == "stop":
            yield choice.finishes[0], "length", f"stop, at {completion.limit} of at most {completion.limit} tokens"


@fault("completion-stop-at-limit", golden="completion-whole", trips={"completion-length-at-limit"})
def stop_at_limit(transcript: Transcript) -> Transcript:
    """A text that is cut at the limit says stop."""
    return edit_json(transcript, lambda body: body["choices"][0].update(finish_reason="stop"))


@should(
    "completion-default-limit",
    schema("CreateCompletionRequest.max_tokens", 33821),
    observed("16 tokens where no limit is given"),
    needs="completions",
    compat=Level.OBSERVE,
)
def default_limit(completion: UnlimitedCompletion) -> Findings:
    """Without max_tokens a legacy completion has 16 tokens at most, so that it cannot surprise by its cost."""
    if completion.tokens > 16:
        yield completion.last, "at most 16 tokens", f"at least {completion.tokens}"


@fault("completion-without-default", golden="completion-default-limit", trips={"completion-default-limit"})
def without_default(transcript: Transcript) -> Transcript:
    """Without max_tokens a text goes on for more than 16 tokens."""
    return edit_chunks(transcript, lambda chunks: chunks.insert(0, chunks[0]))


@must(
    "completion-usage-sent",
    docs(OPTION, "include_usage: an additional chunk with the usage of the whole request"),
    breaks("openai-python", "usage is None", "loses"),
    needs="completions usage stream",
)
def usage_sent(completion: CompletionUsageAsked) -> Findings:
    """With stream_options.include_usage a stream of legacy completions has a usage object."""
    if not completion.with_usage:
        yield completion.last, "a chunk with a usage object", "none before the end of the stream"


@fault("completion-usage-ignored", golden="completion-stream-usage", trips={"completion-usage-sent"})
def usage_ignored(transcript: Transcript) -> Transcript:
    """The usage that was asked for is not sent."""
    return edit_chunks(transcript, lambda chunks: chunks.pop())


@must(
    "completion-usage-last",
    docs(OPTION, "streamed before the data: [DONE] message, with empty choices"),
    needs="completions usage stream",
)
def usage_last(completion: CompletionWithUsage) -> Findings:
    """The usage that was asked for comes in the last chunk of the stream, and that has no choices."""
    usage = completion.with_usage[-1]
    if usage is not completion.last:
        yield usage, "the end of the stream after the usage", "more chunks"
    elif usage.value.get("choices"):
        yield usage, "choices: []", "choices beside the usage"


@fault("completion-usage-early", golden="completion-stream-usage", trips={"completion-usage-last"})
def usage_early(transcript: Transcript) -> Transcript:
    """The usage comes before the finishing chunk."""
    return edit_chunks(transcript, lambda chunks: chunks.insert(-1, chunks.pop()))


@must(
    "completion-echo-first",
    docs(OPTION, "echo: the prompt comes back in addition to the completion"),
    breaks("lm-evaluation-harness", "takes the probabilities of the answer for those of the prompt", "alters"),
    bug("https://github.com/ggml-org/llama.cpp/issues/27174"),
    bug("https://github.com/abetlen/llama-cpp-python/issues/372"),
    needs="completions echo",
)
def echo_first(choice: EchoedText) -> Findings:
    """With echo the text begins with the prompt, in streams too."""
    prompts = [prompt for prompt in choice.completion.prompts if isinstance(prompt, str) and prompt]
    if not any(choice.text.startswith(prompt) for prompt in (choice.prompt, *prompts) if prompt):
        yield choice, show(choice.prompt), show(choice.text[:60])


@fault("completion-echo-ignored", golden="completion-echo-alone", trips={"completion-echo-first"})
def echo_ignored(transcript: Transcript) -> Transcript:
    """The prompt that was to be echoed is not there."""
    return edit_json(transcript, lambda body: body["choices"][0].update(text=", 4"))


@fault("completion-echo-ignored-streamed", golden="completion-stream", trips={"completion-echo-first"})
def echo_ignored_streamed(transcript: Transcript) -> Transcript:
    """A stream does not begin with the prompt that was to be echoed."""
    request = transcript.request
    return replace(transcript, request=replace(request, json=request.json | {"echo": True}), group="")


@should(
    "completion-echo-alone",
    docs(OPTION, "max_tokens may be 0"),
    needs="completions echo",
)
def echo_alone(choice: EchoAlone) -> Findings:
    """With echo and max_tokens 0 the text is the prompt and nothing else."""
    if choice.prompt and choice.text.startswith(choice.prompt) and choice.text != choice.prompt:
        yield choice, show(choice.prompt), show(choice.text)


@fault("completion-echo-and-more", golden="completion-echo-alone", trips={"completion-echo-alone"})
def echo_and_more(transcript: Transcript) -> Transcript:
    """A token follows the prompt although none was wanted."""
    return edit_json(transcript, lambda body: body["choices"][0].update(text=body["choices"][0]["text"] + ", 4"))


def _accepted(answer: CompletionRequest) -> Findings:
    if not answer.refused:
        yield answer, "status 400", str(answer.status)


def _as_if_asked(golden: str, **parameters: Any) -> Transcript:
    """Return the answer of a golden as if it had been asked for with other parameters."""
    answer = with_header(goldens.load(golden), "x-request-id", "req_as_if")
    return replace(answer, request=replace(answer.request, json=answer.request.json | parameters), group="")


@must(
    "completion-logprobs-bounded",
    schema(f"{REQUEST}.logprobs", 33821),
    needs="completions logprobs",
    compat=Level.OBSERVE,
)
def logprobs_bounded(answer: ManyLogprobs) -> Findings:
    """More than 5 alternatives at each token are refused by 400."""
    yield from _accepted(answer)


@fault("completion-logprobs-unbounded", golden="completion-logprobs-six", trips={"completion-logprobs-bounded"})
def logprobs_unbounded(_: Transcript) -> Transcript:
    """Six alternatives at each token are granted."""
    return _as_if_asked("completion-logprobs-zero", logprobs=6)


@must(
    "completion-best-of-streamed",
    docs(OPTION, "best_of: results cannot be streamed"),
    needs="completions best_of stream",
)
def best_of_streamed(answer: StreamedBestOf) -> Findings:
    """A stream of the best of several texts is refused by 400, as the best is known at the end only."""
    yield from _accepted(answer)


@fault("completion-best-of-ignored", golden="completion-best-of-stream", trips={"completion-best-of-streamed"})
def best_of_ignored(_: Transcript) -> Transcript:
    """The best of two texts is streamed."""
    return _as_if_asked("completion-stream", best_of=2)


@must(
    "completion-best-of-below-n",
    docs(OPTION, "best_of must be greater than n"),
    needs="completions best_of n",
)
def best_of_below_n(answer: SmallBestOf) -> Findings:
    """More choices than candidates are refused by 400."""
    yield from _accepted(answer)


@fault("completion-best-of-too-small", golden="completion-best-of-small", trips={"completion-best-of-below-n"})
def best_of_too_small(_: Transcript) -> Transcript:
    """Two choices are given, the best of one."""
    return _as_if_asked("completion-whole-n", best_of=1)


@observe(
    "completion-suffix-heeded",
    docs(OPTION, "suffix: the text that comes after the completion"),
    needs="completions suffix",
)
def suffix_heeded(twins: SuffixTwins) -> Findings:
    """A suffix changes the text, or is refused by 400; it is not dropped without a word."""
    if twins.text == twins.plain:
        yield twins, "another text than without suffix, or status 400", show(twins.text)


@fault(
    "completion-suffix-dropped",
    golden="completion-suffix",
    trips={"completion-suffix-heeded"},
    beside=("completion-whole",),
)
def suffix_dropped(transcript: Transcript) -> Transcript:
    """The text is the same with a suffix as without."""
    return _as_if_asked("completion-whole", suffix=transcript.request.json["suffix"])


@should("completion-token-ids-taken", schema(f"{REQUEST}.prompt", 33821), needs="completions token-ids")
def token_ids_taken(answer: TokenPrompt) -> Findings:
    """A prompt may be an array of token numbers; who does not take them says so by 400."""
    if answer.status >= 400:
        yield answer, "an answer, or status 400", str(answer.status)


@fault(
    "completion-token-ids-fail",
    golden="completion-token-ids",
    trips={"completion-token-ids-taken"},
    beside=("completion-whole",),
)
def token_ids_fail(transcript: Transcript) -> Transcript:
    """Token numbers are answered by 500."""
    body = b'{"error": {"message": "list has no encode", "type": "server_error", "param": null, "code": null}}'
    return replace(transcript, status=500).with_body(body)


@should("completion-endpoint-no-5xx", *LACKS, needs="completions")
def endpoint_fails(endpoint: LegacyCompletions) -> Findings:
    """A server without legacy completions refuses them by 4xx or 501, and does not fail at each by another 5xx.

    A request that fails once may have met a server that was unwell.
    """
    if endpoint.fails:
        yield endpoint, "an answer, or a refusal by 4xx or 501", f"{endpoint.transcript.status} to every plain request"


@fault("completion-endpoint-500", golden="completion-whole", trips={"completion-endpoint-no-5xx"})
def every_completion_fails(transcript: Transcript) -> Transcript:
    """A plain request for a completion is answered by 500."""
    return refusal(transcript, 500)

"""Legacy completions: the four arrays of their log probabilities."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from conformance.json_text import show
from conformance.mutation import edit_chunk, edit_chunks, edit_json
from conformance.requirement import Findings, fault, must, should
from conformance.transcript import Transcript
from conformance.views.completion_asked import (
    AlternativesAsked,
    JoinableText,
    LocatedText,
    ScoredText,
    TokenLogprobs,
)
from conformance.warrant import breaks, bug, docs, schema

OPTION = "completions/create"
LOGPROBS = "CreateCompletionResponse.choices.logprobs"
HARNESS = "lm-evaluation-harness"
ARRAYS = ("tokens", "token_logprobs", "top_logprobs", "text_offset")


def _edit_logprobs(transcript: Transcript, **changes: Any) -> Transcript:
    return edit_json(transcript, lambda body: body["choices"][0]["logprobs"].update(changes))


@must(
    "completion-logprobs-sent",
    docs(OPTION, "logprobs: the log probabilities of the chosen tokens, and of the most likely ones"),
    breaks(HARNESS, "TypeError: there is nothing to read the scores from"),
    bug("https://github.com/huggingface/text-generation-inference/issues/2211"),
    needs="completions logprobs",
)
def sent(choice: ScoredText) -> Findings:
    """Where log probabilities were asked for, and be it 0 alternatives, a choice with text has them."""
    if all(part.value.get("logprobs") is None for part in choice.parts):
        yield choice, "logprobs", "none with the text"


@fault("completion-logprobs-zero-ignored", golden="completion-logprobs-zero", trips={"completion-logprobs-sent"})
def zero_ignored(transcript: Transcript) -> Transcript:
    """0 alternatives are taken for no log probabilities at all."""
    return edit_json(transcript, lambda body: body["choices"][0].update(logprobs=None))


@must(
    "completion-logprobs-arrays",
    schema(LOGPROBS, 34059),
    breaks(HARNESS, "KeyError: token_logprobs"),
    bug("https://github.com/EleutherAI/lm-evaluation-harness/issues/4158"),
    bug("https://github.com/ggml-org/llama.cpp/issues/27174"),
    bug("https://github.com/oobabooga/textgen/pull/5339"),
    needs="completions logprobs",
)
def arrays(part: TokenLogprobs) -> Findings:
    """Log probabilities are four arrays of one length: tokens, token_logprobs, top_logprobs and text_offset.

    Those of chat, an array `content` of objects, are another endpoint's. Without alternatives top_logprobs may be null.
    """
    logprobs = part.logprobs or {}
    spare = {"top_logprobs"} if not part.completion.number("logprobs") else set[str]()
    missing = [key for key in ARRAYS if logprobs.get(key) is None and key not in spare]
    lengths = {key: len(logprobs[key]) for key in ARRAYS if isinstance(logprobs.get(key), list)}
    if missing:
        yield part, ", ".join(ARRAYS), f"without {', '.join(missing)}"
    elif len(set(lengths.values())) > 1:
        yield part, "arrays of one length", ", ".join(f"{key}: {length}" for key, length in lengths.items())


@fault("completion-logprobs-of-chat", golden="completion-whole-echo", trips={"completion-logprobs-arrays"})
def of_chat(transcript: Transcript) -> Transcript:
    """The log probabilities have the shape of those of chat."""
    shape = {"content": [{"token": "1", "logprob": -0.1, "bytes": [49], "top_logprobs": []}]}
    return edit_json(transcript, lambda body: body["choices"][0].update(logprobs=shape))


@fault("completion-logprobs-ragged", golden="completion-stream-echo", trips={"completion-logprobs-arrays"})
def ragged(transcript: Transcript) -> Transcript:
    """A chunk has one value less than it has tokens."""
    return edit_chunk(transcript, 1, lambda chunk: chunk["choices"][0]["logprobs"]["token_logprobs"].pop())


@must(
    "completion-top-logprobs-bounded",
    docs(OPTION, "up to logprobs + 1 elements: the chosen token is always among them"),
    needs="completions logprobs",
)
def bounded(part: AlternativesAsked) -> Findings:
    """At each token there are at most as many alternatives as were asked for, and the chosen token."""
    for place, top in enumerate((part.logprobs or {}).get("top_logprobs") or ()):
        if isinstance(top, dict) and len(top) > part.most:
            yield part, f"at most {part.most} at token {place}", str(len(top))
            return


@fault(
    "completion-logprobs-zero-with-more", golden="completion-logprobs-zero", trips={"completion-top-logprobs-bounded"}
)
def zero_with_more(transcript: Transcript) -> Transcript:
    """There are two alternatives where none was asked for."""
    return _edit_logprobs(transcript, top_logprobs=[{"a": -1.0, "b": -2.0}] * 4)


@should("completion-logprob-null-first", schema(f"{LOGPROBS}.token_logprobs", 34059), needs="completions logprobs")
def null_first(choice: ScoredText) -> Findings:
    """Only the first token of a text may have a log probability of null: nothing stands before it."""
    if any(value is None for value in choice.joined("token_logprobs")[1:]):
        yield choice, "null at the first token only", show(choice.joined("token_logprobs"))


@fault("completion-logprob-null-later", golden="completion-whole-echo", trips={"completion-logprob-null-first"})
def null_later(transcript: Transcript) -> Transcript:
    """No token of the echoed prompt has a log probability."""

    def forget(body: Any) -> None:
        logprobs = body["choices"][0]["logprobs"]
        logprobs["token_logprobs"][:3] = [None] * 3

    return edit_json(transcript, forget)


@should(
    "completion-text-offset-runs",
    schema(f"{LOGPROBS}.text_offset", 34059),
    bug("https://github.com/vllm-project/vllm/pull/47815"),
    needs="completions logprobs",
)
def offset_runs(choice: LocatedText) -> Findings:
    """Each text_offset is that of the token before plus its characters, over the whole stream and from an echo on."""
    for (start, token), (after, _) in pairwise(choice.located):
        if after - start not in (len(token), len(token.encode("utf-16-le")) // 2):
            yield choice, f"{start} + {len(token)} after {show(token)}", str(after)
            return


@fault("completion-text-offset-restarts", golden="completion-stream-echo", trips={"completion-text-offset-runs"})
def offset_restarts(transcript: Transcript) -> Transcript:
    """The offsets begin anew after the echoed prompt."""

    def restart(chunks: list[dict[str, Any]]) -> None:
        for chunk in chunks[1:]:
            if logprobs := chunk["choices"][0]["logprobs"]:
                logprobs["text_offset"] = [offset - 7 for offset in logprobs["text_offset"]]

    return edit_chunks(transcript, restart)


@should(
    "completion-tokens-join",
    docs(OPTION, "the tokens are those of the text"),
    bug("https://github.com/oobabooga/textgen/pull/5339"),
    needs="completions logprobs",
)
def tokens_join(choice: JoinableText) -> Findings:
    """The tokens of the log probabilities, joined, are the text, that of an echo included.

    At a stop string either may be a little longer.
    """
    joined = "".join(choice.joined("tokens"))
    if not (joined.startswith(choice.text) or (choice.text.startswith(joined) and choice.may_be_longer)):
        yield choice, show(choice.text), show(joined)


@fault("completion-tokens-stripped", golden="completion-whole-echo", trips={"completion-tokens-join"})
def tokens_stripped(transcript: Transcript) -> Transcript:
    """The last token has a blank less than the text."""

    def strip(body: Any) -> None:
        tokens = body["choices"][0]["logprobs"]["tokens"]
        tokens[-1] = tokens[-1].replace(" ", "")

    return edit_json(transcript, strip)

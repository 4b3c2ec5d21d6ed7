"""Why an answer ended, and that it says so."""

from __future__ import annotations

from typing import Any

from conformance.mutation import edit_chunk, edit_chunks
from conformance.requirement import Findings, fault, must, should
from conformance.transcript import Transcript
from conformance.views import Choice, EndedChoice, FinishedChoice, LimitedUsage, ManyChoices
from conformance.warrant import breaks, bug, docs, observed

FINISH = "chat-streaming"


@must(
    "finish-sent",
    docs(FINISH, "the reason why the model stopped"),
    observed("in every choice"),
    breaks("openai-node stream()", "raises: missing finish_reason"),
    breaks("AI SDK (openai-compatible)", "raises"),
    bug("https://github.com/sgl-project/sglang/issues/4550"),
    bug("https://github.com/waybarrios/vllm-mlx/issues/628"),
)
def finish_sent(choice: EndedChoice) -> Findings:
    """Each choice of a stream that ended without an error has a finish reason."""
    if not choice.finish:
        yield choice, "a finish reason", "none before the end of the stream"


@fault("finish-missing", golden="chat-stream", trips={"finish-sent"})
def finish_missing(transcript: Transcript) -> Transcript:
    """The finish reason stays null to the end."""
    return edit_chunk(transcript, -1, lambda chunk: chunk["choices"][0].update(finish_reason=None))


@must(
    "finish-for-all-choices",
    docs("chat/create", "n choices are generated for each message"),
    breaks("openai-python", "choices are missing without a sign", "loses"),
    bug("https://github.com/abetlen/llama-cpp-python/issues/1906"),
    needs="n stream",
)
def all_choices(stream: ManyChoices) -> Findings:
    """A stream has as many choices as were asked for."""
    missing = set(range(stream.n)) - {choice.index for choice in Choice.among([stream.transcript])}
    if missing:
        numbers = ", ".join(map(str, sorted(missing)[:9]))
        yield stream.chunks[-1], f"choices 0 to {stream.n - 1}", f"none with index {numbers}"


@fault("finish-n-ignored", golden="chat-stream-n", trips={"finish-for-all-choices"})
def n_ignored(transcript: Transcript) -> Transcript:
    """Only the first of the choices asked for is sent."""

    def keep_first(chunks: list[dict[str, Any]]) -> None:
        chunks[:] = [chunk for chunk in chunks if not chunk["choices"] or chunk["choices"][0]["index"] == 0]

    return edit_chunks(transcript, keep_first)


@should(
    "finish-length-at-limit",
    docs(FINISH, "length if the maximum number of tokens was reached"),
    breaks("openai-python parse()", "takes a cut answer for a whole one", "loses"),
    bug("https://github.com/kserve/kserve/pull/3659"),
    needs="limit stream",
)
def length_at_limit(usage: LimitedUsage) -> Findings:
    """The finish reason is length where the token limit ended the answer.

    An answer of exactly as many tokens as the limit allows may have ended by itself, hence this is advice only.
    """
    choices = list(FinishedChoice.among([usage.transcript]))
    stream = choices[0].stream if len(choices) == 1 else None
    finish = choices[0].finish if stream else None
    if stream and finish and not stream.stops and usage.completion == stream.limit and finish.finish_reason == "stop":
        yield finish, "length", f"stop, at {usage.completion} of at most {stream.limit} tokens"


@fault("finish-stop-at-limit", golden="chat-stream-limit", trips={"finish-length-at-limit"})
def stop_at_limit(transcript: Transcript) -> Transcript:
    """The answer is cut at the limit and says stop."""

    def say_stop(chunks: list[dict[str, Any]]) -> None:
        for chunk in chunks:
            for choice in chunk["choices"]:
                choice["finish_reason"] = choice["finish_reason"] and "stop"

    return edit_chunks(transcript, say_stop)

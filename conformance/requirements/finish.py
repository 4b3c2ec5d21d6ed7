"""Why an answer ended, and that it says so."""

from __future__ import annotations

from typing import Any

from conformance.mutation import edit_chunk, edit_chunks, edit_json, with_blocks
from conformance.requirement import Findings, fault, must, should
from conformance.transcript import Transcript
from conformance.views import Choice, EndedChoice, LimitedUsage, ManyChoices
from conformance.views.limited import FullUsage
from conformance.views.usage import UnlimitedUsage, reasons
from conformance.warrant import breaks, bug, docs, observed

FINISH = "chat-streaming"
SMALL = 1000  # tokens: what a context always holds


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
    needs="limit",
)
def length_at_limit(usage: FullUsage) -> Findings:
    """The finish reason is length where the token limit ended the answer.

    An answer of exactly as many tokens as the limit allows may have ended by itself, hence this is advice only.
    """
    if reasons(usage.answer) == ["stop"]:
        yield usage, "length", f"stop, at {usage.completion} of at most {usage.answer.limit} tokens"


@fault(
    "finish-stop-at-limit", golden="chat-stream-limit", trips={"finish-length-at-limit"}, beside=("chat-stream-long",)
)
def stop_at_limit(transcript: Transcript) -> Transcript:
    """The answer is cut at the limit and says stop."""

    def say_stop(chunks: list[dict[str, Any]]) -> None:
        for chunk in chunks:
            for choice in chunk["choices"]:
                choice["finish_reason"] = choice["finish_reason"] and "stop"

    return edit_chunks(transcript, say_stop)


@should(
    "finish-length-only-at-limit",
    docs(FINISH, "length if the maximum number of tokens was reached"),
    breaks("agents that ask again at length", "go on with what was complete", "metadata"),
    needs="limit",
)
def length_only_at_limit(usage: LimitedUsage) -> Findings:
    """The finish reason is length only where the limit was reached: a stop string or a natural end is stop."""
    answer = usage.answer
    if answer.n == 1 and reasons(answer) == ["length"] and usage.total < SMALL and usage.generated * 2 < answer.limit:
        yield usage, "stop", f"length, at {usage.completion} of at most {answer.limit} tokens"


@fault("finish-length-at-stop", golden="chat-whole-stop-tokens", trips={"finish-length-only-at-limit"})
def length_at_stop(transcript: Transcript) -> Transcript:
    """An answer that a stop string ended says that it was cut for its length."""
    return edit_json(transcript, lambda body: body["choices"][0].update(finish_reason="length"))


@should("finish-no-hidden-limit", observed("an answer without a limit is not cut"), needs="chat")
def no_hidden_limit(usage: UnlimitedUsage) -> Findings:
    """Without a limit an answer is not cut at a small default, such as the 16 tokens of legacy completions."""
    if "length" in reasons(usage.answer) and usage.generated <= SMALL / 4 and usage.total < SMALL:
        yield usage, "an answer to its end", f"length, at {usage.completion} tokens"


@fault("finish-hidden-limit", golden="minimal", trips={"finish-no-hidden-limit"})
def hidden_limit(transcript: Transcript) -> Transcript:
    """An answer without a limit is cut at 16 tokens."""

    def cut(body: dict[str, Any]) -> None:
        body["choices"][0]["finish_reason"] = "length"
        body["usage"].update(completion_tokens=16, total_tokens=body["usage"]["prompt_tokens"] + 16)

    return edit_json(transcript, cut)


@fault(
    "choice-n-all-zero",
    golden="chat-stream-n",
    trips={"finish-for-all-choices", "order-finish-once", "order-role-once"},
)
def all_zero(transcript: Transcript) -> Transcript:
    """All choices have the index 0."""

    def flatten(chunks: list[dict[str, Any]]) -> None:
        for chunk in chunks:
            for choice in chunk["choices"]:
                choice["index"] = 0

    return edit_chunks(transcript, flatten)


@fault("finish-given-up", golden="chat-stream", trips={"finish-sent", "done-sent"})
def given_up(transcript: Transcript) -> Transcript:
    """The server gives up in the middle, and ends the body as if it were complete."""
    return with_blocks(transcript, transcript.body().split(b"\n\n")[:4])

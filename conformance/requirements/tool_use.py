"""Tool calls: what they say, and when they may come."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from conformance.json_text import show
from conformance.mutation import edit_chunk, edit_chunks, edit_json
from conformance.requirement import Findings, fault, must, should
from conformance.requirements.tools import edit_fragments, message_of
from conformance.transcript import Transcript
from conformance.views import Reply
from conformance.views.tool_call import CUT_SHORT
from conformance.views.tool_turn import (
    AllegedlyCallingTurn,
    CallingTurn,
    CallingTwins,
    ForbiddenTurn,
    FreelyCallingTurn,
    NamedTurn,
    RequiredTurn,
    ResultBrought,
    SingleTurn,
    ToolsTurn,
    named,
)
from conformance.warrant import Level, breaks, bug, docs, observed, quality

CREATE = "chat/create"
MARKUP = re.compile(
    r"</?tool_call>|\[/?TOOL_CALLS\]|<function=|</function>|<\|(?:python_tag|tool_call|channel|im_end|eot_id|eom_id)\|?>"
    r"|<\uff5ctool\u2581|<\|tool_calls_section_begin\|>"
)


def _finish(transcript: Transcript, reason: str) -> Transcript:
    """Return the stream with another finish reason."""

    def on_chunks(chunks: list[dict[str, Any]]) -> None:
        for choice in (choice for chunk in chunks for choice in chunk["choices"]):
            choice["finish_reason"] = choice["finish_reason"] and reason

    return edit_chunks(transcript, on_chunks)


@must(
    "tool-finish-reason",
    docs("chat-streaming", "tool_calls if the model called a tool"),
    observed("without exception, but for a function that the request names"),
    breaks("AI SDK", "reports stop, so that agents end their loop before the call", "alters"),
    bug("https://github.com/openvinotoolkit/model_server/pull/4074"),
    bug("https://github.com/vercel/workflow/issues/1387"),
    bug("https://github.com/spiceai/spiceai/pull/3458"),
    bug("https://github.com/ml-explore/mlx-lm/pull/782"),
    bug("https://github.com/BerriAI/litellm/issues/12481"),
    needs="tools",
)
def finish_reason(turn: FreelyCallingTurn) -> Findings:
    """An answer in which the model chose to call ends with the finish reason tool_calls.

    Where the request names the function, OpenAI says stop.
    """
    if turn.finish_reason not in ("tool_calls", "function_call"):
        yield turn, "tool_calls", show(turn.finish_reason)


@fault("tool-finish-stop", golden="tools-stream", trips={"tool-finish-reason"})
def finish_stop(transcript: Transcript) -> Transcript:
    """The finish reason after a call is stop."""
    return _finish(transcript, "stop")


@must(
    "tool-finish-has-call",
    docs("chat-streaming", "tool_calls if the model called a tool"),
    quality("agents wait for a call that never comes"),
    bug("https://github.com/mudler/LocalAI/issues/6218"),
    bug("https://github.com/mastra-ai/mastra/pull/14187"),
    bug("https://github.com/jjang-ai/vmlx/issues/219"),
    needs="tools",
)
def finish_has_call(turn: AllegedlyCallingTurn) -> Findings:
    """The finish reason tool_calls comes only with a call."""
    if not turn.called:
        yield turn, "a call, or another finish reason", "tool_calls, and no call"


@fault("tool-finish-without-call", golden="chat-stream", trips={"tool-finish-has-call"})
def finish_without_call(transcript: Transcript) -> Transcript:
    """An answer of text ends with the finish reason tool_calls."""
    return _finish(transcript, "tool_calls")


@must(
    "tool-choice-none",
    docs(CREATE, "none means the model will not call any tool"),
    quality("accepted and ignored: a call that nobody may answer"),
    needs="tools",
)
def choice_none(turn: ForbiddenTurn) -> Findings:
    """With tool_choice none there is no call."""
    if turn.called:
        yield turn, "text", "a call"


@fault("tool-choice-none-ignored", golden="tools-whole-none", trips={"tool-choice-none"})
def none_ignored(transcript: Transcript) -> Transcript:
    """A call comes in spite of tool_choice none."""
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}

    def answer(body: Any) -> None:
        message_of(body).update(content=None, tool_calls=[call])
        body["choices"][0]["finish_reason"] = "tool_calls"

    return edit_json(transcript, answer)


@must(
    "tool-choice-required",
    docs(CREATE, "required means the model must call one or more tools; a named one forces that"),
    quality("accepted and ignored: code that relies on a call gets text"),
    needs="tools",
)
def choice_required(turn: RequiredTurn) -> Findings:
    """With tool_choice required, or with a named function, there is a call."""
    if not turn.called:
        yield turn, "a call", show(turn.content)


@fault("tool-choice-required-ignored", golden="tools-whole-required", trips={"tool-choice-required"})
def required_ignored(transcript: Transcript) -> Transcript:
    """Text comes in spite of tool_choice required."""

    def answer(body: Any) -> None:
        body["choices"][0].update(message={"role": "assistant", "content": "It is up."}, finish_reason="stop")

    return edit_json(transcript, answer)


@must(
    "tool-choice-named",
    docs(CREATE, "a named function forces the model to call that one"),
    quality("accepted and ignored: code that relies on one function gets another"),
    needs="tools",
)
def choice_named(turn: NamedTurn) -> Findings:
    """Where tool_choice names a function, that one is called and no other."""
    wanted, cut = named(turn), turn.finish_reason in CUT_SHORT
    for call in turn.calls:
        right = call.name == wanted or not isinstance(call.name, str) or (cut and wanted.startswith(call.name))
        if call.name and not right:
            yield call, wanted, show(call.name)


@fault("tool-choice-name-ignored", golden="tools-stream-named", trips={"tool-choice-named"})
def name_ignored(transcript: Transcript) -> Transcript:
    """The other function is called."""
    return edit_fragments(transcript, lambda found: found[0]["function"].update(name="get_weather"))


@should(
    "tool-call-single",
    docs(CREATE, "parallel_tool_calls: whether to enable parallel function calling"),
    needs="tools",
)
def single(turn: SingleTurn) -> Findings:
    """With parallel_tool_calls false there is at most one call."""
    if len(turn.calls) > 1:
        yield turn.calls[1], "one call", f"{len(turn.calls)} calls"


@fault("tool-calls-in-spite", golden="tools-whole-one", trips={"tool-call-single"})
def in_spite(transcript: Transcript) -> Transcript:
    """Two calls come in spite of parallel_tool_calls false."""

    def repeat(body: Any) -> None:
        calls = message_of(body)["tool_calls"]
        calls.append(calls[0] | {"id": "call_another"})

    return edit_json(transcript, repeat)


@must(
    "tool-result-accepted",
    docs(CREATE, "the content of an assistant message is required unless it has tool_calls"),
    quality("no conversation with tools can go on"),
    bug("https://github.com/abetlen/llama-cpp-python/issues/1805"),
    needs="tools",
)
def result_accepted(answer: ResultBrought) -> Findings:
    """A conversation goes on with the calls of the assistant, without content, and their results."""
    if answer.status >= 400:
        yield answer, "an answer", f"{answer.status} {answer.transcript.body()[:80]!r}"


@fault("tool-result-refused", golden="tools-whole-result", trips={"tool-result-accepted"})
def result_refused(transcript: Transcript) -> Transcript:
    """An assistant message whose content is null is refused."""
    error = {"message": "messages[1].content: expected a string", "type": "invalid_request_error"}
    refused = replace(transcript, status=400)
    return edit_json(refused, lambda _: {"error": error | {"param": "messages", "code": None}})


@should(
    "tool-markup-hidden",
    quality("markup that only the model should see"),
    bug("https://github.com/vllm-project/vllm/issues/51701"),
    needs="tools",
)
def markup_hidden(turn: ToolsTurn) -> Findings:
    """The markup in which a model writes calls is neither in the text, nor in the reasoning, nor in arguments."""
    arguments = [call.arguments for call in turn.calls if isinstance(call.arguments, str)]
    for text in (turn.content, turn.reasoning, *arguments):
        if (found := MARKUP.search(text)) and found.group() not in turn.prompt:
            yield turn, "no markup", show(text[max(0, found.start() - 20) : found.end() + 20])
            return


@fault("tool-markup-in-text", golden="tools-whole", trips={"tool-markup-hidden"})
def markup_in_text(transcript: Transcript) -> Transcript:
    """The call is in the text as well, as the model wrote it."""
    return edit_json(transcript, lambda body: message_of(body).update(content='<tool_call>{"name": "get_weather"'))


@should("tool-content-not-blank", observed("null, or prose"), needs="tools")
def content_not_blank(turn: CallingTurn) -> Findings:
    """Beside a call the content is null, "" or prose, never white space alone, which is left over from markup."""
    if turn.content and not turn.content.strip():
        yield turn, "null", show(turn.content)


@fault("tool-content-blank", golden="tools-whole", trips={"tool-content-not-blank"})
def content_blank(transcript: Transcript) -> Transcript:
    """The content beside a call is two line ends."""
    return edit_json(transcript, lambda body: message_of(body).update(content="\n\n"))


@should("tool-calls-absent-if-none", observed("the key is absent where there is no call"), compat=Level.OBSERVE)
def absent_if_none(reply: Reply) -> Findings:
    """The message of a whole answer without calls has no key tool_calls, rather than null or []."""
    for position, choice in enumerate(reply.choices):
        message = choice.get("message")
        if isinstance(message, dict) and "tool_calls" in message and message["tool_calls"] in (None, []):
            yield reply, "no such key", f"tool_calls: {show(message['tool_calls'])} in choice {position}"


@fault("tool-calls-empty-array", golden="chat-whole", trips={"tool-calls-absent-if-none"})
def empty_array(transcript: Transcript) -> Transcript:
    """The message of an answer without calls has tool_calls: []."""
    return edit_json(transcript, lambda body: message_of(body).update(tool_calls=[]))


@fault("tool-content-absent", golden="tools-whole", trips={"reply-content-string"})
def content_absent(transcript: Transcript) -> Transcript:
    """The message with a call has no key content."""
    return edit_json(transcript, lambda body: message_of(body).pop("content") and None)


@must(
    "tool-calls-same-streamed",
    quality("calls lost or altered on the way"),
    bug("https://github.com/vllm-project/vllm/issues/9693"),
    needs="tools stream",
    compat=Level.SHOULD,
)
def same_streamed(twins: CallingTwins) -> Findings:
    """The calls of a stream are those of the whole answer to the same seeded request, arguments included.

    Where they are not, both are asked again, and only what happens twice counts.
    """
    streamed, whole = twins.turns
    for index in streamed.keys() & whole.keys():
        one, other = ([(call.name, call.value) for call in side[index].calls] for side in (streamed, whole))
        if one != other:
            yield streamed[index], show(other), show(one)


@fault(
    "tool-call-lost-in-stream",
    golden="tools-stream-parallel",
    trips={"tool-calls-same-streamed"},
    beside=("tools-whole-parallel",),
)
def lost_in_stream(transcript: Transcript) -> Transcript:
    """The second of two calls is missing in the stream."""

    def lose(chunks: list[dict[str, Any]]) -> None:
        def second(chunk: dict[str, Any]) -> bool:
            return any(call["index"] for choice in chunk["choices"] for call in choice["delta"].get("tool_calls", ()))

        chunks[:] = [chunk for chunk in chunks if not second(chunk)]

    return edit_chunks(transcript, lose)


@should("tool-call-in-one-form", docs("chat-streaming", "function_call is replaced by tool_calls"), needs="tools")
def in_one_form(turn: CallingTurn) -> Findings:
    """An answer with tool_calls has no function_call beside them, be it empty."""
    for said in turn.said:
        if isinstance(said.message.get("function_call"), dict):
            yield said.place, "tool_calls alone", f"function_call: {show(said.message['function_call'])}"
            return


@fault("tool-call-in-both-forms", golden="tools-stream", trips={"tool-call-in-one-form"})
def in_both_forms(transcript: Transcript) -> Transcript:
    """A delta has an empty function_call beside the piece of a tool call."""
    stub = {"name": "", "arguments": ""}
    return edit_chunk(transcript, 1, lambda chunk: chunk["choices"][0]["delta"].update(function_call=stub))

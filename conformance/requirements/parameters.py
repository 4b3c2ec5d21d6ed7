"""Parameters of the request: what the schema forbids is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from conformance import goldens
from conformance.json_text import show
from conformance.requirement import Findings, fault, must, observe, should
from conformance.transcript import Transcript
from conformance.views.allowed import UnknownParameter
from conformance.views.turn import Turn
from conformance.views.wrong_request import (
    BrokenSchema,
    ChoicesBeyond,
    LimitBelowOne,
    ManyStops,
    OptionsAlone,
    PenaltyBeyond,
    TemperatureBeyond,
    TopPBeyond,
    Unparsable,
    WithoutMessages,
    WithoutModel,
    WrongRequest,
    WrongType,
)
from conformance.warrant import Level, bug, docs, observed, quality, schema

REQUEST = "CreateChatCompletionRequest"
STREAM = b"data: [DONE]\n\n"


def _answered(answer: WrongRequest, expected: str = "status 400") -> Findings:
    if answer.status < 400:
        yield answer, expected, f"{answer.status} {show(answer.transcript.body()[:60].decode(errors='replace'))}"


def _accepted(transcript: Transcript, **edits: Any) -> Transcript:
    """Return a refusal as a server gives it that takes anything: the whole answer to an ordinary request."""
    whole = goldens.load("chat-whole")
    ids = tuple(pair for pair in transcript.headers if pair[0].lower() in ("x-request-id", "date"))
    kept = tuple(pair for pair in whole.headers if pair[0].lower() not in ("x-request-id", "date"))
    return replace(transcript, status=200, headers=(*ids, *kept), reads=whole.reads, **edits)


@must("request-messages-required", schema(f"{REQUEST}.messages", 33105), needs="chat")
def messages_required(answer: WithoutMessages) -> Findings:
    """A request without messages, or with none, is refused by 400."""
    yield from _answered(answer)


def _lone_marker(transcript: Transcript) -> Transcript:
    headers = (
        ("content-type", "text/event-stream"),
        ("x-request-id", "req_1"),
        ("cache-control", "no-cache"),
        ("x-accel-buffering", "no"),
    )
    return replace(transcript, status=200, headers=headers).with_body(STREAM)


@fault(
    "request-messages-not-demanded",
    golden="messages-missing-stream",
    trips={"request-messages-required", "done-not-alone"},
)
def not_demanded(transcript: Transcript) -> Transcript:
    """A request without messages is answered by 200 and a lone marker."""
    return _lone_marker(transcript)


@must("request-model-required", schema(f"{REQUEST}.model", 33105), needs="chat", compat=Level.OBSERVE)
def model_required(answer: WithoutModel) -> Findings:
    """A request without a model is refused by 400.

    The schema requires it. A server of one model may know which is meant, which harms nobody: a fact under compat.
    """
    yield from _answered(answer)


@fault("request-model-not-demanded", golden="model-missing", trips={"request-model-required"})
def model_not_demanded(transcript: Transcript) -> Transcript:
    """A request without a model is answered."""
    return _accepted(transcript)


@must("request-json-required", docs("error-codes", "a malformed request is refused by 400"), needs="chat")
def json_required(answer: Unparsable) -> Findings:
    """A body that is not JSON is refused by 400."""
    yield from _answered(answer)


@fault("request-json-not-demanded", golden="json-malformed", trips={"request-json-required", "done-not-alone"})
def json_not_demanded(transcript: Transcript) -> Transcript:
    """Malformed JSON is answered by 200 and a lone marker."""
    return _lone_marker(transcript)


@must("request-types-checked", schema(REQUEST, 33105), needs="chat")
def types_checked(answer: WrongType) -> Findings:
    """A parameter of another type than the schema's is refused by 400."""
    yield from _answered(answer, f"status 400 for the {answer.wrong}")


@fault("request-type-converted", golden="type-of-temperature", trips={"request-types-checked"})
def type_converted(transcript: Transcript) -> Transcript:
    """A temperature that is a word is taken for a number."""
    return _accepted(transcript)


@must("request-temperature-bounded", schema(f"{REQUEST}.temperature", 33105), needs="chat", compat=Level.OBSERVE)
def temperature_bounded(answer: TemperatureBeyond) -> Findings:
    """A temperature below 0 or above 2 is refused by 400."""
    yield from _answered(answer)


@fault("request-temperature-unbounded", golden="temperature-above", trips={"request-temperature-bounded"})
def temperature_unbounded(transcript: Transcript) -> Transcript:
    """A temperature of 2.1 is accepted."""
    return _accepted(transcript)


@must("request-top-p-bounded", schema(f"{REQUEST}.top_p", 33105), needs="chat", compat=Level.OBSERVE)
def top_p_bounded(answer: TopPBeyond) -> Findings:
    """A top_p below 0 or above 1 is refused by 400."""
    yield from _answered(answer)


@fault("request-top-p-unbounded", golden="top-p-above", trips={"request-top-p-bounded"})
def top_p_unbounded(transcript: Transcript) -> Transcript:
    """A top_p of 1.1 is accepted."""
    return _accepted(transcript)


@must("request-penalty-bounded", schema(f"{REQUEST}.frequency_penalty", 33105), needs="chat", compat=Level.OBSERVE)
def penalty_bounded(answer: PenaltyBeyond) -> Findings:
    """A penalty below -2 or above 2 is refused by 400."""
    yield from _answered(answer)


@fault("request-penalty-unbounded", golden="penalty-above", trips={"request-penalty-bounded"})
def penalty_unbounded(transcript: Transcript) -> Transcript:
    """A penalty of 2.1 is accepted."""
    return _accepted(transcript)


@must("request-n-bounded", schema(f"{REQUEST}.n", 33105), needs="chat", compat=Level.OBSERVE)
def n_bounded(answer: ChoicesBeyond) -> Findings:
    """A request for no choice, or for more than 128, is refused by 400."""
    yield from _answered(answer)


@fault("request-n-unbounded", golden="n-zero", trips={"request-n-bounded"})
def n_unbounded(transcript: Transcript) -> Transcript:
    """A request for no choice is answered by one."""
    return _accepted(transcript)


@should(
    "request-limit-positive",
    quality("a limit of nothing that means no limit costs a fortune"),
    bug("https://github.com/ggml-org/llama.cpp/issues/4047"),
    needs="chat",
)
def limit_positive(answer: LimitBelowOne) -> Findings:
    """A limit of no tokens, or of less, is refused by 400 and does not mean that there is none."""
    if any(turn.content or turn.reasoning for turn in Turn.among([answer.transcript])):
        yield from _answered(answer)


@fault("request-limit-negative", golden="limit-negative", trips={"request-limit-positive"})
def limit_negative(transcript: Transcript) -> Transcript:
    """A limit of -1 means that there is none."""
    return _accepted(transcript)


@should("request-stops-bounded", schema("StopConfiguration", 33105), needs="chat", compat=Level.OBSERVE)
def stops_bounded(answer: ManyStops) -> Findings:
    """More than four stop strings are refused by 400."""
    yield from _answered(answer)


@fault("request-stops-unbounded", golden="stops-five", trips={"request-stops-bounded"})
def stops_unbounded(transcript: Transcript) -> Transcript:
    """Five stop strings are accepted."""
    return _accepted(transcript)


@must(
    "request-stream-options-need-stream",
    docs("chat/create", "stream_options: only set this when you set stream: true"),
    needs="chat",
)
def options_need_stream(answer: OptionsAlone) -> Findings:
    """A request with stream_options that is not for a stream is refused by 400."""
    yield from _answered(answer)


@fault("request-stream-options-alone", golden="stream-options-alone", trips={"request-stream-options-need-stream"})
def options_alone(transcript: Transcript) -> Transcript:
    """Options for a stream are accepted without one."""
    return _accepted(transcript)


@should("request-schema-checked", quality("an agent takes a free answer for one that follows its schema"), needs="chat")
def schema_checked(answer: BrokenSchema) -> Findings:
    """A JSON schema that is none is refused by 400."""
    yield from _answered(answer)


@fault("request-schema-ignored", golden="schema-broken", trips={"request-schema-checked"})
def schema_ignored(transcript: Transcript) -> Transcript:
    """A request with a broken schema gets a free answer."""
    return _accepted(transcript)


@observe("request-unknown-parameter", observed("400 unknown_parameter"))
def unknown_parameter(answer: UnknownParameter) -> Findings:
    """A parameter that no schema has is refused by 400, as at OpenAI; most other servers ignore it."""
    if answer.status < 400:
        yield answer, "400 unknown_parameter", str(answer.status)


@fault("request-unknown-ignored", golden="unknown-parameter", trips={"request-unknown-parameter"})
def unknown_ignored(transcript: Transcript) -> Transcript:
    """An unknown parameter is ignored, which is legal."""
    return _accepted(transcript)

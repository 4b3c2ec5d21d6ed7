"""What the schema allows is accepted, in every spelling."""

from __future__ import annotations

import json
from dataclasses import replace

from conformance.mutation import edit_json, with_header
from conformance.requirement import Findings, fault, must, should
from conformance.transcript import Transcript
from conformance.views.allowed import (
    Allowed,
    AtTheEdge,
    Bystanders,
    ContentParts,
    EmptyStop,
    Minimal,
    Nulls,
    OddHeaders,
    OddNumber,
    OddText,
    Optional,
    Roles,
    SameAsked,
    SameInParts,
    SDKHeaders,
    StopText,
    StreamOption,
)
from conformance.views.turn import Turn
from conformance.warrant import breaks, docs, quality, rfc, schema

REQUEST = "CreateChatCompletionRequest"
LACKS = (
    rfc(9110, "15.6", "5xx says that the server has erred; what it lacks is 501"),
    quality("clients retry a 5xx twice"),
)


def _refused(answer: Allowed) -> Findings:
    if answer.status >= 400:
        yield answer, "an answer, as the schema allows the request", answer.says


def _failed(answer: Allowed) -> Findings:
    if answer.status >= 500:
        yield answer, "an answer, or a refusal by 4xx", answer.says


def refusal(transcript: Transcript, status: int = 400) -> Transcript:
    """Return the answer as a refusal."""
    error = {"message": "Invalid request.", "type": "invalid_request_error", "param": None, "code": None}
    refused = replace(with_header(transcript, "content-type", "application/json"), status=status)
    return refused.with_body(json.dumps({"error": error}).encode())


@must("accepted-minimal", schema(REQUEST, 33105), needs="chat")
def minimal(answer: Minimal) -> Findings:
    """A request with nothing but a model and messages is accepted."""
    yield from _refused(answer)


@fault("accepted-minimal-refused", golden="minimal", trips={"accepted-minimal"})
def minimal_refused(transcript: Transcript) -> Transcript:
    """A limit is demanded although it is optional."""
    return refusal(transcript)


@must("accepted-nulls", schema(f"{REQUEST} (nullable)", 33105), needs="chat")
def nulls(answer: Nulls) -> Findings:
    """Optional parameters may be null."""
    yield from _refused(answer)


@fault("accepted-nulls-refused", golden="nulls", trips={"accepted-nulls"})
def nulls_refused(transcript: Transcript) -> Transcript:
    """A parameter that is null is refused."""
    return refusal(transcript)


@must("accepted-edges", schema(f"{REQUEST}.temperature", 33105), needs="chat")
def edges(answer: AtTheEdge) -> Findings:
    """The ends of their ranges are accepted: temperature 0 and 2, top_p 0 and 1, penalties -2 and 2."""
    yield from _refused(answer)


@fault("accepted-edges-refused", golden="upper-edges", trips={"accepted-edges"})
def edges_refused(transcript: Transcript) -> Transcript:
    """A temperature of 2 is refused."""
    return refusal(transcript)


@must("accepted-stop-forms", schema("StopConfiguration", 33105), needs="chat")
def stop_forms(answer: StopText) -> Findings:
    """A stop may be a string, or an array of one to four."""
    yield from _refused(answer)


@fault("accepted-stop-forms-refused", golden="chat-whole-stop-tokens", trips={"accepted-stop-forms"})
def stop_forms_refused(transcript: Transcript) -> Transcript:
    """A stop string that is not in an array is refused."""
    return refusal(transcript)


@must("accepted-content-parts", schema("ChatCompletionRequestUserMessage.content", 33105), needs="chat")
def content_parts(answer: ContentParts) -> Findings:
    """A content may be an array of text parts."""
    yield from _refused(answer)


@fault("accepted-content-parts-refused", golden="content-parts", trips={"accepted-content-parts"})
def content_parts_refused(transcript: Transcript) -> Transcript:
    """A content in parts is refused."""
    return refusal(transcript)


@should("accepted-roles", schema("ChatCompletionRequestMessage", 33105), needs="chat")
def roles(answer: Roles) -> Findings:
    """Messages of the system, the developer and the assistant are accepted."""
    yield from _refused(answer)


@fault("accepted-roles-refused", golden="role-developer", trips={"accepted-roles"})
def roles_refused(transcript: Transcript) -> Transcript:
    """A message of the developer is refused."""
    return refusal(transcript)


@should("accepted-obfuscation", docs("chat/create", "stream_options: include_usage, include_obfuscation"), needs="chat")
def obfuscation(answer: StreamOption) -> Findings:
    """The options of a stream, include_usage and include_obfuscation, are accepted."""
    yield from _refused(answer)


@fault("accepted-obfuscation-refused", golden="obfuscation-off", trips={"accepted-obfuscation"})
def obfuscation_refused(transcript: Transcript) -> Transcript:
    """The option include_obfuscation is refused."""
    return refusal(transcript)


@fault("accepted-usage-option-refused", golden="chat-stream-usage", trips={"accepted-obfuscation"})
def usage_option_refused(transcript: Transcript) -> Transcript:
    """The option include_usage is refused."""
    return refusal(transcript)


@must(
    "accepted-headers-of-sdks",
    breaks("openai-python, openai-node", "send x-stainless-* with every request, and get nothing but the refusal"),
    needs="chat stream",
)
def headers_of_sdks(answer: SDKHeaders) -> Findings:
    """Headers that a server does not know, such as those of the official libraries, never change success."""
    yield from _refused(answer)


@fault(
    "accepted-headers-of-sdks-refused",
    golden="headers-of-sdk",
    trips={"accepted-headers-of-sdks"},
    beside=("chat-stream",),
)
def headers_of_sdks_refused(transcript: Transcript) -> Transcript:
    """A request with the headers of openai-python is refused."""
    return refusal(transcript)


@must("accepted-header-case", rfc(9110, "5.1", "field names are case-insensitive"), needs="chat")
def header_case(answer: OddHeaders) -> Findings:
    """The letter case of header names makes no difference."""
    yield from _refused(answer)


@fault(
    "accepted-header-case-refused", golden="headers-odd-case", trips={"accepted-header-case"}, beside=("chat-whole",)
)
def header_case_refused(transcript: Transcript) -> Transcript:
    """A request whose Content-Type is spelt CONTENT-TYPE is refused by 415."""
    return refusal(transcript, 415)


@should("accepted-bystanders", docs("chat/create", "user, metadata, store, service_tier ..."), needs="chat")
def bystanders(answer: Bystanders) -> Findings:
    """Documented parameters without a bearing on the text, such as user and store, are accepted or ignored."""
    yield from _refused(answer)


@fault("accepted-bystanders-500", golden="bystanders", trips={"accepted-bystanders"})
def bystanders_failed(transcript: Transcript) -> Transcript:
    """A request with a user and a key for the cache is answered by 500."""
    return refusal(transcript, 500)


@must("accepted-unicode-no-5xx", rfc(9110, "15.6", "5xx says that the server has erred"), needs="chat")
def unicode_text(answer: OddText) -> Findings:
    """No character of a request leads to 5xx: NUL, controls, joined emoji, the escaped half of a surrogate pair."""
    yield from _failed(answer)


@fault("accepted-unicode-500", golden="unicode-prompt", trips={"accepted-unicode-no-5xx"})
def unicode_failed(transcript: Transcript) -> Transcript:
    """A prompt with an escaped NUL is answered by 500."""
    return refusal(transcript, 500)


@must("accepted-numbers-no-5xx", rfc(9110, "15.6", "5xx says that the server has erred"), needs="chat")
def huge_numbers(answer: OddNumber) -> Findings:
    """Numbers that no machine word holds, such as 2^63 and 1e400, are accepted or refused, never answered by 5xx."""
    yield from _failed(answer)


@fault("accepted-numbers-500", golden="number-huge", trips={"accepted-numbers-no-5xx"})
def numbers_failed(transcript: Transcript) -> Transcript:
    """A seed of 2^63 is answered by 500."""
    return refusal(transcript, 500)


@must(
    "accepted-or-refused-no-5xx",
    *LACKS,
    needs="chat",
)
def optional_features(answer: Optional) -> Findings:
    """A feature that a server lacks is refused by 4xx or 501, never by another 5xx."""
    yield from _failed(answer)


@fault("accepted-feature-500", golden="chat-stream-n", trips={"accepted-or-refused-no-5xx"})
def feature_failed(transcript: Transcript) -> Transcript:
    """A request for two choices is answered by 500."""
    return refusal(transcript, 500)


@should("accepted-empty-stop", quality("an empty stop is no stop"), needs="chat")
def empty_stop(answer: EmptyStop) -> Findings:
    """An empty stop string, or an empty array of them, ends no answer at once and leads to no 5xx."""
    yield from _failed(answer)
    for turn in Turn.among([answer.transcript]):
        # What was refused, or cut while the model thought, has no text either.
        if turn.finish_reason == "stop" and not (turn.content or turn.refused or turn.reasoning or turn.called):
            yield answer, "an answer, or a refusal by 400", "an empty text"


@fault("accepted-empty-stop-at-once", golden="stop-empty-text", trips={"accepted-empty-stop"})
def stopped_at_once(transcript: Transcript) -> Transcript:
    """An empty stop string ends the answer before it begins."""
    return edit_json(transcript, lambda body: body["choices"][0]["message"].update(content=""))


@must("accepted-spelling-same-prompt", rfc(8259, "2", "white space and escapes have no meaning"), needs="chat")
def same_prompt(pair: SameAsked) -> Findings:
    """The same request gives the same prompt, however its JSON is spelt: order, white space, escapes."""
    plain, odd = pair.prompts
    if plain != odd:
        yield pair, f"{plain} prompt tokens", str(odd)


@fault("accepted-escapes-kept", golden="body-spaced", trips={"accepted-spelling-same-prompt"}, beside=("chat-whole",))
def escapes_kept(transcript: Transcript) -> Transcript:
    """An escaped character reaches the model as its escape."""
    return edit_json(transcript, lambda body: _grow(body["usage"]))


@should(
    "accepted-parts-same-prompt",
    schema("ChatCompletionRequestUserMessage.content", 33105),
    quality("the model is shown the spelling of a list"),
    needs="chat",
)
def parts_same_prompt(pair: SameInParts) -> Findings:
    """A text gives the same prompt in parts as it does alone."""
    plain, odd = pair.prompts
    if plain != odd:
        yield pair, f"{plain} prompt tokens", str(odd)


@fault("accepted-parts-as-repr", golden="content-parts", trips={"accepted-parts-same-prompt"}, beside=("chat-whole",))
def parts_as_repr(transcript: Transcript) -> Transcript:
    """A content in parts reaches the model as the text of a Python list."""
    return edit_json(transcript, lambda body: _grow(body["usage"]))


def _grow(usage: dict[str, int]) -> None:
    for key in ("prompt_tokens", "total_tokens"):
        usage[key] += 14

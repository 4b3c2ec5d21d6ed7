"""Tool calls: how the fragments of a call fit together, and what each call has."""

from __future__ import annotations

import re
from typing import Any

from conformance.json_text import show
from conformance.mutation import edit_chunks, edit_json
from conformance.requirement import Findings, fault, must, observe, should
from conformance.transcript import Transcript
from conformance.views.tool_call import ContinuedCall, ToolCall
from conformance.views.tool_turn import (
    CalledObject,
    CallingChoice,
    CallingTurn,
    IdentifiedCall,
    NamedCall,
    ToolsTurn,
)
from conformance.warrant import Level, breaks, bug, habit, observed, quality, schema

FRAGMENT = "ChatCompletionMessageToolCallChunk"
LEGAL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def edit_fragments(transcript: Transcript, edit: Any) -> Transcript:
    """Return the stream after `edit` changed the list of all its fragments of calls in place."""

    def on_chunks(chunks: list[dict[str, Any]]) -> None:
        choices = [choice for chunk in chunks for choice in chunk["choices"]]
        edit([fragment for choice in choices for fragment in choice["delta"].get("tool_calls", ())])

    return edit_chunks(transcript, on_chunks)


@must(
    "tool-call-indices-ascend",
    observed("0, 1, 2 in every choice, each call begun after the one before"),
    breaks("openai-python stream()", "IndexError: it appends calls by position"),
    breaks("openai-node stream()", "TypeError at the first gap"),
    bug("https://github.com/sgl-project/sglang/issues/25073"),
    needs="tools stream",
)
def indices_ascend(choice: CallingChoice) -> Findings:
    """The calls of each choice are numbered from 0, in the order in which they begin, without a gap."""
    known = 0
    for fragment in choice.fragments:
        index = fragment.index
        if index is not None and not 0 <= index <= known:
            yield fragment, f"at most {known}", str(index)
            return
        known = max(known, known if index is None else index + 1)


@fault("tool-call-index-from-one", golden="tools-stream", trips={"tool-call-indices-ascend"})
def index_from_one(transcript: Transcript) -> Transcript:
    """The only call has the index 1."""
    return edit_fragments(transcript, lambda fragments: [fragment.update(index=1) for fragment in fragments])


@fault("tool-call-index-over-choices", golden="tools-stream-n", trips={"tool-call-indices-ascend"})
def index_over_choices(transcript: Transcript) -> Transcript:
    """The calls are counted over both choices: that of the second has the index 1."""

    def count(chunks: list[dict[str, Any]]) -> None:
        for choice in (choice for chunk in chunks for choice in chunk["choices"]):
            for fragment in choice["delta"].get("tool_calls", ()):
                fragment["index"] = choice["index"]

    return edit_chunks(transcript, count)


@must(
    "tool-call-head-complete",
    observed("id, type and name in the first fragment of every call"),
    breaks("openai-node stream()", "raises where the type is missing"),
    breaks("AI SDK (openai)", "InvalidResponseDataError where the name is missing"),
    breaks("openai-python stream()", "the id is None, so that no result can be sent back", "loses"),
    bug("https://github.com/vllm-project/vllm/pull/16346"),
    bug("https://github.com/sigoden/aichat/issues/1296"),
    bug("https://github.com/letta-ai/letta/issues/2761"),
    bug("https://github.com/jjang-ai/vmlx/pull/244"),
    bug("https://github.com/BerriAI/litellm/issues/39796"),
    needs="tools stream",
)
def head_complete(call: ToolCall) -> Findings:
    """The first fragment of a streamed call has its id, its type and the name of the function, none of them empty."""
    first = call.first
    have = {"id": bool(first.id), "type": "type" in first.value, "name": bool(first.name)}
    if missing := [part for part, there in have.items() if not there]:
        yield first, "an id, a type and a name", f"no {', no '.join(missing)}"


def _without(key: str) -> Any:
    def remove(fragments: list[dict[str, Any]]) -> None:
        (fragments[0]["function"] if key == "name" else fragments[0]).pop(key)

    return remove


@fault("tool-call-without-id", golden="tools-stream", trips={"tool-call-head-complete"})
def without_id(transcript: Transcript) -> Transcript:
    """The call has no id."""
    return edit_fragments(transcript, _without("id"))


@fault("tool-call-without-type", golden="tools-stream", trips={"tool-call-head-complete"})
def without_type(transcript: Transcript) -> Transcript:
    """The call has no type."""
    return edit_fragments(transcript, _without("type"))


@fault("tool-call-name-late", golden="tools-stream", trips={"tool-call-head-complete"})
def name_late(transcript: Transcript) -> Transcript:
    """The name comes with the second fragment."""

    def move(fragments: list[dict[str, Any]]) -> None:
        fragments[1]["function"]["name"] = fragments[0]["function"].pop("name")

    return edit_fragments(transcript, move)


@must(
    "tool-call-head-once",
    observed("neither id nor name in any later fragment"),
    breaks("openai-python stream()", "joins them: call_acall_a, get_weatherget_weather", "alters"),
    breaks("LangChain", "joins the name, and splits a call whose id changes", "alters"),
    bug("https://github.com/NousResearch/hermes-agent/issues/12233"),
    bug("https://github.com/NousResearch/hermes-agent/issues/8259"),
    bug("https://github.com/sigoden/aichat/issues/580"),
    needs="tools stream",
)
def head_once(call: ContinuedCall) -> Findings:
    """Later fragments of a streamed call repeat neither its id nor its name."""
    for fragment in call.fragments[1:]:
        again = [fragment.id, fragment.name if call.first.name == fragment.name else None]
        said = [value for value in again if value and isinstance(value, str)]
        if said and fragment not in call.restarts:
            yield fragment, "the arguments alone", show(said)
            return


@fault("tool-call-id-repeated", golden="tools-stream", trips={"tool-call-head-once"})
def id_repeated(transcript: Transcript) -> Transcript:
    """Every fragment has the id."""
    return edit_fragments(transcript, lambda found: [fragment.update(id=found[0]["id"]) for fragment in found])


@fault("tool-call-id-changes", golden="tools-stream", trips={"tool-call-head-once"})
def id_changes(transcript: Transcript) -> Transcript:
    """Every fragment has an id of its own."""
    return edit_fragments(transcript, lambda found: [part.update(id=f"call_{i}") for i, part in enumerate(found)])


@fault("tool-call-name-repeated", golden="tools-stream", trips={"tool-call-head-once"})
def name_repeated(transcript: Transcript) -> Transcript:
    """Every fragment has the name."""
    return edit_fragments(transcript, lambda found: [part["function"].update(name="get_weather") for part in found])


@must(
    "tool-call-rest-omitted",
    schema(f"{FRAGMENT}.id"),
    observed("the keys are absent"),
    bug("https://github.com/symfony/ai/pull/2220"),
    bug("https://github.com/anomalyco/opencode/pull/40969"),
    bug("https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/649"),
    needs="tools stream",
    compat=Level.OBSERVE,
)
def rest_omitted(call: ContinuedCall) -> Findings:
    """Later fragments of a streamed call have no id and no name, rather than "" or null.

    Most clients read an empty string as nothing; some take it for a new call.
    """
    for fragment in call.fragments[1:]:
        for key, holder in (("id", fragment.value), ("name", fragment.body)):
            if key in holder and not holder[key]:
                yield fragment, f"no key {key}", show(holder[key])
                return


@fault("tool-call-id-empty-later", golden="tools-stream", trips={"tool-call-rest-omitted"})
def id_empty_later(transcript: Transcript) -> Transcript:
    """Later fragments have an empty id."""
    return edit_fragments(transcript, lambda fragments: [fragment.update(id="") for fragment in fragments[1:]])


@must(
    "tool-call-name-whole",
    breaks("openai-node stream()", "keeps the last part of the name", "alters"),
    breaks("AI SDK", "makes two calls of it", "alters"),
    needs="tools stream",
)
def name_whole(call: ContinuedCall) -> Findings:
    """The name of a function is not split over several fragments."""
    for fragment in call.fragments[1:]:
        later = call.first.name and fragment.name and fragment.name != call.first.name
        if later and isinstance(fragment.name, str) and fragment not in call.restarts:
            yield fragment, "the whole name in the first fragment", show(fragment.name)
            return


@fault("tool-call-name-split", golden="tools-stream", trips={"tool-call-name-whole"})
def name_split(transcript: Transcript) -> Transcript:
    """The name comes in two parts."""

    def split(fragments: list[dict[str, Any]]) -> None:
        fragments[0]["function"]["name"], fragments[1]["function"]["name"] = "get_", "weather"

    return edit_fragments(transcript, split)


@must(
    "tool-call-index-own",
    observed("an index for each call"),
    breaks("openai-python stream()", "merges the calls: call_acall_b", "alters"),
    breaks("openai-node stream()", "merges the calls", "alters"),
    bug("https://github.com/sgl-project/sglang/issues/6310"),
    bug("https://github.com/ollama/ollama/issues/15457"),
    bug("https://github.com/BerriAI/litellm/issues/7621"),
    bug("https://github.com/InternLM/lmdeploy/issues/3412"),
    bug("https://github.com/mcowger/plexus/issues/691"),
    needs="tools stream",
)
def index_own(call: ContinuedCall) -> Findings:
    """Each of several streamed calls has an index of its own: a new id and name begin a new index."""
    for fragment in call.restarts:
        if fragment.id != call.first.id:
            yield fragment, "another index than that of the call before", f"{call.first.index} again"
            return


@fault("tool-call-index-shared", golden="tools-stream-parallel", trips={"tool-call-index-own"})
def index_shared(transcript: Transcript) -> Transcript:
    """Both calls have the index 0."""
    return edit_fragments(transcript, lambda fragments: [fragment.update(index=0) for fragment in fragments])


@must(
    "tool-call-has-function",
    schema(f"{FRAGMENT}.function"),
    breaks("openai-python stream()", "AssertionError"),
    breaks("LangChain", "AttributeError"),
    breaks("AI SDK", "rejects the chunk", "raises"),
    needs="tools",
)
def has_function(call: CalledObject) -> Findings:
    """Every call and every fragment of one has the object function; a custom call has custom in its stead."""
    if not {"function", "custom"} & call.value.keys():
        yield call, "function", f"keys {', '.join(call.value)}"[:80]


@fault("tool-fragment-without-function", golden="tools-stream", trips={"tool-call-has-function"})
def without_function(transcript: Transcript) -> Transcript:
    """A fragment with nothing but its index comes last."""

    def bare(chunks: list[dict[str, Any]]) -> None:
        last = chunks[3]["choices"][0]
        chunks.insert(4, chunks[3] | {"choices": [last | {"delta": {"tool_calls": [{"index": 0}]}}]})

    return edit_chunks(transcript, bare)


@must(
    "tool-call-ids-distinct",
    quality("no result can be routed"),
    bug("https://github.com/mudler/LocalAI/pull/9470"),
    needs="tools",
)
def ids_distinct(turn: CallingTurn) -> Findings:
    """The calls of one answer have different ids."""
    ids = [str(call.id) for call in turn.calls if call.id]
    for call in turn.calls:
        if call.id and ids.count(str(call.id)) > 1:
            yield call, "an id of its own", show(call.id)
            return


@fault("tool-call-ids-same", golden="tools-whole-parallel", trips={"tool-call-ids-distinct"})
def ids_same(transcript: Transcript) -> Transcript:
    """Both calls of a whole answer have the same id."""
    return edit_json(
        transcript, lambda body: [call.update(id="call_1") for call in message_of(body)["tool_calls"]] and None
    )


def message_of(body: Any) -> Any:
    """Return the message of the first choice of a whole answer."""
    return body["choices"][0]["message"]


@should(
    "tool-call-id-legal",
    observed("call_ and 24 letters or digits"),
    habit("other servers refuse an id with other characters, or a longer one, when the talk moves on to them"),
    needs="tools",
)
def id_legal(call: IdentifiedCall) -> Findings:
    """The id of a call consists of letters, digits, _ and -, at most 64 of them."""
    if not LEGAL_NAME.fullmatch(call.id):
        yield call, "at most 64 letters, digits, _ and -", show(call.id)


@fault("tool-call-id-odd", golden="tools-whole", trips={"tool-call-id-legal"})
def id_odd(transcript: Transcript) -> Transcript:
    """The id of the call has a dot and a colon."""
    return edit_json(transcript, lambda body: message_of(body)["tool_calls"][0].update(id="functions.get_weather:0"))


@must(
    "tool-name-legal",
    schema("FunctionObject.name"),
    bug("https://github.com/vllm-project/vllm/issues/32587"),
    needs="tools",
)
def name_legal(call: NamedCall) -> Findings:
    """The name of a called function consists of letters, digits, _ and -, at most 64 of them."""
    if not LEGAL_NAME.fullmatch(call.name):
        yield call, "at most 64 letters, digits, _ and -", show(call.name)


@fault("tool-name-with-token", golden="tools-stream", trips={"tool-name-legal", "tool-name-offered"})
def name_with_token(transcript: Transcript) -> Transcript:
    """A special token is glued to the name."""
    name = "get_weather<|channel|>"
    return edit_fragments(transcript, lambda found: found[0]["function"].update(name=name))


@observe("tool-name-offered", habit("code that finds functions by their name has none of that one"), needs="tools")
def name_offered(turn: ToolsTurn) -> Findings:
    """The called function is one of those offered; a model may invent others."""
    for call in turn.calls:
        if isinstance(call.name, str) and call.name and call.name not in turn.offered and not call.custom:
            yield call, f"one of {', '.join(turn.offered)}"[:80], show(call.name)


@fault("tool-name-invented", golden="tools-whole", trips={"tool-name-offered"})
def name_invented(transcript: Transcript) -> Transcript:
    """The called function was not offered."""
    return edit_json(transcript, lambda body: message_of(body)["tool_calls"][0]["function"].update(name="get_time"))

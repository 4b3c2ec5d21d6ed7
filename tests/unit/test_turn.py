"""Turns, tool calls and log probabilities as a client has them in the end."""

import json
from typing import Any

import pytest

from conformance.transcript import Request, Transcript
from conformance.views.logprobs import Entry, Scored
from conformance.views.structured import JSONTurn, SchemaTurn, StrictSchemaTurn, legal, mismatch
from conformance.views.tool_call import Call, ContinuedCall, ToolCall
from conformance.views.tool_turn import FreelyCallingTurn, FullCall, RequiredTurn, ResultBrought, StrictCall
from conformance.views.turn import Turn

HEADERS = (("content-type", "text/event-stream"),)


def stream(*deltas: dict[str, Any], finish: str | None = "tool_calls", **request: Any) -> Transcript:
    """A stream of these deltas."""
    parts: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    if finish:
        parts.append({"index": 0, "delta": {}, "finish_reason": finish})
    chunks = [{"id": "c", "object": "chat.completion.chunk", "choices": [part]} for part in parts]
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    asked = Request(path="/v1/chat/completions", json={"stream": True} | request)
    return Transcript(asked, 200, HEADERS).with_body(body.encode())


def whole(message: dict[str, Any], finish: str = "stop", logprobs: Any = None, **request: Any) -> Transcript:
    """A whole answer with this message."""
    choice = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": finish}
    body = json.dumps({"id": "c", "object": "chat.completion", "choices": [choice]})
    asked = Request(path="/v1/chat/completions", json=request)
    return Transcript(asked, 200, (("content-type", "application/json"),)).with_body(body.encode())


def fragment(arguments: str | None = None, **more: Any) -> dict[str, Any]:
    """A delta with one fragment of the call 0."""
    function = {} if arguments is None else {"arguments": arguments}
    if "name" in more:
        function["name"] = more.pop("name")
    return {"tool_calls": [{"index": 0, "function": function} | more]}


HEAD = fragment("", id="a", type="function", name="f")


def only(transcript: Transcript) -> Call:
    """The only call of an answer."""
    [turn] = Turn.among([transcript])
    [call] = turn.calls
    return call


def test_the_fragments_of_a_call_are_put_together() -> None:
    call = only(stream(HEAD, fragment('{"x"'), fragment(": 1}")))
    assert (call.id, call.name, call.arguments, call.flaw) == ("a", "f", '{"x": 1}', "")


def test_a_whole_answer_gives_the_same() -> None:
    listed = [{"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}]
    call = only(whole({"tool_calls": listed}, "tool_calls"))
    assert (call.id, call.name, call.arguments, call.flaw) == ("a", "f", '{"x": 1}', "")
    assert call.where.pointer == "/choices/0/message/tool_calls/0"


@pytest.mark.parametrize(
    ("pieces", "flaw"),
    [
        (["{", "}"], ""),
        ([""], "empty"),
        ([" "], "empty"),
        (["null"], "empty"),
        (["[1]"], "other"),
        (['"{}"'], "other"),
        (['{"x"'], "cut"),
        (['{"x": y}'], "garbled"),
        (["[" * 2000], "garbled"),
        (['{"x"', '{"x":1}'], "repeated"),
        (['{"x":1}', '{"x":1}'], "repeated"),
        (['{"x":1} {"x":1}'], "repeated"),
        (['{"x":1} {"y":2}'], "garbled"),
        (['{"x":1}', '{"y":2}'], "repeated"),
    ],
)
def test_what_is_wrong_with_arguments_is_said_in_one_word(pieces: list[str], flaw: str) -> None:
    assert only(stream(HEAD, *map(fragment, pieces))).flaw == flaw


@pytest.mark.parametrize(
    "deltas",
    [
        [HEAD, {"tool_calls": {}}],
        [HEAD, {"tool_calls": [5]}],
        [HEAD, {"tool_calls": [{"function": {"arguments": "x"}}]}],
        [HEAD, {"tool_calls": [{"index": 0, "function": None}]}],
        [HEAD, {"tool_calls": [{"index": 0, "function": {"arguments": {}}}]}],
        [fragment("{")],
        [HEAD, fragment("{}", id="b", name="g")],
    ],
)
def test_arguments_are_not_judged_where_something_else_is_wrong_with_the_call(deltas: list[dict[str, Any]]) -> None:
    assert list(FullCall.among([stream(*deltas)])) == []


def test_a_call_that_begins_again_is_told_from_one_that_repeats_its_head() -> None:
    other = fragment("{}", id="b", type="function", name="g")
    [call] = ContinuedCall.among([stream(HEAD, other)])
    assert [part.id for part in call.restarts] == ["b"]
    [call] = ContinuedCall.among([stream(HEAD, fragment("{}", id="a", type="function", name="f"))])
    assert call.restarts == []
    assert list(ContinuedCall.among([stream(HEAD)])) == []
    assert len(list(ToolCall.among([stream(HEAD)]))) == 1


def test_a_turn_needs_its_finish_reason() -> None:
    assert list(Turn.among([stream({"content": "a"}, finish=None)])) == []
    assert [turn.content for turn in Turn.among([stream({"content": "a"}, {"content": "b"})])] == ["ab"]


@pytest.mark.parametrize(
    ("choice", "finish", "judged"),
    [
        (None, "stop", True),
        ("required", "stop", True),
        ("auto", "length", False),
        ({"type": "function"}, "stop", False),
    ],
)
def test_the_finish_reason_is_judged_where_the_model_was_free(choice: Any, finish: str, judged: bool) -> None:
    assert bool(list(FreelyCallingTurn.among([stream(HEAD, finish=finish, tool_choice=choice)]))) is judged


def test_nothing_is_required_of_an_answer_that_was_cut() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    asked = {"tools": tools, "tool_choice": "required"}
    assert list(RequiredTurn.among([stream({"content": "a"}, finish="stop", **asked)]))
    assert not list(RequiredTurn.among([stream({"content": "a"}, finish="length", **asked)]))
    assert not list(RequiredTurn.among([stream({"content": "a"}, finish="stop", tools=tools)]))


def test_only_strict_functions_bind_their_arguments() -> None:
    function: dict[str, Any] = {"name": "f", "parameters": {"type": "object"}}
    asked = stream(HEAD, fragment("{}"), tools=[{"type": "function", "function": function}])
    assert list(StrictCall.among([asked])) == []
    asked = stream(HEAD, fragment("{}"), tools=[{"type": "function", "function": function | {"strict": True}}])
    assert len(list(StrictCall.among([asked]))) == 1


CALLED = {"role": "assistant", "content": None, "tool_calls": [{"id": "a"}]}
RESULT = {"role": "tool", "tool_call_id": "a", "content": "1"}


@pytest.mark.parametrize(
    ("messages", "status", "error", "judged"),
    [
        ([CALLED, RESULT], 200, "", True),
        ([CALLED, RESULT], 400, "messages[0].content is null", True),
        ([CALLED, RESULT], 400, "maximum context length is 5 tokens, reduce the messages", False),
        ([CALLED, RESULT], 400, "this model does not support tools", False),
        ([CALLED, RESULT], 503, "messages", False),
        ([CALLED], 200, "", False),
        ([CALLED, {"role": "user", "content": "x"}, RESULT], 400, "messages", False),
        ([CALLED, RESULT | {"tool_call_id": "b"}], 400, "messages", False),
        ([{"role": "user", "content": [{"type": "text"}]}, CALLED, RESULT], 400, "content", False),
        (["x"], 200, "", False),
    ],
)
def test_a_result_has_to_be_accepted_where_the_talk_is_legal(
    messages: list[Any], status: int, error: str, judged: bool
) -> None:
    answer = Transcript(Request(path="/v1/chat/completions", json={"messages": messages}), status)
    assert bool(list(ResultBrought.among([answer.with_body(error.encode())]))) is judged


def entry(token: str, **more: Any) -> dict[str, Any]:
    """An entry of one token."""
    return {"token": token, "logprob": -0.5, "bytes": list(token.encode()), "top_logprobs": []} | more


def test_the_bytes_of_tokens_are_joined() -> None:
    halves = [entry("\\xc3", bytes=[195]), entry("\\xa9", bytes=[169])]
    assert list(Scored.among([whole({"content": "é"}, logprobs={"content": halves})])) == []
    [scored] = Scored.among([_asked({"content": halves})])
    assert scored.bytes == "é".encode()
    [scored] = Scored.among([_asked({"content": [entry("é", bytes=None)]})])
    assert scored.bytes is None


def _asked(logprobs: Any) -> Transcript:
    answer = whole({"content": "é"}, logprobs=logprobs)
    return Transcript(Request(path=answer.request.path, json={"logprobs": True}), 200, answer.headers, answer.reads)


@pytest.mark.parametrize("logprobs", [None, 5, {"content": 5}, {"content": [entry("é"), 5]}, {"content": []}])
def test_log_probabilities_of_another_form_are_the_schemas_matter(logprobs: Any) -> None:
    assert list(Scored.among([_asked(logprobs)])) == []


def test_entries_without_a_number_are_the_schemas_matter() -> None:
    assert list(Entry.among([_asked({"content": [entry("é", logprob=None), entry("é", logprob=True)]})])) == []
    [one] = Entry.among([_asked({"content": [entry("é", top_logprobs=[5, entry("e"), {}])]})])
    assert (one.logprob, len(one.top)) == (-0.5, 1)


def test_formats_are_told_apart() -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    strict = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True}}
    kinds = {"json": {"type": "json_object"}, "loose": schema, "strict": strict}
    found = {
        name: [kind.__name__ for kind in (JSONTurn, SchemaTurn, StrictSchemaTurn) if list(kind.among([answer]))]
        for name, asked in kinds.items()
        if (answer := whole({"content": "{}"}, response_format=asked))
    }
    assert found == {"json": ["JSONTurn"], "loose": ["SchemaTurn"], "strict": ["StrictSchemaTurn"]}
    cut = whole({"content": "{"}, "length", response_format=strict)
    assert list(StrictSchemaTurn.among([cut])) == []


def test_a_schema_that_nobody_can_follow_proves_nothing() -> None:
    assert mismatch({"type": "object"}, []).startswith("the value: ")
    assert mismatch({"$ref": "https://example.com/schema"}, []) == ""
    assert not legal({"type": "no such type"})
    assert not legal({"pattern": 5})
    assert not legal(None)

"""Where the rules of tool calls draw their lines: what is just legal, and what just is not."""

from dataclasses import replace
from typing import Any

import pytest
from rule_findings import found, stream

from conformance import goldens
from conformance.mutation import edit_json
from conformance.transcript import Transcript

Calls = list[dict[str, Any]]
AT = "/choices/0/delta/tool_calls/0"


def fragments(*values: dict[str, Any]) -> Transcript:
    """Return a stream of these fragments of calls, one in each chunk."""
    parts = [{"index": 0, "delta": {"tool_calls": [value]}, "finish_reason": None} for value in values]
    return stream(
        *([part] for part in parts), [parts[0] | {"delta": {}, "finish_reason": "stop"}], golden="tools-stream"
    )


def head(index: int = 0, **changes: Any) -> dict[str, Any]:
    function = {"name": changes.pop("name", "get_weather"), "arguments": changes.pop("arguments", "")}
    return {"index": index, "id": "call_a", "type": "function", "function": function} | changes


def more(index: int = 0, arguments: str = "{}", **changes: Any) -> dict[str, Any]:
    function = {"arguments": arguments} | ({"name": changes.pop("name")} if "name" in changes else {})
    return {"index": index, "function": function} | changes


@pytest.mark.parametrize(
    ("indices", "places"),
    [
        ([0, 1, 1, 0, 2], []),
        ([0, None, 1], []),
        ([0, 1, None, 2], []),
        ([1, 3, 5], [0]),
        ([0, 2, 4], [1]),
        ([-1, 0], [0]),
        ([0, 1, 3], [2]),
        ([0, 1, 0, 2, 1, 4], [5]),
    ],
)
def test_the_numbers_of_calls(indices: list[int | None], places: list[int]) -> None:
    transcript = fragments(*({"index": index, "function": {"arguments": ""}} for index in indices))
    assert found("tool-call-indices-ascend", transcript) == [(event, AT) for event in places]


@pytest.mark.parametrize(
    ("first", "wrong"),
    [
        (head(), False),
        (head(type=None), False),
        (head(id=""), True),
        (head(id=None), True),
        (head(name=""), True),
        ({"index": 0, "id": "call_a", "function": {"name": "get_weather"}}, True),
        ({"index": 0, "id": "call_a", "type": "function", "function": {}}, True),
    ],
)
def test_the_head_of_a_call(first: dict[str, Any], wrong: bool) -> None:
    assert found("tool-call-head-complete", fragments(first)) == ([(0, AT)] if wrong else [])


@pytest.mark.parametrize(
    ("name", "later", "places"),
    [
        ("tool-call-head-once", [more(), more()], []),
        ("tool-call-head-once", [more(), more(id="call_a"), more(id="call_a")], [2]),
        ("tool-call-head-once", [more(id="call_b")], [1]),
        ("tool-call-head-once", [more(name="get_weather"), more(name="get_weather")], [1]),
        ("tool-call-head-once", [more(name="other")], []),
        ("tool-call-head-once", [more(id=""), more(name="")], []),
        ("tool-call-head-once", [more(id=7)], []),
        ("tool-call-head-once", [head(id="call_b")], []),
        ("tool-call-rest-omitted", [more(), more()], []),
        ("tool-call-rest-omitted", [more(), more(id=""), more(id=None)], [2]),
        ("tool-call-rest-omitted", [more(name=""), more(name=None)], [1]),
        ("tool-call-rest-omitted", [more(id="", name="")], [1]),
        ("tool-call-rest-omitted", [more(id="call_a", name="get_weather")], []),
        ("tool-call-name-whole", [more(name="_again"), more(name="_and")], [1]),
        ("tool-call-name-whole", [more(name="get_weather"), more(name="")], []),
        ("tool-call-name-whole", [more(name=7)], []),
        ("tool-call-name-whole", [head(id="call_b", name="ping")], []),
        ("tool-call-index-own", [head(id="call_b"), head(id="call_c")], [1]),
        ("tool-call-index-own", [head(id="call_b", name="ping")], [1]),
        ("tool-call-index-own", [more(), more(id="call_b")], []),
    ],
)
def test_later_fragments(name: str, later: Calls, places: list[int]) -> None:
    assert found(name, fragments(head(), *later)) == [(event, AT) for event in places]


def test_a_name_that_begins_late_is_not_split() -> None:
    assert found("tool-call-name-whole", fragments(head(name=""), more(name="get_weather"))) == []
    assert found("tool-call-head-once", fragments(head(name="", id=""), more(name="get_weather"))) == []


def test_the_head_is_no_later_fragment() -> None:
    for first in (head(id=""), head(name=None)):
        assert found("tool-call-rest-omitted", fragments(first, more())) == []


def test_a_call_that_is_sent_twice_is_no_second_call_and_no_piece() -> None:
    twice = fragments(head(arguments="{}"), head(arguments="{}"))
    for name in ("tool-call-head-once", "tool-call-index-own", "tool-arguments-in-pieces"):
        assert found(name, twice) == []
    assert found("tool-arguments-increments", twice) == [(0, AT)]


@pytest.mark.parametrize(("first", "wrong"), [("", False), ("{", True)])
def test_arguments_that_begin_at_once(first: str, wrong: bool) -> None:
    assert bool(found("tool-arguments-in-pieces", fragments(head(arguments=first), more(arguments="}")))) is wrong


@pytest.mark.parametrize(
    ("call", "wrong"),
    [({"index": 0}, True), ({"index": 0, "function": {}}, False), ({"index": 0, "custom": {}}, False)],
)
def test_a_call_has_a_function(call: dict[str, Any], wrong: bool) -> None:
    assert found("tool-call-has-function", fragments(call)) == ([(0, AT)] if wrong else [])


def answer(*calls: Any, golden: str = "tools-whole", **message: Any) -> Transcript:
    """Return a whole answer with these calls."""

    def put(body: Any) -> None:
        body["choices"][0]["message"].update({"tool_calls": list(calls)} | message)

    return edit_json(goldens.load(golden), put)


def call(id: Any = "call_a", name: Any = "get_weather", arguments: Any = "{}") -> dict[str, Any]:  # noqa: A002
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def pointers(name: str, *transcripts: Transcript) -> list[str]:
    return [pointer.rpartition("/")[2] for _, pointer in found(name, *transcripts)]


@pytest.mark.parametrize(
    ("ids", "places"),
    [
        (["a", "b"], []),
        (["a", "b", "b", "a"], ["0"]),
        (["a", "b", "b"], ["1"]),
        (["", ""], []),
        ([None, None, "a"], []),
    ],
)
def test_ids_of_calls(ids: list[Any], places: list[str]) -> None:
    assert pointers("tool-call-ids-distinct", answer(*(call(each) for each in ids))) == places


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("tool-call-id-legal", "a" * 64, False),
        ("tool-call-id-legal", "a" * 65, True),
        ("tool-call-id-legal", "Az09_-", False),
        ("tool-call-id-legal", "a b", True),
        ("tool-name-legal", "a" * 64, False),
        ("tool-name-legal", "a" * 65, True),
        ("tool-name-legal", "a.b", True),
    ],
)
def test_letters_of_ids_and_names(name: str, text: str, wrong: bool) -> None:
    assert bool(found(name, answer(call(text, text)))) is wrong


@pytest.mark.parametrize(("name", "wrong"), [("get_weather", False), ("other", True), ("", False), (7, False)])
def test_names_that_were_offered(name: Any, wrong: bool) -> None:
    assert bool(found("tool-name-offered", answer(call(name=name)))) is wrong


@pytest.mark.parametrize(
    ("name", "reason", "wrong"),
    [
        ("ping", "stop", False),
        ("get_weather", "stop", True),
        ("get_weather", "length", True),
        ("pi", "stop", True),
        ("pi", "length", False),
        ("", "stop", False),
        (7, "stop", False),
    ],
)
def test_the_function_that_was_named(name: Any, reason: str, wrong: bool) -> None:
    """The limit may cut a name, which proves nothing."""
    transcript = answer(call(name=name), golden="tools-whole-named")
    cut = edit_json(transcript, lambda body: body["choices"][0].update(finish_reason=reason))
    assert bool(found("tool-choice-named", cut)) is wrong


def test_a_custom_tool_is_not_among_the_functions() -> None:
    custom = {"id": "call_a", "type": "custom", "custom": {"name": "code", "input": ""}}
    assert found("tool-name-offered", answer(custom)) == []


def test_every_name_is_looked_at() -> None:
    calls = [call(name="other"), call(name="get_weather"), call(name="third")]
    assert pointers("tool-name-offered", answer(*calls)) == ["0", "2"]
    calls = [call(name="get_weather"), call(name="ping"), call(name="third")]
    assert pointers("tool-choice-named", answer(*calls, golden="tools-whole-named")) == ["0", "2"]


@pytest.mark.parametrize(("count", "places"), [(1, []), (2, ["1"]), (3, ["1"])])
def test_one_call_where_no_more_are_allowed(count: int, places: list[str]) -> None:
    calls = [call(f"call_{number}") for number in range(count)]
    assert pointers("tool-call-single", answer(*calls, golden="tools-whole-one")) == places


@pytest.mark.parametrize(("reason", "wrong"), [("tool_calls", False), ("function_call", False), ("stop", True)])
def test_the_finish_reason_of_a_call(reason: str, wrong: bool) -> None:
    transcript = edit_json(goldens.load("tools-whole"), lambda body: body["choices"][0].update(finish_reason=reason))
    assert bool(found("tool-finish-reason", transcript)) is wrong


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ("{}", []),
        ("", ["tool-arguments-not-empty"]),
        ("{", ["tool-arguments-json"]),
        ("[]", ["tool-arguments-json"]),
        ("{}{}", ["tool-arguments-increments"]),
    ],
)
def test_flaws_of_arguments(arguments: str, names: list[str]) -> None:
    rules = ("tool-arguments-json", "tool-arguments-not-empty", "tool-arguments-increments")
    assert [name for name in rules if found(name, answer(call(arguments=arguments)))] == names


@pytest.mark.parametrize(("content", "wrong"), [(None, False), ("", False), ("Let me look.", False), (" \n", True)])
def test_content_beside_a_call(content: str | None, wrong: bool) -> None:
    assert bool(found("tool-content-not-blank", answer(call(), content=content))) is wrong


@pytest.mark.parametrize(("calls", "wrong"), [(None, True), ([], True), ([call()], False), ("x", False)])
def test_no_calls(calls: Any, wrong: bool) -> None:
    transcript = answer(tool_calls=calls)
    assert bool(found("tool-calls-absent-if-none", transcript)) is wrong


def test_a_message_that_is_no_object_has_no_calls() -> None:
    for message in (None, "tool_calls"):
        broken = edit_json(goldens.load("chat-whole"), lambda body, m=message: body["choices"][0].update(message=m))
        assert found("tool-calls-absent-if-none", broken) == []


@pytest.mark.parametrize(("status", "wrong"), [(200, False), (400, True), (422, True)])
def test_the_result_of_a_call_is_accepted(status: int, wrong: bool) -> None:
    transcript = replace(goldens.load("tools-whole-result"), status=status).with_body(b'{"error": "messages[1]"}')
    assert bool(found("tool-result-accepted", transcript)) is wrong


@pytest.mark.parametrize(
    "message",
    [
        {"content": "<tool_call>"},
        {"content": None, "reasoning_content": "so </tool_call>"},
        {"content": None, "tool_calls": [call(), call("call_b", arguments='{"city": "<|im_end|>"}')]},
        {"content": "<function=f>", "reasoning_content": "[TOOL_CALLS]"},
    ],
)
def test_markup_is_found_wherever_it_is(message: dict[str, Any]) -> None:
    transcript = answer(call(), **message)
    assert len(found("tool-markup-hidden", transcript)) == 1
    quoted = transcript.request.json | {"messages": [{"role": "user", "content": str(message)}]}
    assert found("tool-markup-hidden", replace(transcript, request=replace(transcript.request, json=quoted))) == []


@pytest.mark.parametrize(
    "markup",
    [
        *(
            "<tool_call>",
            "</tool_call>",
            "[TOOL_CALLS]",
            "[/TOOL_CALLS]",
            "<function=",
            "</function>",
            "<|python_tag|>",
        ),
        *(
            "<|tool_call>",
            "<|channel|>",
            "<|im_end|>",
            "<|eot_id|>",
            "<|eom_id|>",
            "<\uff5ctool\u2581calls\u2581begin\uff5c>",
        ),
        "<|tool_calls_section_begin|>",
    ],
)
def test_the_markup_of_several_models(markup: str) -> None:
    assert len(found("tool-markup-hidden", answer(call(), content=f"Well. {markup}"))) == 1


def test_arguments_that_are_no_text_have_no_markup() -> None:
    assert found("tool-markup-hidden", answer(call(arguments={"a": 1}))) == []


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        ('{"city": "Paris"}', False),
        ('{ "city":"Paris" }', False),
        ('{"city": "Rome"}', True),
        ('{"city"', True),
        (None, True),
    ],
)
def test_calls_streamed_and_whole(arguments: str | None, wrong: bool) -> None:
    whole = goldens.load("tools-whole")

    def put(body: Any) -> None:
        body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = arguments

    assert bool(found("tool-calls-same-streamed", goldens.load("tools-stream"), edit_json(whole, put))) is wrong


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ('{"city": "Paris"', "tool-arguments-json"),
        ('{"city": "Par', "tool-arguments-json"),
        ('"city": "Paris"}', "tool-arguments-json"),
        ('{"city": "Paris"}}', "tool-arguments-json"),
        ('{"city": "Paris"}</s>', "tool-arguments-json"),
        ('["Paris"]', "tool-arguments-json"),
        ('"{}"', "tool-arguments-json"),
        ('{"city": "Paris"}{"city": "Paris"}', "tool-arguments-increments"),
        ('{}{"city": "Paris"}', "tool-arguments-increments"),
        ("{}{}", "tool-arguments-increments"),
        ('{"city": "Paris"}{"city": "Oslo"}', "tool-arguments-as-written"),
        ('{"city": Paris}', "tool-arguments-as-written"),
        ("{'city': 'Paris'}", "tool-arguments-as-written"),
        ("Paris", "tool-arguments-as-written"),
        ("[" * 5000, "tool-arguments-as-written"),
        ('{"city": "Paris"}', None),
    ],
)
def test_what_is_wrong_with_arguments_of_a_free_model(arguments: str, rule: str | None) -> None:
    names = (
        "tool-arguments-json",
        "tool-arguments-increments",
        "tool-arguments-as-written",
        "tool-arguments-not-empty",
    )
    tripped = [name for name in names if found(name, answer(call(arguments=arguments)))]
    assert tripped == ([rule] if rule else [])


@pytest.mark.parametrize("golden", ["tools-whole-required", "tools-whole-named"])
def test_arguments_that_a_server_forced_are_its_own(golden: str) -> None:
    assert found("tool-arguments-json", answer(call(arguments='{"city": Paris}'), golden=golden))
    assert not found("tool-arguments-as-written", answer(call(arguments='{"city": Paris}'), golden=golden))


@pytest.mark.parametrize(("stub", "wrong"), [({}, True), ({"name": ""}, True), (None, False), ("", False)])
def test_both_forms_at_once(stub: Any, wrong: bool) -> None:
    assert len(found("tool-call-in-one-form", answer(call(), function_call=stub))) == wrong


def test_both_forms_in_a_stream_are_found_once() -> None:
    part = {"index": 0, "delta": {"tool_calls": [head()], "function_call": {}}, "finish_reason": None}
    both = stream([part], [part], [part | {"delta": {}, "finish_reason": "tool_calls"}], golden="tools-stream")
    assert found("tool-call-in-one-form", both) == [(0, "/choices/0")]

"""JSON schemas of clients: what is rewritten, what is refused, and what a model is then forced to say."""

import json
import re
import time

import jsonschema
import pytest
from grammar_reading import taken

from reference_server import grammar
from reference_server.chat.request import ChatRequest, Format, Tool, Tools
from reference_server.errors import RequestError
from reference_server.json_schema import BrokenSchemaError
from reference_server.references import referring

LEAF = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


def test_notes_are_dropped_and_properties_of_that_name_are_kept():
    schema = {"title": "T", "type": "object", "properties": {"title": {"type": "string", "description": "d"}}}
    assert referring(schema, strict=True).schema == {"type": "object", "properties": {"title": {"type": "string"}}}


def test_several_types_become_alternatives_each_with_what_speaks_of_it():
    assert referring({**LEAF, "type": ["object", "null"]}, strict=True).schema == {"anyOf": [LEAF, {"type": "null"}]}


def test_types_within_types_do_not_fill_the_memory():
    schema = {"type": "string"}
    for _ in range(30):
        schema = {"type": ["object", "array", "string", "null"], "properties": {"a": schema}, "items": {"minimum": 1}}
    assert len(json.dumps(referring(schema, strict=False).schema)) < 10_000


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strng"},
        {"type": "array", "items": {"type": 5}},
        {"type": "array", "minItems": 10**9},
        {"type": "array", "minItems": 3, "maxItems": 2},
        {"properties": {"a": {"minLength": 999}}},
        {"const": ["x"] * 60_000},
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_what_is_broken_or_would_fill_the_memory_is_refused(schema, strict):
    with pytest.raises(ValueError):
        referring(schema, strict=strict)


@pytest.mark.parametrize(
    "schema", [{"type": "integer", "minimum": 3}, {"type": "string", "maxLength": 5000}, {"not": {}}]
)
def test_what_cannot_be_enforced_is_refused_when_strict_and_left_out_otherwise(schema):
    with pytest.raises(ValueError):
        referring(schema, strict=True)
    assert set(referring(schema, strict=False).schema) <= {"type"}


def test_lengths_beside_a_pattern_are_refused_when_strict_and_left_out_otherwise():
    schema = {"type": "string", "pattern": "^a+$", "minLength": 3, "maxLength": 5000}
    with pytest.raises(ValueError, match="'pattern' and 'minLength' cannot be enforced together"):
        referring(schema, strict=True)
    assert referring(schema, strict=False).schema == {"type": "string", "pattern": "^a+$"}


def test_a_count_may_be_written_as_a_decimal():
    assert repr(referring({"type": "array", "minItems": 2.0}, strict=True).schema) == "{'type': 'array', 'minItems': 2}"


def listed(count):
    return {"properties": {str(half): {"enum": [[half, n] for n in range(count // 2)]} for half in range(2)}}


def having(count):
    return {"properties": {"a": {"properties": {str(n): {} for n in range(count - 1)}}}}


def alternatives(count):
    return {"anyOf": [{"anyOf": [{"type": "string"}] * (count // 2)}] * 2}


@pytest.mark.parametrize(("made", "most"), [(listed, 1000), (having, 1000), (alternatives, 100)])
def test_a_schema_may_have_so_many_values_properties_and_alternatives_in_one_place(made, most):
    assert referring(made(most), strict=True)
    with pytest.raises(ValueError, match=f"more than {most}"):
        referring(made(most + 2), strict=True)


DOUBLING = {str(n): {"anyOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(60)}


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"$ref": "#"}, "refers to itself"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {}]}}}, "refers to itself"),
        ({"$ref": "#/nowhere"}, "leads to no schema"),
        ({"$ref": "#/prefixItems/9", "prefixItems": [{}]}, "leads to no schema"),
        ({"$ref": "https://example.com/schema"}, "leads to no schema"),
        ({"$ref": "#name", "$defs": {"a": {"$anchor": "name"}}}, "leads to no schema"),
        ({"$ref": "#/$defs/0", "$defs": {**DOUBLING, "60": {"type": "string"}}}, "more than 100 alternatives"),
    ],
)
def test_a_reference_that_cannot_be_followed_is_refused(schema, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        referring(schema, strict=False)
    assert not isinstance(caught.value, BrokenSchemaError)


@pytest.mark.parametrize(
    ("schema", "answer"),
    [
        ({"$ref": "#/$defs/a", "$defs": {"a": LEAF}}, {"a": ""}),
        ({"$ref": "#/%24defs/a~1b_c", "$defs": {"a/b_c": {"const": 5}}}, 5),
        (
            {"type": "object", "properties": {"x": {"$ref": "#/properties/y"}, "y": {"const": 1}}, "required": ["x"]},
            {"x": 1},
        ),
        ({"$ref": "#/$defs/call", "$defs": {"call": {"const": "c"}, "root": {"const": "r"}}}, "c"),
        ({"$ref": "#/anyOf/1/items", "anyOf": [{}, {"items": {"type": ["null"]}}]}, None),
        (
            {
                "type": "object",
                "properties": {"next_one": {"anyOf": [{"type": "null"}, {"$ref": "#"}]}},
                "required": ["next_one"],
                "additionalProperties": False,
            },
            {"next_one": None},
        ),
        (
            {
                "$ref": "#/$defs/a_tree",
                "$defs": {"a_tree": {"type": "array", "items": {"$ref": "#/$defs/a_tree"}, "minItems": 0}},
            },
            [],
        ),
    ],
)
def test_references_lead_to_any_part_of_a_schema_and_to_the_whole(ask, schema, answer):
    wish = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}
    choice = ask("hello", response_format=wish, max_tokens=200, logit_bias=RARELY_OPENING).json()["choices"][0]
    assert choice["finish_reason"] == "stop"
    said = json.loads(choice["message"]["content"])
    jsonschema.validate(said, schema)
    assert said == answer


RARELY_OPENING = {str(3 + ord("{")): -30}
"""The scripted model likes to open objects; with less of it the recursion ends."""


def test_parts_of_two_tools_with_one_name_are_not_taken_for_each_other(model):
    def tool(name, value):
        schema = {"$ref": "#/$defs/leaf", "$defs": {"leaf": {**LEAF, "properties": {"a": {"const": value}}}}}
        return Tool(name, {}, schema, strict=True)

    form = grammar.of(ChatRequest("m", (), tools=Tools((tool("one", 1), tool("two", 2)), "required")), None)
    for name, value, right in (("one", 1, True), ("two", 2, True), ("one", 2, False), ("two", 1, False)):
        said = f'<tool_call>\n{{"name": "{name}", "arguments": {{"a":{value}}}}}\n</tool_call>'
        assert taken(model, form.text, said) == right


@pytest.mark.parametrize(
    "schema",
    [
        LEAF,
        {"type": "object", "properties": {}, "additionalProperties": False},
        {"type": "object", "properties": {"x": {**LEAF, "type": ["object", "null"]}}, "required": ["x"]},
        {"type": "object", "properties": {"x": {"description": "anything"}}, "required": ["x"]},
        {"type": "object", "properties": {"x": {"type": "array", "items": LEAF, "minItems": 2}}, "required": ["x"]},
        {"type": "object", "properties": {"x": {"type": "string", "minLength": 3}}, "required": ["x"]},
        {"type": "object", "properties": {"x": {"const": 'a "quoted" \\ word'}}, "required": ["x"]},
        {"type": "object", "properties": {"x": {"enum": [1, None, "é", True]}}, "required": ["x"]},
        {"type": "object", "properties": {"x": {"type": "number"}, "y": {"type": "boolean"}}, "required": ["x", "y"]},
        {"type": "object", "properties": {"x": {"type": "string", "format": "date-time"}}, "required": ["x"]},
        {"type": "object", "properties": {"x": {"type": "string", "pattern": "^[a-c]{2,4}$"}}, "required": ["x"]},
        {"$defs": {"leaf": LEAF}, "type": "object", "properties": {"x": {"$ref": "#/$defs/leaf"}}, "required": ["x"]},
    ],
)
@pytest.mark.parametrize("prompt", ["hello", "count"])
def test_an_answer_follows_its_schema(ask, schema, prompt):
    wish = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}
    choice = ask(prompt, response_format=wish, max_tokens=200).json()["choices"][0]
    assert choice["finish_reason"] == "stop"
    jsonschema.validate(json.loads(choice["message"]["content"]), schema)


UNENFORCEABLE = [
    {"type": "object", "properties": {"x": {"$ref": "#/nowhere"}}},
    {"type": "string", "pattern": "^((a?){30}){30}$"},
    {"type": "array", "minItems": 10**9},
    {"enum": [f"value {number}" for number in range(20_000)]},
    {"$ref": "#"},
    {"type": "object", "properties": {f"p{number}": {"type": "string"} for number in range(1001)}},
]


@pytest.mark.parametrize("parameters", UNENFORCEABLE)
def test_a_tool_whose_schema_cannot_be_followed_is_called_all_the_same(parameters):
    form = grammar.of(required({"name": "look"}, parameters), None)
    assert "tool-0-any" in form.text


@pytest.mark.parametrize("parameters", UNENFORCEABLE)
def test_where_a_form_is_to_be_enforced_what_cannot_be_is_refused(parameters):
    forms = [ChatRequest("m", (), format=Format(parameters)), required({"name": "look"}, parameters, strict=True)]
    for request in forms:
        with pytest.raises(RequestError) as caught:
            grammar.of(request, None)
        assert caught.value.error.code == "invalid_json_schema"


@pytest.mark.parametrize("strict", [True, False])
def test_what_is_no_schema_is_refused_for_every_tool(strict):
    with pytest.raises(RequestError, match="strng"):
        grammar.of(required({"name": "look"}, {"type": "strng"}, strict=strict), None)


def required(function, parameters, *, strict=False):
    declaration = {"type": "function", "function": {**function, "parameters": parameters, "strict": strict}}
    return ChatRequest("m", (), tools=Tools((Tool(function["name"], declaration, parameters, strict),), "required"))


@pytest.mark.parametrize("parameters", [*UNENFORCEABLE[:3], {"minimum": 3}])
def test_such_a_tool_is_given_an_object(ask, parameters):
    tools = [{"type": "function", "function": {"name": "look", "parameters": parameters}}]
    reply = ask("hello", tools=tools, tool_choice="required", parallel_tool_calls=False, max_tokens=100).json()
    [call] = reply["choices"][0]["message"]["tool_calls"]
    assert isinstance(json.loads(call["function"]["arguments"]), dict)


@pytest.mark.parametrize("required", [0, 1, 2, 3])
@pytest.mark.parametrize("additional", [False, {"type": "integer"}])
def test_properties_come_in_their_order_and_any_that_are_optional_may_be_left_out(read, required, additional):
    schema = {
        "type": "object",
        "properties": {name: {"type": "integer"} for name in "abc"},
        "required": list("abc"[:required]),
        "additionalProperties": additional,
    }
    for names in ("", "a", "b", "c", "ab", "ac", "bc", "abc", "ax", "x", "xy", "abcx", "ba"):
        said = "{" + ",".join(f'"{name}":1' for name in names) + "}"
        valid = jsonschema.Draft202012Validator(schema).is_valid(json.loads(said))
        assert read(schema, said) == (valid and (names != "ba" or bool(additional and not required))), said


def test_values_that_begin_alike_are_told_apart(read):
    values = ["a", "ab", "b", "", "é", 1, 10, 1.5, -1, None, True, [1, "x"], {"a": "\\"}]
    for value in values:
        assert read({"enum": values}, json.dumps(value))
    for said in ('"', '"abc"', "100", "nul", "[1]", '"ba"'):
        assert not read({"enum": values}, said)


@pytest.fixture
def read(model):
    """Tell whether llama.cpp takes a text for an answer of a schema."""
    return lambda schema, said: taken(model, grammar.of(ChatRequest("m", (), format=Format(schema)), None).text, said)


def test_a_thousand_values_hold_nobody_up(ask):
    schema = {"enum": [f"value number {number} of a thousand" for number in range(1000)]}
    wish = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}
    began = time.monotonic()
    assert json.loads(ask("hello", response_format=wish).json()["choices"][0]["message"]["content"]) in schema["enum"]
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "pattern",
    [r"^\d{5}$", r"^\w\s\/$", "^.{3}$", "^[^a-z]{2}$", '^"{2}\\\\$', "^foo", "^a|^b", r"^\S{2}@\S\.\w{2,3}$", "^é?🦜$"],
)
@pytest.mark.parametrize("prompt", ["hello", "emoji"])
def test_an_answer_has_the_pattern_and_is_json(ask, pattern, prompt):
    schema = {
        "type": "object",
        "properties": {"x": {"type": "string", "pattern": pattern}},
        "required": ["x"],
        "additionalProperties": False,
    }
    wish = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}
    tool = {"type": "function", "function": {"name": "f", "strict": True, "parameters": schema}}
    text = ask(prompt, response_format=wish, max_tokens=300, temperature=0).json()["choices"][0]["message"]["content"]
    assert re.search(pattern, json.loads(text)["x"])
    asked = {"tools": [tool], "tool_choice": "required", "parallel_tool_calls": False}
    message = ask(prompt, **asked, max_tokens=300, temperature=0).json()["choices"][0]["message"]
    assert re.search(pattern, json.loads(message["tool_calls"][0]["function"]["arguments"])["x"])


def test_a_pattern_that_nothing_could_follow_is_refused_and_the_server_goes_on(ask):
    schema = {"type": "string", "pattern": "^((a?){30}){30}$"}
    wish = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    refused = ask("hello", response_format=wish)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "invalid_json_schema"
    assert "cannot be enforced" in refused.json()["error"]["message"]
    assert ask("hello").json()["choices"][0]["finish_reason"] == "stop"

"""JSON schemas of clients: what is rewritten, what is refused, and what a model is then forced to say."""

import json

import jsonschema
import pytest

from reference_server.json_schema import normal

LEAF = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


def test_notes_are_dropped_and_properties_of_that_name_are_kept():
    schema = {"title": "T", "type": "object", "properties": {"title": {"type": "string", "description": "d"}}}
    assert normal(schema, strict=True) == {"type": "object", "properties": {"title": {"type": "string"}}}


def test_several_types_become_alternatives_that_keep_the_rest():
    assert normal({**LEAF, "type": ["object", "null"]}, strict=True) == {
        "anyOf": [{**LEAF, "type": "object"}, {**LEAF, "type": "null"}]
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strng"},
        {"type": "array", "items": {"type": 5}},
        {"type": "array", "minItems": 10**9},
        {"type": "string", "pattern": "^a{100000000}$"},
        {"type": "string", "pattern": "^a{1,100000000}$"},
        {"properties": {"a": {"minLength": 999}}},
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_what_is_broken_or_would_fill_the_memory_is_refused(schema, strict):
    with pytest.raises(ValueError):
        normal(schema, strict=strict)


@pytest.mark.parametrize(
    "schema", [{"type": "integer", "minimum": 3}, {"type": "string", "maxLength": 5000}, {"not": {}}]
)
def test_what_cannot_be_enforced_is_refused_when_strict_and_left_out_otherwise(schema):
    with pytest.raises(ValueError):
        normal(schema, strict=True)
    assert set(normal(schema, strict=False)) <= {"type"}


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


@pytest.mark.parametrize("parameters", [{"type": "object", "properties": {"x": {"$ref": "#/nowhere"}}}, {"minimum": 3}])
def test_a_tool_whose_schema_cannot_be_followed_is_called_all_the_same(ask, parameters):
    tools = [{"type": "function", "function": {"name": "look", "parameters": parameters}}]
    reply = ask("hello", tools=tools, tool_choice="required", parallel_tool_calls=False, max_tokens=100).json()
    [call] = reply["choices"][0]["message"]["tool_calls"]
    assert isinstance(json.loads(call["function"]["arguments"]), dict)

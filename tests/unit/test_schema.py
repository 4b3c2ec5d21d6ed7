"""Every annotated place, broken in every way, gives exactly its own requirement."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from conformance.mutation import remove_at, set_at
from conformance.schema import KEY, WIRE_OBJECTS, annotated, document, errors, instances

LOGPROB = {"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}
USAGE = {
    "prompt_tokens": 1,
    "completion_tokens": 2,
    "total_tokens": 3,
    "prompt_tokens_details": dict.fromkeys(
        ("audio_tokens", "cached_tokens", "cache_write_tokens", "image_tokens", "text_tokens"), 0
    ),
    "completion_tokens_details": dict.fromkeys(
        ("accepted_prediction_tokens", "audio_tokens", "reasoning_tokens", "rejected_prediction_tokens", "text_tokens"),
        0,
    ),
}
CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
MODEL = {"id": "m", "object": "model", "created": 1, "owned_by": "o", "shutdown_date": None}
# A specimen of each wire object in which every annotated place is filled.
SPECIMENS: dict[str, Any] = {
    "chat.completion.chunk": {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "service_tier": "default",
        "system_fingerprint": "fp",
        "obfuscation": "",
        "usage": USAGE,
        "choices": [
            {
                "index": 0,
                "delta": {"role": "assistant", "content": "a", "refusal": None, "tool_calls": [CALL]},
                "logprobs": {"content": [LOGPROB], "refusal": []},
                "finish_reason": None,
            }
        ],
    },
    "chat.completion": {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "service_tier": "default",
        "system_fingerprint": "fp",
        "metadata": {},
        "usage": USAGE,
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "a",
                    "refusal": None,
                    "annotations": [],
                    "tool_calls": [CALL],
                },
                "logprobs": {"content": [LOGPROB], "refusal": []},
                "finish_reason": "stop",
            }
        ],
    },
    "error": {"error": {"message": "m", "type": "t", "param": None, "code": None}},
    "model.list": {"object": "list", "data": [MODEL]},
    "model": MODEL,
    "text_completion": {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "text": "a",
                "index": 0,
                "logprobs": {
                    "tokens": ["a"],
                    "token_logprobs": [-0.1],
                    "top_logprobs": [{"a": -0.1}],
                    "text_offset": [0],
                },
                "finish_reason": None,
            }
        ],
        "usage": USAGE,
    },
    "embeddings.list": {
        "object": "list",
        "model": "m",
        "data": [{"object": "embedding", "index": 0, "embedding": [1.0]}],
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    },
}
WRONG: list[Any] = [None, True, 5, -1, 1.0, 1.5, "", "no such word", [], [None], {}, {"a": 1}]


def places() -> Iterator[tuple[str, str, str]]:
    for name in WIRE_OBJECTS:
        for requirement, annotation in annotated(name).items():
            for path in annotation.paths:
                found = list(instances(SPECIMENS[name], path))
                assert found, f"the specimen of {name} has nothing at {path}"
                yield from ((name, requirement, pointer) for pointer in found)


PLACES = list(places())


@pytest.mark.parametrize("name", WIRE_OBJECTS)
def test_a_specimen_is_valid(name: str) -> None:
    assert errors(name, SPECIMENS[name]) == []


@pytest.mark.parametrize(("name", "requirement", "pointer"), PLACES)
def test_a_broken_place_gives_its_own_requirement_and_no_other(name: str, requirement: str, pointer: str) -> None:
    refused = 0
    for wrong in WRONG:
        found = errors(name, set_at(copy.deepcopy(SPECIMENS[name]), pointer, wrong))
        here = [error for error in found if error.pointer == pointer]
        assert {error.requirement for error in here} <= {requirement}, wrong
        assert all(error.pointer.startswith(pointer) for error in found)
        refused += bool(here)
    assert refused, "no wrong value is refused here"


@pytest.mark.parametrize(
    ("name", "requirement", "pointer"), [place for place in PLACES if place[2][-2:] not in ("", "/0")]
)
def test_a_missing_place_gives_its_own_requirement_or_may_be_missing(name: str, requirement: str, pointer: str) -> None:
    spoilt = copy.deepcopy(SPECIMENS[name])
    remove_at(spoilt, pointer)
    for error in errors(name, spoilt):
        assert (error.requirement, error.pointer) == (requirement, pointer)
        assert repr(pointer.rpartition("/")[2]) in error.expected


def subschemas(name: str) -> Iterator[Any]:
    def walk(node: Any) -> Iterator[Any]:
        if isinstance(node, dict):
            yield node
            for child in [*node.get("properties", {}).values(), node.get("items")]:
                yield from walk(child)

    return walk(document(name))


@pytest.mark.parametrize("name", [*WIRE_OBJECTS, "usage", "logprob"])
def test_every_place_that_can_fail_is_annotated(name: str) -> None:
    for subschema in subschemas(name):
        if "$ref" not in subschema and {"type", "enum", "const"} & set(subschema) and subschema is not document(name):
            assert KEY in subschema, json.dumps(subschema)[:80]


@pytest.mark.parametrize("value", [1.0, True, "1", 1e3])
def test_an_integer_is_a_json_number_without_fraction_or_exponent(value: object) -> None:
    reply = SPECIMENS["chat.completion"] | {"created": value}
    assert [error.requirement for error in errors("chat.completion", reply)] == ["reply-created-integer"]

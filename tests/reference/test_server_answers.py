"""What the reference server answers over HTTP, key by key."""

import json
import re
import time

import pytest

CHUNK_KEYS = {"id", "object", "created", "model", "service_tier", "system_fingerprint", "choices"}
HELLO = "Hello! I am a reference model compiled by hand."
COUNT = ", ".join(map(str, range(1, 1001))) + " done."


def text(chunks, index=0):
    return "".join(
        choice["delta"].get("content") or ""
        for chunk in chunks
        for choice in chunk["choices"]
        if choice["index"] == index
    )


def test_a_stream_has_the_shape_that_openai_sends(stream):
    chunks = stream("hello")
    assert all(set(chunk) == CHUNK_KEYS for chunk in chunks)
    assert all(set(chunk["choices"][0]) == {"index", "delta", "logprobs", "finish_reason"} for chunk in chunks)
    first, *middle, last = (chunk["choices"][0] for chunk in chunks)
    assert first["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert all(set(choice["delta"]) == {"content"} and choice["delta"]["content"] for choice in middle)
    assert (last["delta"], last["finish_reason"]) == ({}, "stop")
    assert all(choice["finish_reason"] is None and choice["logprobs"] is None for choice in (first, *middle))
    assert text(chunks) == HELLO
    assert len(middle) == 11  # one event a token


def test_identity_is_constant_in_a_stream_and_new_in_the_next(stream):
    one, other = stream("hello"), stream("hello")
    for name in ("id", "created", "model", "object", "system_fingerprint"):
        assert len({chunk[name] for chunk in one}) == 1
    assert re.fullmatch(r"chatcmpl-[A-Za-z0-9]{29}", one[0]["id"])
    assert one[0]["id"] != other[0]["id"]
    assert one[0]["object"] == "chat.completion.chunk"
    assert abs(one[0]["created"] - time.time()) < 60


def test_headers_are_those_of_openai(http):
    body = {"model": "scripted", "messages": [{"role": "user", "content": "hello"}], "stream": True}
    headers = http.post("/chat/completions", json=body).headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["transfer-encoding"] == "chunked"
    assert "content-length" not in headers
    assert headers["openai-version"] == "2020-10-01"
    assert headers["openai-processing-ms"].isdigit()
    assert headers["x-accel-buffering"] == "no"
    ids = {http.get("/models").headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(re.fullmatch(r"req_[0-9a-f]{32}", name) for name in ids)


def test_usage_comes_on_a_chunk_of_its_own_when_asked(stream):
    *others, last = stream("hello", stream_options={"include_usage": True})
    assert all(set(chunk) == CHUNK_KEYS | {"usage"} and chunk["usage"] is None for chunk in others)
    assert last["choices"] == []
    usage = last["usage"]
    assert usage["completion_tokens"] == 11
    assert usage["total_tokens"] == usage["prompt_tokens"] + 11


def test_usage_streamed_and_not_is_the_same(ask, stream):
    streamed = stream("emoji", n=2, stream_options={"include_usage": True})[-1]["usage"]
    assert ask("emoji", n=2).json()["usage"] == streamed
    assert streamed["completion_tokens"] == 2 * 19


def test_obfuscation_comes_when_asked_only(stream):
    chunks = stream("hello", stream_options={"include_obfuscation": True})
    assert all(set(chunk) == CHUNK_KEYS | {"obfuscation"} for chunk in chunks)


def test_a_whole_answer_has_the_shape_that_openai_sends(ask):
    reply = ask("hello")
    assert reply.headers["content-type"] == "application/json"
    answer = reply.json()
    assert set(answer) == CHUNK_KEYS | {"usage"}
    assert answer["object"] == "chat.completion"
    [choice] = answer["choices"]
    message = {"role": "assistant", "content": HELLO, "refusal": None, "annotations": []}
    assert choice == {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}


@pytest.mark.parametrize("stream_parameter", [{"stream": False}, {"stream": None}, {}])
def test_without_stream_the_answer_is_json(ask, stream_parameter):
    assert ask("hello", **stream_parameter).json()["object"] == "chat.completion"


@pytest.mark.parametrize("prompt", ["hello", "emoji", "prefix", "count"])
def test_streamed_and_whole_text_are_the_same_to_the_character(ask, stream, prompt):
    whole = ask(prompt).json()["choices"][0]["message"]["content"]
    assert text(stream(prompt)) == whole
    assert "�" not in whole


def test_a_character_split_over_tokens_arrives_whole(stream):
    contents = [chunk["choices"][0]["delta"].get("content") for chunk in stream("emoji")]
    assert {"é", "語", "🦜"} <= set(contents)


@pytest.mark.parametrize("limit", range(1, 20))
def test_an_answer_cut_within_a_character_ends_before_it(ask, stream, limit):
    whole = ask("emoji").json()["choices"][0]["message"]["content"]
    cut = ask("emoji", max_tokens=limit).json()
    content = cut["choices"][0]["message"]["content"]
    assert whole.startswith(content)
    assert text(stream("emoji", max_tokens=limit)) == content
    assert cut["usage"]["completion_tokens"] == limit
    assert cut["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_limit_is_kept(stream, name):
    chunks = stream("count", **{name: 5}, stream_options={"include_usage": True})
    assert text(chunks) == "1, 2, 3, 4, 5"
    assert chunks[-2]["choices"][0]["finish_reason"] == "length"
    assert chunks[-1]["usage"]["completion_tokens"] == 5


def test_without_a_limit_a_long_answer_is_whole(stream):
    assert text(stream("count")) == COUNT


def test_an_empty_answer_is_a_role_and_an_end(ask, stream):
    chunks = stream("silence")
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": "", "refusal": None},
        {},
    ]
    assert ask("silence").json()["choices"][0]["message"]["content"] == ""


@pytest.mark.parametrize(
    ("prompt", "stop", "expected"),
    [
        ("count", ", 5", "1, 2, 3, 4"),
        ("count", ["nothing", "0, 11"], "1, 2, 3, 4, 5, 6, 7, 8, 9, 1"),
        ("prefix", "ENDS", "We pass ENDING and go on to STOPPING, then rest."),
        ("prefix", ["ENDING"], "We pass "),
        ("prefix", ["STOP.", "PING"], "We pass ENDING and go on to STOP"),
        ("emoji", ["🦜"], "Grüße, 世界 🌍 ñandú مرحبا 👩‍👩‍👧 and in pieces: é / 語 // "),
        ("hello", "Hello", ""),
        ("hello", "", HELLO),
    ],
)
def test_a_stop_string_ends_the_answer_and_is_not_shown(ask, stream, prompt, stop, expected):
    choice = ask(prompt, stop=stop).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (expected, "stop")
    assert text(stream(prompt, stop=stop)) == expected


def test_several_choices_interleave_and_each_begins_and_ends_once(stream):
    chunks = stream("emoji", n=3, seed=1)
    choices = [chunk["choices"][0] for chunk in chunks]
    assert [choice["index"] for choice in choices[:3]] == [0, 1, 2]
    assert all(choice["delta"].get("role") == "assistant" for choice in choices[:3])
    assert sum("role" in choice["delta"] for choice in choices) == 3
    for index in range(3):
        own = [choice for choice in choices if choice["index"] == index]
        assert [choice["finish_reason"] for choice in own][-1] == "stop"
        assert own[-1]["delta"] == {}
        assert text(chunks, index) == text(chunks, 0)
    order = "".join(str(choice["index"]) for choice in choices)
    assert "012012012" in order


def test_a_whole_answer_has_all_choices_in_order(ask):
    choices = ask("hello", n=4).json()["choices"]
    assert [choice["index"] for choice in choices] == [0, 1, 2, 3]
    assert {choice["message"]["content"] for choice in choices} == {HELLO}


def test_the_body_may_be_written_in_any_way_that_json_allows(http):
    plain = '{"model":"scripted","messages":[{"role":"user","content":"emoji 🦜"}]}'
    escaped = '\n{ "messages" : [ {"content": "emoji \\ud83e\\udd9c", "role": "user"} ],\t"model": "scripted" }\n'
    answers = [
        http.post(
            "/chat/completions", content=body.encode(), headers={"content-type": "application/json; charset=utf-8"}
        )
        for body in (plain, escaped)
    ]
    first, second = (answer.json() for answer in answers)
    assert first["choices"] == second["choices"]
    assert first["usage"] == second["usage"]


def test_logit_bias_bans_and_forces_tokens(ask):
    first = ask("hello", logprobs=True, max_tokens=1).json()["choices"][0]
    assert first["message"]["content"] == "Hello"
    assert first["logprobs"]["content"][0]["token"] == "Hello"
    forced = ask("hello", logit_bias={str(3 + ord("x")): 100}, max_tokens=4)
    assert forced.json()["choices"][0]["message"]["content"] == "xxxx"


@pytest.mark.parametrize("streamed", [True, False])
def test_logprobs_spell_the_content(ask, stream, streamed):
    if streamed:
        chunks = stream("emoji", logprobs=True, top_logprobs=2, temperature=0)
        choices = [chunk["choices"][0] for chunk in chunks]
        entries = [entry for choice in choices if choice["logprobs"] for entry in choice["logprobs"]["content"]]
        content = text(chunks)
        assert choices[0]["logprobs"] is None
        assert choices[-1]["logprobs"] is None
    else:
        choice = ask("emoji", logprobs=True, top_logprobs=2, temperature=0).json()["choices"][0]
        entries, content = choice["logprobs"]["content"], choice["message"]["content"]
        assert choice["logprobs"]["refusal"] is None
    assert b"".join(bytes(entry["bytes"]) for entry in entries).decode() == content
    assert len(entries) == 19
    for entry in entries:
        assert set(entry) == {"token", "logprob", "bytes", "top_logprobs"}
        assert -10 < entry["logprob"] <= 0
        assert len(entry["top_logprobs"]) == 2
        assert entry["top_logprobs"][0]["token"] == entry["token"]
        assert entry["top_logprobs"][0]["logprob"] >= entry["top_logprobs"][1]["logprob"]
    assert "bytes:\\xf0" in [entry["token"] for entry in entries]


def test_json_is_forced_into_a_schema(ask, stream):
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "colour": {"enum": ["red", "green"]},
            "count": {"type": "integer"},
            "nested": {"anyOf": [{"$ref": "#/$defs/leaf"}, {"type": "null"}]},
        },
        "required": ["name", "tags", "colour", "count", "nested"],
        "additionalProperties": False,
        "$defs": {
            "leaf": {
                "type": "object",
                "properties": {"ok": {"type": "boolean"}},
                "required": ["ok"],
                "additionalProperties": False,
            }
        },
    }
    wish = {"type": "json_schema", "json_schema": {"name": "thing", "strict": True, "schema": schema}}
    answer = ask("hello", response_format=wish, max_tokens=120).json()["choices"][0]
    assert answer["finish_reason"] == "stop"
    assert set(json.loads(answer["message"]["content"])) == set(schema["required"])
    assert set(json.loads(text(stream("count", response_format=wish)))) == set(schema["required"])


@pytest.mark.parametrize("prompt", ["hello", "emoji", "count", "silence"])
def test_json_object_gives_an_object(ask, prompt):
    answer = ask(prompt, response_format={"type": "json_object"}, max_tokens=120).json()["choices"][0]
    assert isinstance(json.loads(answer["message"]["content"]), dict)
    assert answer["finish_reason"] == "stop"

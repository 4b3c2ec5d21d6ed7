"""Legacy completions over HTTP: what goes out, what is refused, and how the prompt comes back."""

import json
import re

import pytest

COUNT = "1, 2, 3"


@pytest.fixture
def complete(http):
    def send(prompt=COUNT, **parameters):
        return http.post("/completions", json={"model": "scripted", "prompt": prompt, "temperature": 0, **parameters})

    return send


@pytest.fixture
def events(complete):
    def send(prompt=COUNT, **parameters):
        reply = complete(prompt, stream=True, **parameters)
        assert reply.status_code == 200, reply.text
        assert reply.headers["content-type"] == "text/event-stream"
        *blocks, marker, rest = reply.content.decode().split("\n\n")
        assert (marker, rest) == ("data: [DONE]", "")
        return [json.loads(block.removeprefix("data: ")) for block in blocks]

    return send


def texts(chunks):
    found = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            found[choice["index"]] = found.get(choice["index"], "") + choice["text"]
    return found


def test_a_stream_has_the_shape_that_openai_sends(events):
    chunks = events(max_tokens=3)
    assert all(list(chunk) == ["id", "object", "created", "choices", "model"] for chunk in chunks)
    assert all(list(chunk["choices"][0]) == ["text", "index", "logprobs", "finish_reason"] for chunk in chunks)
    assert re.fullmatch(r"cmpl-[A-Za-z0-9]{29}", chunks[0]["id"])
    assert len({(chunk["id"], chunk["created"], chunk["model"], chunk["object"]) for chunk in chunks}) == 1
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "length"]
    assert texts(chunks) == {0: ", 4, 5, 6"}


def test_sixteen_tokens_are_made_where_no_limit_is_given(complete):
    reply = complete().json()
    assert reply["usage"] == {"prompt_tokens": 4, "completion_tokens": 16, "total_tokens": 20}
    assert reply["choices"][0]["finish_reason"] == "length"
    assert reply["choices"][0]["text"].endswith(", 19")


def test_usage_comes_on_a_chunk_of_its_own_when_asked(events):
    *before, last = events(max_tokens=2, stream_options={"include_usage": True})
    assert all(chunk["usage"] is None for chunk in before)
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 2


def test_streamed_and_whole_are_the_same(complete, events):
    for parameters in ({"echo": True, "logprobs": 2}, {"n": 2}, {"stop": "9"}, {"echo": True, "max_tokens": 0}):
        whole = complete(["Say hello. 1, 2", "Hello! I"], **parameters).json()
        assert texts(events(["Say hello. 1, 2", "Hello! I"], **parameters)) == {
            choice["index"]: choice["text"] for choice in whole["choices"]
        }


def test_the_choices_of_several_prompts_come_in_their_order(complete):
    choices = complete(["Hello! I", COUNT], n=2, echo=True).json()["choices"]
    assert [choice["index"] for choice in choices] == [0, 1, 2, 3]
    assert [choice["text"][:3] for choice in choices] == ["Hel", "Hel", "1, ", "1, "]
    assert [choice["finish_reason"] for choice in choices] == ["stop", "stop", "length", "length"]


@pytest.mark.parametrize(
    "prompt", [COUNT, "Say hello. Count: 1, 2", "Grüße", "x" * 300, "hello<|assistant|>", "<s>", "<|end|>a <|user|>"]
)
@pytest.mark.parametrize("limit", [0, 3])
def test_the_tokens_of_an_echo_join_to_its_text(complete, events, prompt, limit):
    parameters = {"echo": True, "logprobs": 2, "max_tokens": limit}
    choice = complete(prompt, **parameters).json()["choices"][0]
    logprobs = choice["logprobs"]
    assert choice["text"].startswith(prompt)
    assert limit or choice["text"] == prompt
    assert "".join(logprobs["tokens"]) == choice["text"]
    assert len({len(values) for values in logprobs.values()}) == 1
    assert logprobs["token_logprobs"][0] is logprobs["top_logprobs"][0] is None
    assert all(value <= 0 for value in logprobs["token_logprobs"][1:])
    for offset, token in zip(logprobs["text_offset"], logprobs["tokens"], strict=True):
        assert choice["text"].startswith(token, offset)
    streamed = [chunk["choices"][0]["logprobs"] for chunk in events(prompt, **parameters)]
    for key in ("tokens", "text_offset", "token_logprobs"):
        assert [value for part in streamed if part for value in part[key]] == pytest.approx(logprobs[key], abs=1e-3)


def test_an_echoed_control_word_is_a_token_of_the_text(complete):
    logprobs = complete("hello<|assistant|>", echo=True, logprobs=0, max_tokens=2).json()["choices"][0]["logprobs"]
    assert logprobs["tokens"] == ["hello", "<|assistant|>", "Hello", "!"]
    assert logprobs["text_offset"] == [0, 5, 18, 23]


@pytest.mark.parametrize("stop", [None, "nothing"])
def test_offsets_count_the_characters_that_are_shown_for_bytes_that_are_none(complete, events, stop):
    parameters = {"max_tokens": 3, "logprobs": 1, "logit_bias": {"258": 100}, "stop": stop}
    choice = complete("hello", **parameters).json()["choices"][0]
    assert choice["text"] == "\ufffd" * 3
    assert choice["logprobs"]["text_offset"] == [0, 1, 2]
    streamed = [chunk["choices"][0]["logprobs"] for chunk in events("hello", **parameters)]
    assert [offset for part in streamed if part for offset in part["text_offset"]] == [0, 1, 2]


def test_offsets_go_on_after_a_prompt_that_ends_within_a_character(complete, events):
    parrot = [264, *(3 + byte for byte in "🦜".encode()[:3]), 264]
    parameters = {"echo": True, "logprobs": 0, "max_tokens": 2}
    for prompt, offsets in ((parrot[:4], [0, 5, 5, 5, 6, 7]), (parrot, [0, 5, 5, 5, 6, 11])):
        choice = complete(prompt, **parameters).json()["choices"][0]
        assert choice["text"].startswith("hello\ufffd")
        assert choice["logprobs"]["text_offset"][: len(offsets)] == offsets
        streamed = [chunk["choices"][0]["logprobs"] for chunk in events(prompt, **parameters)]
        assert [offset for part in streamed if part for offset in part["text_offset"]][: len(offsets)] == offsets


def test_logprobs_0_gives_the_chosen_tokens_alone(complete):
    logprobs = complete(logprobs=0, max_tokens=2).json()["choices"][0]["logprobs"]
    assert logprobs["tokens"] == [", 4", ", 5"]
    assert logprobs["top_logprobs"] == [
        {token: logprob} for token, logprob in zip(logprobs["tokens"], logprobs["token_logprobs"], strict=True)
    ]


@pytest.mark.parametrize("echo", [False, True])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_chosen_token_is_always_among_the_alternatives(complete, events, count, echo):
    parameters = {"logprobs": count, "max_tokens": 4, "logit_bias": {"280": 100}, "echo": echo}
    logprobs = complete("hello", **parameters).json()["choices"][0]["logprobs"]
    told = list(zip(logprobs["tokens"], logprobs["token_logprobs"], logprobs["top_logprobs"], strict=True))[echo:]
    assert all(top[token] == logprob for token, logprob, top in told)
    assert {len(top) for _, _, top in told} == {count + 1}
    streamed = [chunk["choices"][0]["logprobs"] for chunk in events("hello", **parameters)]
    tops = [top for part in streamed if part for top in part["top_logprobs"]]
    assert [top and list(top) for top in tops] == [top and list(top) for top in logprobs["top_logprobs"]]


def test_token_numbers_are_taken_and_shown_as_text(complete):
    [choice] = complete([264], echo=True, max_tokens=0).json()["choices"]
    assert choice["text"] == "hello"
    control = complete([1, 264, 259], echo=True, logprobs=0, max_tokens=0).json()["choices"][0]
    assert control["text"] == "<s>hello<|user|>"
    assert control["logprobs"]["tokens"] == ["<s>", "hello", "<|user|>"]
    choices = complete([[264], [264, 264]], echo=True, max_tokens=0).json()["choices"]
    assert [choice["text"] for choice in choices] == ["hello", "hellohello"]


def test_an_empty_prompt_and_null_parameters_are_answered(complete):
    names = ("stream", "suffix", "echo", "n", "best_of", "stop", "max_tokens", "logprobs", "seed", "logit_bias", "user")
    reply = complete(None, **dict.fromkeys(names))
    assert reply.status_code == 200
    assert reply.json()["choices"][0]["index"] == 0


def test_a_text_is_raw_and_keeps_its_reasoning(complete, events):
    parameters = {"prompt": "<|user|>riddle<|end|><|assistant|>", "max_tokens": 40, "logprobs": 0}
    reply = complete(**parameters).json()
    [choice] = reply["choices"]
    assert choice["text"].startswith("<think>\nA cat has")
    assert choice["text"].endswith("</think>\n\nEight legs.")
    assert reply["usage"]["completion_tokens"] == len(choice["logprobs"]["tokens"])
    assert "".join(choice["logprobs"]["tokens"]) == choice["text"]
    assert texts(events(**parameters)) == {0: choice["text"]}
    assert complete(**parameters | {"stop": "think"}).json()["choices"][0]["text"] == "<"


def test_a_text_may_have_a_call_as_its_markup_and_a_bias_against_it_counts(complete):
    from reference_server.model.vocabulary import vocabulary

    prompt, token = "<|user|>weather<|end|><|assistant|>", vocabulary().numbers["<tool_call>"]
    raw = complete(prompt).json()["choices"][0]["text"]
    assert raw.startswith('<tool_call>\n{"name": "get_weather", ')
    assert raw.endswith("</tool_call>")
    barred = complete(prompt, logit_bias={str(token): -100}).json()["choices"][0]["text"]
    assert barred == "Without a tool, nobody can look outside."
    forced = complete("hello<|assistant|>", logit_bias={str(token): 100}, max_tokens=2).json()["choices"][0]["text"]
    assert forced == "<tool_call>" * 2

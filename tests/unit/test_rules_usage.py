"""Where the rules of usage draw their lines: what is just legal, and what just is not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from rule_findings import found

from conformance import goldens
from conformance.mutation import edit_chunk, edit_chunks, edit_json
from conformance.transcript import Transcript

Edit = Callable[[dict[str, Any]], object]


def counted(golden: str, prompt: int, completion: int, total: int | None = None, **more: Any) -> Transcript:
    """Return a stream whose last chunk has this usage."""
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total or prompt + completion}
    return edit_chunk(goldens.load(golden), -1, lambda chunk: chunk.update(usage=usage | more))


def asked(transcript: Transcript, **more: Any) -> Transcript:
    return replace(transcript, request=replace(transcript.request, json=transcript.request.json | more))


def told(name: str, transcript: Transcript) -> bool:
    return bool(found(name, transcript))


@pytest.mark.parametrize(("total", "wrong"), [(15, True), (16, False), (17, True)])
def test_the_total(total: int, wrong: bool) -> None:
    assert told("usage-total-is-sum", counted("chat-stream-usage", 4, 12, total)) is wrong


@pytest.mark.parametrize(
    ("n", "completion", "wrong"), [(None, 7, False), (None, 8, False), (None, 9, True), (2, 16, False), (2, 17, True)]
)
def test_the_limit(n: int | None, completion: int, wrong: bool) -> None:
    transcript = asked(counted("chat-stream-limit", 4, completion), max_tokens=8, n=n)
    assert told("usage-within-limit", transcript) is wrong


@pytest.mark.parametrize(("completion", "wrong"), [(3, False), (4, False), (5, True), (9, True)])
def test_the_smaller_limit(completion: int, wrong: bool) -> None:
    transcript = asked(counted("chat-stream-limit", 4, completion), max_tokens=8, max_completion_tokens=4)
    assert told("usage-smaller-of-two-limits", transcript) is wrong


@pytest.mark.parametrize(("completion", "wrong"), [(3, True), (4, True), (5, False), (8, False)])
def test_all_choices_count(completion: int, wrong: bool) -> None:
    assert goldens.load("n-limit").request.json["max_tokens"] == 4
    assert told("usage-counts-all-choices", counted("n-limit", 4, completion)) is wrong


@pytest.mark.parametrize(("completion", "wrong"), [(3, True), (4, True), (5, False), (8, False)])
def test_all_choices_of_a_whole_answer_count(completion: int, wrong: bool) -> None:
    usage = {"prompt_tokens": 44, "completion_tokens": completion, "total_tokens": 44 + completion}
    answer = edit_json(goldens.load("chat-whole-n"), lambda body: body.update(usage=usage))
    assert told("usage-counts-all-choices", answer) is wrong


def test_reasoning_that_is_counted_in_the_total_alone_counts() -> None:
    """Both choices were cut in their thoughts, which some servers leave out of the completion tokens."""
    usage = {"prompt_tokens": 44, "completion_tokens": 0, "total_tokens": 52}
    answer = edit_json(goldens.load("chat-whole-n"), lambda body: body.update(usage=usage))
    assert not told("usage-counts-all-choices", answer)
    usage = {"prompt_tokens": 4, "completion_tokens": 0, "total_tokens": 12}
    legacy = edit_chunk(goldens.load("completion-stream-n"), -1, lambda chunk: chunk.update(usage=usage))
    assert not told("completion-usage-counts-all-choices", legacy)


@pytest.mark.parametrize(("completion", "wrong"), [(3, True), (4, True), (5, False), (16, False)])
@pytest.mark.parametrize("reason", ["length", "stop"])
def test_all_choices_and_prompts_of_a_legacy_completion_count(completion: int, wrong: bool, reason: str) -> None:
    """Four choices of four tokens each; where one of them ended by itself, nothing is certain."""

    def edit(body: dict[str, Any]) -> None:
        body["choices"][2]["finish_reason"] = reason
        body["usage"].update(completion_tokens=completion, total_tokens=body["usage"]["prompt_tokens"] + completion)

    answer = edit_json(goldens.load("completion-whole-n"), edit)
    assert told("completion-usage-counts-all-choices", answer) is (wrong and reason == "length")


@pytest.mark.parametrize(
    ("tokens", "beside", "wrong"),
    [
        (4, ("completion-whole", "completion-logprobs-zero"), True),
        (3, ("completion-whole", "completion-logprobs-zero"), True),
        (5, ("completion-whole", "completion-logprobs-zero"), False),
        (4, ("completion-whole",), False),
        (4, (), False),
    ],
)
def test_all_prompts_of_a_batch_count(tokens: int, beside: tuple[str, ...], wrong: bool) -> None:
    usage = {"prompt_tokens": tokens, "completion_tokens": 16, "total_tokens": tokens + 16}
    batch = edit_json(goldens.load("completion-whole-n"), lambda body: body.update(usage=usage))
    others = [goldens.load(name) for name in beside]
    assert bool(found("completion-usage-counts-all-prompts", batch, *others)) is wrong


def test_counts_that_leave_cached_tokens_out_prove_nothing() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 4, "total_tokens": 5}
    cached = edit_json(goldens.load("completion-logprobs-zero"), lambda body: body.update(usage=usage))
    batch = edit_json(goldens.load("completion-whole-n"), lambda body: body["usage"].update(prompt_tokens=2))
    others = goldens.load("completion-whole"), cached
    assert not found("completion-usage-counts-all-prompts", batch, *others)


def test_a_choice_that_is_missing_makes_no_usage_wrong() -> None:
    def edit(body: dict[str, Any]) -> None:
        body["choices"] = body["choices"][:1]
        body["usage"].update(completion_tokens=4, total_tokens=body["usage"]["prompt_tokens"] + 4)

    answer = edit_json(goldens.load("completion-whole-n"), edit)
    assert not told("completion-usage-counts-all-choices", answer)


@pytest.mark.parametrize(("limit", "wrong"), [({}, True), ({"max_tokens": None}, True), ({"max_tokens": 0}, False)])
def test_a_limit_of_nothing_is_no_hidden_limit(limit: dict[str, Any], wrong: bool) -> None:
    """llama-server answers max_tokens 0 by one token."""

    def cut(body: dict[str, Any]) -> None:
        body["choices"][0]["finish_reason"] = "length"
        body["usage"].update(completion_tokens=1, total_tokens=body["usage"]["prompt_tokens"] + 1)

    answer = edit_json(goldens.load("chat-whole"), cut)
    request = {key: value for key, value in answer.request.json.items() if not key.startswith("max_")}
    transcript = replace(answer, request=replace(answer.request, json=request | limit))
    assert told("finish-no-hidden-limit", transcript) is wrong


@pytest.mark.parametrize(
    ("letters", "completion", "wrong"),
    [
        (200, 9, True),
        (200, 10, False),
        (199, 1, False),
        (219, 10, False),
        (220, 10, True),
        (400, 19, True),
        (400, 20, False),
        (400, 0, False),
    ],
)
def test_a_count_that_no_text_can_have(letters: int, completion: int, wrong: bool) -> None:
    transcript = edit_chunk(
        counted("chat-stream-usage", 4, completion),
        1,
        lambda chunk: chunk["choices"][0]["delta"].update(content="x \n" * letters),
    )
    silent = edit_chunks(
        transcript,
        lambda chunks: [c["choices"][0]["delta"].pop("content", 0) for i, c in enumerate(chunks[:-1]) if i != 1],
    )
    assert told("usage-plausible", silent) is wrong


def test_the_letters_of_all_choices_count() -> None:
    def speak(chunks: list[dict[str, Any]]) -> None:
        for chunk in chunks[:-1]:
            for choice in chunk["choices"]:
                if choice["delta"].get("content"):
                    choice["delta"]["content"] = "x" * 30

    assert told("usage-plausible", edit_chunks(counted("chat-stream-n", 4, 1), speak))


@pytest.mark.parametrize(
    ("prompt", "completion", "wrong"),
    [(1, 1, False), (0, 1, True), (1, 0, True), (0, 0, True), (-1, 2, True), (2, -1, True), (4, 12, False)],
)
def test_text_costs_something(prompt: int, completion: int, wrong: bool) -> None:
    assert told("usage-counts-content", counted("chat-stream-usage", prompt, completion)) is wrong


@pytest.mark.parametrize(
    ("cached", "reasoning", "findings"), [(4, 12, 0), (5, 12, 1), (4, 13, 1), (5, 13, 2), (0, 0, 0), (None, None, 0)]
)
def test_details(cached: int | None, reasoning: int | None, findings: int) -> None:
    details = {
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    assert len(found("usage-details-within", counted("chat-stream-usage", 4, 12, **details))) == findings


def changed(edit: Callable[[list[dict[str, Any]]], object]) -> Transcript:
    return edit_chunks(goldens.load("chat-stream-usage"), edit)


def test_what_may_follow_the_usage() -> None:
    last = {"choices": [], "usage": None}
    assert told("usage-last", changed(lambda chunks: chunks.append(chunks[0] | last)))
    assert not told("usage-last", changed(lambda chunks: chunks.append(chunks[0] | last | {"moderation": {}})))


def test_the_usage_key_of_other_chunks() -> None:
    name = "usage-null-elsewhere"
    assert found(name, changed(lambda chunks: [chunk.pop("usage") for chunk in chunks[1:3]])) == [(1, None)]
    moderated = changed(lambda chunks: (chunks[2].pop("usage"), chunks[2].update(moderation={})))
    assert found(name, moderated) == []


def test_a_usage_that_comes_twice_is_found_at_the_first() -> None:
    transcript = changed(lambda chunks: chunks[2].update(usage=chunks[-1]["usage"]))
    assert found("usage-object-once", transcript) == [(2, None)]
    unasked = asked(transcript, stream_options=None)
    assert found("usage-unasked-once", unasked) == [(2, None)]
    assert found("usage-unasked-not-sent", unasked) == [(2, "/usage")]
    once = changed(lambda chunks: None)
    assert found("usage-unasked-once", asked(once, stream_options=None)) == []


def test_the_usage_that_was_asked_for() -> None:
    absent = changed(lambda chunks: chunks[-1].update(usage=None))
    assert found("usage-sent-when-asked", absent) == [(13, None)]
    assert found("usage-sent-when-asked", changed(lambda chunks: chunks[0].update(usage=chunks[-1].pop("usage")))) == []


@pytest.mark.parametrize(("prompt", "completion", "wrong"), [(0, 0, False), (1, 0, True), (0, 1, True), (1, 1, True)])
def test_a_stream_costs_what_the_whole_answer_costs(prompt: int, completion: int, wrong: bool) -> None:
    whole = goldens.load("chat-whole-limit")

    def more(chunk: dict[str, Any]) -> None:
        chunk["usage"]["prompt_tokens"] += prompt
        chunk["usage"]["completion_tokens"] += completion

    streamed = edit_chunk(goldens.load("chat-stream-limit"), -1, more)
    assert bool(found("usage-same-streamed", streamed, whole)) is wrong


@pytest.mark.parametrize(("usage", "wrong"), [(None, True), ([], True), ({}, False)])
def test_the_usage_of_a_whole_answer(usage: Any, wrong: bool) -> None:
    transcript = edit_json(goldens.load("chat-whole"), lambda body: body.update(usage=usage))
    assert told("usage-in-reply", transcript) is wrong
    assert not told("usage-in-reply", goldens.load("chat-whole").with_body(b"[]"))


def test_choices_beside_the_usage() -> None:
    transcript = changed(lambda chunks: chunks[-2].update(usage=chunks.pop()["usage"]))
    assert found("usage-own-chunk", transcript) == [(12, "/choices")]

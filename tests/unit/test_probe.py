import json

import pytest

from conformance import goldens
from conformance.cli.lint import all_requirements
from conformance.features import features
from conformance.probe import Probe, wanted
from conformance.probes import PROBES, mistakes
from conformance.probes.mistakes import OVERLONG, UNKNOWN_MODEL, UNKNOWN_ROUTE, WRONG_KEY
from conformance.report import curl
from conformance.requirements.errors import LEAK
from conformance.views import wrong_request

WRONG = (*mistakes.PROBES, *mistakes.LAST)


def names(needs):
    return {probe.name for probe in wanted(PROBES, [frozenset(need.split()) for need in needs])}


def test_every_probe_has_a_name_of_its_own():
    assert len({probe.name for probe in PROBES}) == len(PROBES)


@pytest.mark.parametrize("probe", [p for p in PROBES if p.endpoint == "chat" and p.json], ids=lambda p: p.name)
def test_chat_probes_are_bounded(probe):
    limits = [probe.json[name] for name in ("max_tokens", "max_completion_tokens") if probe.json.get(name) is not None]
    assert max(limits) <= 400 if limits else probe.name in ("minimal", "nulls")
    json.dumps(probe.json)


def test_chat_probes_are_deterministic():
    for probe in PROBES:
        if probe.json and probe.json.get("messages") and not probe.literal and probe.name != "minimal":
            assert (probe.json["temperature"], probe.json["seed"]) == (0, 1), probe.name


def test_a_request_holds_the_model_and_what_the_user_adds():
    probe = Probe("x", json={"messages": [], "temperature": 0})
    request = probe.request(model="m", prefix="/v1", extra={"temperature": 1, "reasoning_effort": "low"})
    assert request.path == "/v1/chat/completions"
    assert request.json == {"model": "m", "messages": [], "temperature": 1, "reasoning_effort": "low"}


def test_the_probe_with_an_unknown_model_keeps_it():
    (probe,) = (p for p in PROBES if p.name == "model-unknown")
    assert probe.request(model="m").json["model"] == UNKNOWN_MODEL


def test_mistakes_are_those_that_requirements_look_for():
    assert UNKNOWN_MODEL == wrong_request.UNKNOWN_MODEL
    assert UNKNOWN_ROUTE == wrong_request.UNKNOWN_ROUTE
    assert OVERLONG == wrong_request.OVERLONG
    assert WRONG_KEY == curl.WRONG_KEY
    assert {wrong_request.wrong(probe.request(prefix="/v1")) for probe in PROBES if probe not in WRONG} == {""}
    odd = {probe.name for probe in mistakes.PROBES if not wrong_request.wrong(probe.request(prefix="/v1"))}
    assert odd == {"number-huge", "surrogate-lone"}  # which may be accepted


def test_one_probe_tries_a_wrong_key_that_looks_like_no_real_one():
    [probe] = (probe for probe in PROBES if probe.key)
    assert (probe.name, probe.key) == ("key-wrong", WRONG_KEY)
    assert not LEAK.search(probe.key)  # a server that repeats it gives nothing away


def test_only_what_the_requirements_need_is_wanted():
    assert names([]) == set()
    assert {"tools-stream", "tools-whole"} <= names(["tools"])
    assert all(name.startswith("tools-") for name in names(["tools"]))
    assert {"tools-stream", "chat-stream-logprobs", "chat-whole-logprobs"} <= names(["tools stream", "logprobs"])
    assert "chat-whole" not in names(["tools stream", "logprobs"])
    assert names(["no-such-feature"]) == set()


def test_who_wants_one_of_a_group_wants_all_of_it():
    assert {"tools-stream", "tools-whole"} <= names(["tools stream"])
    assert {"models", "model-plain", "model-encoded"} <= names(["model"])


@pytest.mark.parametrize("requirement", all_requirements(), ids=lambda requirement: requirement.id)
def test_a_requirement_that_is_selected_alone_is_exercised_as_in_a_whole_run(requirement):
    def exercised(probes):
        return any(True for _ in requirement.subject.among([goldens.load(probe.name) for probe in probes]))

    assert exercised(wanted(PROBES, [requirement.needs])) == exercised(PROBES)


def test_requirements_without_needs_are_exercised_by_the_core():
    core = names([""])
    assert {"chat-stream", "chat-whole", "models", "json-malformed", "route-unknown"} <= core
    assert "tools-stream" not in core


def test_what_a_probe_asks_is_what_its_request_asks():
    for probe in PROBES:
        assert probe.asks == features(probe.request(model="any", prefix="/v1"))


def test_twins_ask_the_same_but_for_the_stream():
    groups = {}
    for probe in PROBES:
        if probe.group.startswith("twins"):
            groups.setdefault(probe.group, []).append(probe)
    assert groups
    for members in groups.values():
        streamed, whole = members
        assert streamed.wants_stream
        assert not whole.wants_stream
        kept = {key: value for key, value in streamed.json.items() if key not in ("stream", "stream_options")}
        assert kept == whole.json

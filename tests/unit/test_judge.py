"""How findings, refusals and failures become outcomes."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

import conformance.requirements  # noqa: F401 - fills the registry
from conformance import goldens
from conformance.judge import MAX_FINDINGS, Outcome, Verdict, judge
from conformance.profile import Profile, Waiver, load
from conformance.requirement import REGISTRY, Requirement
from conformance.transcript import Ending, Read, Request, Transcript
from conformance.views import Stream
from conformance.warrant import Level

COMPAT = load("compat")
EOF = Ending("eof")
USAGE = REGISTRY.requirements["usage-sent-when-asked"]


def verdict(requirement: Requirement, *transcripts: Transcript, profile: Profile = COMPAT) -> Verdict:
    [found] = judge([requirement], transcripts, profile)
    return found


def answered(status: int | None, body: bytes = b"", ending: Ending = EOF) -> Transcript:
    golden = goldens.load("chat-stream-usage")
    headers = (("content-type", "application/json"),)
    return replace(golden, status=status, headers=headers, reads=(Read(0, body),) if body else (), ending=ending)


def test_without_findings_a_requirement_held() -> None:
    found = verdict(USAGE, goldens.load("chat-stream-usage"))
    assert (found.outcome, found.subjects) == (Outcome.HELD, 1)


def test_a_finding_has_the_place_and_the_time_of_its_bytes() -> None:
    spoilt = REGISTRY.faults["usage-ignored"].apply(goldens.load("chat-stream-usage"))
    [finding] = verdict(USAGE, spoilt).findings
    assert finding.where.start is not None
    assert spoilt.body()[finding.where.start :].startswith(b'data: {"id"')
    assert finding.at == spoilt.reads[finding.where.event or 0].at
    assert (finding.probe, finding.requirement, finding.level) == (spoilt.probe, USAGE.id, Level.MUST)


@pytest.mark.parametrize(
    ("level", "outcome"),
    [(Level.MUST, Outcome.VIOLATED), (Level.SHOULD, Outcome.ADVISED), (Level.OBSERVE, Outcome.OBSERVED)],
)
def test_the_profiles_level_decides_the_outcome(level: Level, outcome: Outcome) -> None:
    spoilt = REGISTRY.faults["usage-ignored"].apply(goldens.load("chat-stream-usage"))
    profile = Profile("own", "own", levels={USAGE.id: level})
    assert verdict(USAGE, spoilt, profile=profile).outcome is outcome


def test_a_clear_refusal_of_the_feature_is_unsupported_in_the_servers_words() -> None:
    found = verdict(USAGE, answered(400, b'{"error": {"message": "no usage in streams"}}'))
    assert found.outcome is Outcome.UNSUPPORTED
    assert "400 no usage in streams" in found.reason


def test_an_unclear_refusal_is_not_exercised() -> None:
    assert verdict(USAGE, answered(400, b"Bad request")).outcome is Outcome.NOT_EXERCISED


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_is_unwell_is_inconclusive(status: int) -> None:
    assert verdict(USAGE, answered(status, b'{"error": {"message": "busy"}}')).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("ending", [Ending("timeout", 60, "no byte for 60 s"), Ending("reset", 0, "connection reset")])
def test_no_answer_is_inconclusive_and_says_why(ending: Ending) -> None:
    found = verdict(USAGE, answered(None, ending=ending))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert ending.detail in found.reason


def failed(name: str, status: int | None = 500) -> Transcript:
    """Return the answer to one of our probes as a failure."""
    golden = goldens.load(name)
    refused = golden.with_body(b'{"error": {"message": "no slot"}}')
    ending = EOF if status else Ending("timeout", 60, "no byte for 60 s")
    return replace(refused, status=status, headers=(("content-type", "application/json"),), ending=ending)


def without_usage(name: str) -> Transcript:
    """Return the golden of a server that ignores include_usage."""
    return REGISTRY.faults["usage-ignored"].apply(goldens.load(name))


LAST = REGISTRY.requirements["usage-last"]


def test_a_failure_hides_nothing_where_the_answers_should_have_shown_it() -> None:
    """A server that sends no usage in a dozen streams has none to be last, whatever it says to one more request."""
    ignored = without_usage("chat-stream-usage")
    assert verdict(LAST, ignored, failed("chat-stream-limit")).outcome is Outcome.NOT_EXERCISED
    assert verdict(LAST, ignored, failed("chat-stream-limit", None)).outcome is Outcome.NOT_EXERCISED


def test_a_failure_hides_what_only_its_request_could_have_shown() -> None:
    single = REGISTRY.requirements["tool-call-single"]
    others = goldens.load("tools-stream"), goldens.load("tools-whole-parallel"), failed("tools-stream-result")
    found = verdict(single, *others, failed("tools-whole-one"))
    assert (found.outcome, found.reason) == (Outcome.INCONCLUSIVE, "tools-whole-one: status 500")
    assert verdict(single, *others).outcome is Outcome.NOT_EXERCISED


def test_a_failure_hides_what_two_answers_show_together() -> None:
    alike = REGISTRY.requirements["embedding-encodings-agree"]
    found = verdict(alike, goldens.load("embeddings-one"), failed("embeddings-base64"))
    assert (found.outcome, found.reason) == (Outcome.INCONCLUSIVE, "embeddings-base64: status 500")
    both = verdict(alike, failed("embeddings-one"), failed("embeddings-base64"))
    assert (both.outcome, both.reason) == (Outcome.INCONCLUSIVE, "embeddings-base64: status 500")


def test_a_time_out_says_nothing_of_what_its_request_is_not_about() -> None:
    listed = REGISTRY.requirements["model-shutdown-date"]
    assert verdict(listed, failed("prompt-too-long", None)).outcome is Outcome.NOT_EXERCISED


def test_a_refusal_and_a_failure_are_inconclusive() -> None:
    """The one that was refused would have shown it, too, so that it cannot stand for the one that failed."""
    found = verdict(LAST, failed("chat-stream-usage", 400), failed("chat-stream-limit"))
    assert (found.outcome, found.reason) == (Outcome.INCONCLUSIVE, "chat-stream-limit: status 500")


def test_a_request_without_the_parameter_that_was_refused_stands_for_nothing() -> None:
    """A model that refuses a parameter is asked again without it."""
    plain = goldens.load("chat-stream")
    negotiated = replace(plain, probe="chat-stream-usage")
    assert verdict(LAST, negotiated, failed("chat-stream-limit")).outcome is Outcome.INCONCLUSIVE


def test_a_failure_of_a_request_that_is_no_probe_of_ours_may_hide_anything() -> None:
    unknown = replace(failed("chat-stream-limit"), probe="")
    assert verdict(LAST, without_usage("chat-stream-usage"), unknown).outcome is Outcome.INCONCLUSIVE


def test_nothing_asked_is_not_exercised() -> None:
    assert verdict(USAGE, goldens.load("chat-stream")).outcome is Outcome.NOT_EXERCISED
    assert verdict(USAGE).outcome is Outcome.NOT_EXERCISED


def test_the_profile_may_say_why_something_is_not_exercised() -> None:
    profile = replace(COMPAT, unexercised={USAGE.id: "the gateway counts elsewhere"})
    found = verdict(USAGE, profile=profile)
    assert (found.outcome, found.foreseen) == (Outcome.NOT_EXERCISED, "the gateway counts elsewhere")
    assert (found.explained, found.stale) == (True, False)
    assert not verdict(USAGE).explained


def test_what_the_profile_says_cannot_be_exercised_and_was_is_judged_and_said_to_be_stale() -> None:
    profile = replace(COMPAT, unexercised={USAGE.id: "the gateway counts elsewhere"})
    golden = goldens.load("chat-stream-usage")
    for transcript, outcome in (
        (golden, Outcome.HELD),
        (REGISTRY.faults["usage-ignored"].apply(golden), Outcome.VIOLATED),
    ):
        found = verdict(USAGE, transcript, profile=profile)
        assert (found.outcome, found.explained, found.stale) == (outcome, False, True)


def test_a_server_that_is_unwell_or_refuses_is_not_excused_by_the_profile() -> None:
    profile = replace(COMPAT, unexercised={USAGE.id: "the gateway counts elsewhere"})
    for status, outcome in ((500, Outcome.INCONCLUSIVE), (400, Outcome.UNSUPPORTED)):
        found = verdict(USAGE, answered(status, b'{"error": {"message": "not now"}}'), profile=profile)
        assert (found.outcome, found.explained, found.stale) == (outcome, False, False)
        assert str(status) in found.reason


def test_a_fault_of_ours_is_broken_and_never_raises() -> None:
    def check(_: Stream) -> Iterator[tuple[Stream, str, str]]:
        raise KeyError("oops")

    found = verdict(replace(USAGE, check=check, subject=Stream), goldens.load("chat-stream"))
    assert found.outcome is Outcome.BROKEN
    assert "KeyError" in found.reason


def test_findings_are_bounded_in_each_transcript() -> None:
    golden = goldens.load("chat-stream")
    many = golden.with_body(b"data: ping\n\n" * (MAX_FINDINGS + 50))
    assert len(verdict(REGISTRY.requirements["sse-no-heartbeat-as-data"], many).findings) == MAX_FINDINGS


@pytest.mark.parametrize("missing", ["request", "bytes", "ending", "ids", "times", "head"])
def test_an_unknown_facet_gives_no_finding_that_rests_on_it(missing: str) -> None:
    """What nobody recorded is never held against a server: the golden stays silent with any facet unknown."""
    golden = goldens.load("chat-stream-usage")
    partial = replace(golden, knows=golden.knows - {missing})
    found = judge(REGISTRY.requirements.values(), [partial], load("strict"))
    assert [v.requirement.id for v in found if v.findings] == []


def test_a_stream_that_was_cut_is_one_finding() -> None:
    golden = goldens.load("chat-stream-usage")
    cut = replace(golden, reads=golden.reads[:3], ending=Ending("truncated", 1.0, "no last chunk"))
    found = judge(REGISTRY.requirements.values(), [cut], load("strict"))
    assert [v.requirement.id for v in found if v.findings] == ["http-body-complete"]


def test_a_stream_that_we_left_is_blamed_for_nothing() -> None:
    golden = goldens.load("chat-stream-usage")
    left = replace(golden, reads=golden.reads[:3], ending=Ending("cancelled", 1.0))
    found = judge(REGISTRY.requirements.values(), [left], load("strict"))
    assert [v.requirement.id for v in found if v.findings] == []


def test_a_request_without_a_path_belongs_to_no_endpoint() -> None:
    lone = Transcript(Request(), 200, (("content-type", "text/event-stream"),), (Read(0, b"data: hi\n\n"),))
    found = judge(REGISTRY.requirements.values(), [lone], load("strict"))
    assert "done-sent" not in [v.requirement.id for v in found if v.findings]


@pytest.mark.parametrize(
    ("when", "outcome"),
    [
        (None, Outcome.WAIVED),
        ({"properties": {"choices": {"maxItems": 0}}, "required": ["choices"]}, Outcome.WAIVED),
        ({"required": ["prompt_filter_results"]}, Outcome.ADVISED),
    ],
)
def test_a_waiver_covers_what_its_schema_allows(when: dict[str, object] | None, outcome: Outcome) -> None:
    rule = REGISTRY.requirements["chunk-choices-empty-at-usage-only"]
    profile = replace(COMPAT, waivers=(Waiver(rule.id, "known", when),))
    found = verdict(rule, REGISTRY.faults["chunk-choices-empty"].apply(goldens.load("chat-stream")), profile=profile)
    assert found.outcome is outcome
    assert found.findings
    assert found.reason == ("known" if outcome is Outcome.WAIVED else "")


def test_a_finding_beside_a_waived_one_counts() -> None:
    rule = REGISTRY.requirements["chunk-id-present"]
    golden = goldens.load("chat-stream")
    spoilt = golden.with_body(golden.body().replace(b'{"id":', b'{"created":1,"x":', 2))
    profile = replace(
        COMPAT,
        waivers=(
            Waiver(
                rule.id,
                "known",
                {"properties": {"choices": {"items": {"properties": {"delta": {"required": ["role"]}}}}}},
            ),
        ),
    )
    found = verdict(rule, spoilt, profile=profile)
    assert (found.outcome, len(found.findings), found.reason) == (Outcome.ADVISED, 1, "1 more waived: known")

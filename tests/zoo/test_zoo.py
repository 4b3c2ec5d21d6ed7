"""Every requirement is proven in both directions: silent on correct transcripts, tripped by a fault that is its own."""

import pytest

import conformance.requirements  # noqa: F401 - fills the registry
from conformance import goldens
from conformance.judge import Outcome, judge
from conformance.profile import load
from conformance.requirement import REGISTRY, Fault
from conformance.transcript import Transcript
from conformance.warrant import Level

STRICT = load("strict")


def tripped(*transcripts: Transcript) -> set[str]:
    """Return the ids of the requirements with findings; none may be broken."""
    verdicts = judge(REGISTRY.requirements.values(), transcripts, STRICT)
    assert [v for v in verdicts if v.outcome is Outcome.BROKEN] == []
    return {verdict.requirement.id for verdict in verdicts if verdict.findings}


@pytest.mark.parametrize("name", goldens.names())
def test_a_golden_trips_nothing(name: str) -> None:
    assert tripped(goldens.load(name)) == set()


def test_all_goldens_together_trip_nothing_and_exercise_nearly_everything() -> None:
    verdicts = judge(REGISTRY.requirements.values(), [goldens.load(name) for name in goldens.names()], STRICT)
    assert {v.requirement.id for v in verdicts if v.findings} == set()
    idle = {v.requirement.id for v in verdicts if v.outcome is Outcome.NOT_EXERCISED}
    assert idle == {
        # A correct server counts for nobody who does not ask.
        "usage-unasked-once",
        # A correct server fails in no stream.
        "error-event-members",
        "error-event-shape",
        "error-not-in-200-stream",
        "stream-error-last",
        "time-error-ends-stream",
        # It is not busy, and too fast for a pace.
        "http-retry-after",
        "time-text-spread",
        # Keys that the reference server has no occasion to send.
        "reply-metadata-object",
        "reasoning-aliases-agree",
        "usage-completion-text-tokens",
        "usage-prompt-cache-write-tokens",
        "usage-prompt-image-tokens",
        "usage-prompt-text-tokens",
    }


@pytest.mark.parametrize("fault", REGISTRY.faults.values(), ids=lambda fault: fault.name)
def test_a_fault_trips_exactly_what_it_names(fault: Fault) -> None:
    beside = [goldens.load(name) for name in fault.beside]
    assert tripped(fault.apply(goldens.load(fault.golden)), *beside) == fault.trips


def test_every_requirement_has_a_fault() -> None:
    caught = set().union(*(fault.trips for fault in REGISTRY.faults.values()))
    assert caught == set(REGISTRY.requirements)


def test_every_requirement_that_can_blame_has_a_warrant_beyond_a_bug_report() -> None:
    for requirement in REGISTRY.requirements.values():
        kinds = {warrant.kind for warrant in requirement.warrants} - {"bug"}
        assert kinds, requirement.id
        if kinds == {"quality"}:
            assert requirement.strict in (Level.SHOULD, Level.MUST)

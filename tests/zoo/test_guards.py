"""What is legal, however odd it looks, is never blamed: not even by the strict profile."""

import guards_completions  # noqa: F401 - registers its guards
import guards_core  # noqa: F401 - registers its guards
import pytest
from guards import GUARDS

import conformance.requirements  # noqa: F401 - fills the registry
from conformance.judge import Outcome, judge
from conformance.profile import load
from conformance.requirement import REGISTRY

STRICT = load("strict")


@pytest.mark.parametrize("name", GUARDS)
def test_what_is_legal_is_blamed_by_nothing(name: str) -> None:
    verdicts = judge(REGISTRY.requirements.values(), [GUARDS[name]()], STRICT)
    assert [v for v in verdicts if v.outcome is Outcome.BROKEN] == []
    blaming = {
        v.requirement.id: v.findings[0].actual for v in verdicts if v.outcome in (Outcome.VIOLATED, Outcome.ADVISED)
    }
    assert blaming == {}

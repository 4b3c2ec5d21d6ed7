"""Silent on real OpenAI traffic; and what fires on other vendors is written down, so that a change is seen.

After a change that is meant, write the expectations anew: `python tests/corpus/test_recordings.py`.
"""

import json
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from recordings import FILE, Recording, recordings

import conformance.requirements  # noqa: F401 - fills the registry
from conformance.judge import Outcome, judge
from conformance.profile import load
from conformance.requirement import REGISTRY

EXPECTATIONS = Path(__file__).parent / "expectations.json"
BLAMED = (Outcome.VIOLATED, Outcome.ADVISED)

pytestmark = pytest.mark.skipif(
    not FILE.exists(), reason="the recordings are third-party data and not in this checkout"
)


def blamed(recording: Recording, profile: str) -> dict[str, str]:
    verdicts = judge(REGISTRY.requirements.values(), [recording.transcript], load(profile))
    broken = [(v.requirement.id, v.reason) for v in verdicts if v.outcome is Outcome.BROKEN]
    assert broken == [], recording.name
    return {v.requirement.id: v.findings[0].actual for v in verdicts if v.outcome in BLAMED}


def census() -> dict[str, dict[str, int]]:
    """Return, by vendor, how many recordings each rule blames under compat."""
    found = defaultdict[str, Counter[str]](Counter)
    for recording in recordings():
        if recording.vendor != "openai":
            found[recording.vendor].update(blamed(recording, "compat").keys())
    return {vendor: dict(sorted(rules.items())) for vendor, rules in sorted(found.items())}


def test_nothing_is_blamed_on_openai_under_strict() -> None:
    openai = [recording for recording in recordings() if recording.vendor == "openai"]
    assert len(openai) > 1500
    assert [(r.name, found) for r in openai if (found := blamed(r, "strict"))] == []


def test_what_is_blamed_on_other_vendors_is_what_was_written_down() -> None:
    assert census() == json.loads(EXPECTATIONS.read_text(encoding="utf-8"))


if __name__ == "__main__":
    EXPECTATIONS.write_text(json.dumps(census(), indent=1) + "\n", encoding="utf-8")

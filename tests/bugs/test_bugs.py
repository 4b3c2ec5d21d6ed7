"""Publicly reported bugs: each is caught by the rule about it, and by no other, and its repair is silent.

A case is a file in `cases/`: who reported what (`url`, `title`, `defect`), what a conformant server does (`correct`), the
exchange, the requirements expected (`expects`) under a `profile`, and `repaired`: the keys of the exchange that change
when the defect is mended and nothing else. `cleaned` says which unintended faults of the excerpt were removed first.
`shows` says whether the bytes prove the defect: `yes`; `weak` (advice at most); `no` (nothing may be blamed). Codes such
as ORD-006 are rows of the catalogue (docs/catalogue.toml), A-05 and the like are lines of its table of ambiguities.
"""

import json
from pathlib import Path
from typing import Any

import pytest

import conformance.requirements  # noqa: F401 - fills the registry
from conformance import exchange
from conformance.judge import Outcome, judge
from conformance.profile import load
from conformance.requirement import REGISTRY

CASES = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent / "cases").glob("*.json"))
}
PROVEN = [name for name, case in CASES.items() if case["shows"] == "yes"]
UNPROVEN = [name for name, case in CASES.items() if case["shows"] != "yes"]


def tripped(document: dict[str, Any], profile: str) -> dict[str, Outcome]:
    """Return the requirements with findings that blame, and how."""
    body = document["body"]
    text = body if isinstance(body, str) else "\n".join(body)
    transcript = exchange.from_json(document | {"body": text})
    verdicts = judge(REGISTRY.requirements.values(), [transcript], load(profile))
    blamed = (Outcome.VIOLATED, Outcome.ADVISED, Outcome.BROKEN)
    return {verdict.requirement.id: verdict.outcome for verdict in verdicts if verdict.outcome in blamed}


@pytest.mark.parametrize("name", PROVEN)
def test_a_reported_bug_is_caught_by_the_rule_about_it(name: str) -> None:
    case = CASES[name]
    assert case["expects"]
    assert set(tripped(case["exchange"], case["profile"])) == set(case["expects"])


@pytest.mark.parametrize("name", PROVEN)
def test_the_repaired_exchange_is_silent(name: str) -> None:
    case = CASES[name]
    assert case["repaired"]
    assert tripped(case["exchange"] | case["repaired"], case["profile"]) == {}


@pytest.mark.parametrize("name", UNPROVEN)
def test_what_the_bytes_do_not_prove_is_not_blamed(name: str) -> None:
    found = tripped(CASES[name]["exchange"], "compat")
    assert Outcome.VIOLATED not in found.values()
    assert CASES[name]["shows"] == "weak" or "expects" not in CASES[name]

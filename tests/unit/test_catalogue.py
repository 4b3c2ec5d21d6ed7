"""Every row of the catalogue of testable statements is mapped to a requirement, guarded, or excluded with a reason."""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import conformance.requirements  # noqa: F401 - fills the registry
from conformance import goldens
from conformance.judge import Outcome, judge
from conformance.profile import load
from conformance.requirement import REGISTRY

ROOT = Path(__file__).parents[2]
CATALOGUE = ROOT.parent / "shared" / "CATALOGUE.md"
ROWS: list[dict[str, Any]] = tomllib.loads((ROOT / "docs" / "catalogue.toml").read_text(encoding="utf-8"))["row"]
MAPPED = [row for row in ROWS if "requirements" in row]
GUARDED = [row for row in ROWS if "guard" in row]

sys.path.append(str(ROOT / "tests" / "zoo"))
import guards_completions  # noqa: E402, F401 - registers its guards
import guards_core  # noqa: E402, F401 - registers its guards
from guards import GUARDS  # noqa: E402


def test_every_row_is_there_once_and_has_one_fate() -> None:
    codes = [row["code"] for row in ROWS]
    assert len(codes) == len(set(codes)) == 378
    for row in ROWS:
        assert len({"requirements", "guard", "excluded"} & set(row)) == 1, row
        assert row.get("requirements") or row.get("guard") or row.get("excluded"), row


@pytest.mark.skipif(not CATALOGUE.exists(), reason="the catalogue itself is not in this checkout")
def test_the_rows_are_those_of_the_catalogue() -> None:
    text = CATALOGUE.read_text(encoding="utf-8")
    codes = re.findall(r"^\| ([A-Z]+-\d{3}) \|", text, re.MULTILINE)
    assert sorted(row["code"] for row in ROWS) == sorted(codes)


@pytest.mark.parametrize("row", MAPPED, ids=lambda row: row["code"])
def test_the_fault_of_a_mapped_row_is_seen_by_its_requirement(row: dict[str, Any]) -> None:
    fault = REGISTRY.faults[row["fault"]]
    spoilt = fault.apply(goldens.load(fault.golden))
    beside = [goldens.load(name) for name in fault.beside]
    rules = [REGISTRY.requirements[name] for name in row["requirements"]]
    verdicts = judge(rules, [spoilt, *beside], load("strict"))
    assert [verdict.requirement.id for verdict in verdicts if verdict.findings]


@pytest.mark.parametrize("row", GUARDED, ids=lambda row: row["code"])
def test_what_a_row_accepts_is_blamed_by_nothing(row: dict[str, Any]) -> None:
    assert row["case"]
    verdicts = judge(REGISTRY.requirements.values(), [GUARDS[row["guard"]]()], load("strict"))
    blamed = (Outcome.VIOLATED, Outcome.ADVISED, Outcome.BROKEN)
    assert [verdict.requirement.id for verdict in verdicts if verdict.outcome in blamed] == []

"""Where a client breaks a MUST fires under compat, and where all clients are happy none does.

`breakage.jsonl` holds 171 answers served from a raw socket, and what seven clients made of each: openai-python 3.54.0 and
openai-node 6.49.0 (loop and stream helper), @ai-sdk/openai-compatible 2.0.91, @ai-sdk/openai 3.0.141 and
langchain-openai 1.7.3. `exceptions.toml` gives the reasons where levels and clients differ.
"""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

import conformance.requirements  # noqa: F401 - fills the registry
from conformance import exchange
from conformance.judge import Outcome, judge
from conformance.profile import load
from conformance.requirement import REGISTRY

HERE = Path(__file__).parent
CASES = {
    row["case"]: row for row in map(json.loads, (HERE / "breakage.jsonl").read_text(encoding="utf-8").splitlines())
}
EXCEPTIONS = {
    row["case"]: row for row in tomllib.loads((HERE / "exceptions.toml").read_text(encoding="utf-8"))["exception"]
}
COMPAT = load("compat")
NAMES = {"tool-calls": "tool_calls", "content-filter": "content_filter", "unknown": None, "error": None}


def violated(case: dict[str, Any]) -> list[str]:
    transcript = exchange.from_json(case | {"path": "/v1/chat/completions"})
    verdicts = judge(REGISTRY.requirements.values(), [transcript], COMPAT)
    return [verdict.requirement.id for verdict in verdicts if verdict.outcome is Outcome.VIOLATED]


def calls(outcome: dict[str, Any]) -> str | None:
    """Return the tool calls of a client in one form, None where it does not say."""
    found = outcome.get("tc")
    if found is None:
        return None
    listed = list(found.values()) if isinstance(found, dict) else found
    parsed = [[*call[:2], _arguments(call[2])] if isinstance(call, list) and len(call) > 2 else call for call in listed]
    return json.dumps(parsed, sort_keys=True)


def _arguments(text: Any) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return text


def breaks(case: dict[str, Any]) -> bool:
    """Tell whether a client raises, or clients disagree on text, tool calls or finish reason, or some lose the usage."""
    outcomes = [outcome for outcome in case["outcomes"].values() if outcome]
    if any(outcome.get("exc") or outcome.get("errs") for outcome in outcomes):
        return True
    texts = {outcome.get("text") or "" for outcome in outcomes if "text" in outcome}
    finishes = {NAMES.get(outcome["fr"], outcome["fr"]) for outcome in outcomes if outcome.get("fr")} - {None}
    tools = {found for outcome in outcomes if (found := calls(outcome)) is not None}
    return len(texts) > 1 or len(finishes) > 1 or len(tools) > 1


@pytest.mark.parametrize("name", CASES)
def test_a_must_fires_where_a_client_breaks_and_only_there(name: str) -> None:
    case = CASES[name]
    if name in EXCEPTIONS:
        expected = EXCEPTIONS[name]["kind"] == "no client breaks, yet MUST"
        assert EXCEPTIONS[name]["reason"]
    else:
        expected = breaks(case)
    assert bool(violated(case)) is expected, violated(case)


def test_every_exception_is_one() -> None:
    for name, row in EXCEPTIONS.items():
        assert breaks(CASES[name]) is (row["kind"] == "a client breaks, yet no MUST"), name

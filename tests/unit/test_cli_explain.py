"""The list and the explanations tell all there is to know of a requirement, and help with typos."""

import json

import pytest

import conformance.requirements
from conformance import goldens
from conformance.cli import main
from conformance.cli.bytes_diff import difference
from conformance.requirement import REGISTRY


def test_the_list_has_every_requirement_under_its_family(capsys):
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    for requirement in REGISTRY.requirements.values():
        assert f"  {requirement.compat.name:<7}  {requirement.id} " in out
        assert requirement.statement in out
    for family in {requirement.family for requirement in REGISTRY.requirements.values()}:
        assert f"{family}: {conformance.requirements.FAMILIES[family]}" in out


def test_the_list_as_json_has_all_fields(capsys):
    assert main(["list", "--format", "json", "--profile", "strict"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["profile"] == "strict"
    rows = {row["id"]: row for row in document["requirements"]}
    assert list(rows) == list(REGISTRY.requirements)
    for name, requirement in REGISTRY.requirements.items():
        assert rows[name]["level"] == rows[name]["levels"]["strict"] == requirement.strict.name.lower()
        assert rows[name]["statement"] == requirement.statement
        assert rows[name]["faults"]


@pytest.mark.parametrize("name", ["done-once", "json-event-parses", "order-role-first"])
def test_an_explanation_has_statement_levels_sources_and_the_fault_as_bytes(name, capsys):
    requirement = REGISTRY.requirements[name]
    assert main(["explain", name]) == 0
    out = capsys.readouterr().out
    assert requirement.statement in out.replace("\n", " ")
    assert f"{requirement.compat.name} under compat" in out
    for warrant in requirement.warrants:
        assert warrant.url in out
    for fault in REGISTRY.faults.values():
        if name in fault.trips:
            assert f"Fault {fault.name}: {fault.statement}" in out
    assert "\n+data: " in out or "\n-data: " in out or "\n-..." in out


def test_every_requirement_can_be_explained(capsys):
    for name in REGISTRY.requirements:
        assert main(["explain", name, "--profile", "strict"]) == 0
        out = capsys.readouterr().out
        assert all(line.isprintable() for line in out.splitlines()), name


@pytest.mark.parametrize("fault", sorted(REGISTRY.faults))
def test_a_fault_differs_from_its_golden_visibly(fault):
    golden = goldens.load(REGISTRY.faults[fault].golden)
    lines = list(difference(golden, REGISTRY.faults[fault].apply(golden)))
    assert any(line.startswith(("+", "-")) for line in lines[2:])
    assert max(map(len, lines)) < 200


def test_nothing_differs_from_itself():
    golden = goldens.load("chat-stream")
    assert list(difference(golden, golden)) == []


def test_a_typo_gets_the_ids_that_are_near(capsys):
    assert main(["explain", "done-onse"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "did you mean done-once" in error


def test_a_word_that_is_no_id_gets_the_list(capsys):
    assert main(["explain", "\x1bqqqqqqqq"]) == 2
    error = capsys.readouterr().err
    assert "conformance list" in error
    assert "\x1b" not in error


@pytest.mark.parametrize("arguments", [["list"], ["explain", "done-once"], ["lint", "x"]])
def test_an_unknown_profile_is_named(arguments, capsys):
    assert main([*arguments, "--profile", "nowhere"]) == 2
    assert "no profile 'nowhere'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["lint", "--endpoint", "nonsense"], ["lint", "--format", "xml"], ["frobnicate"]]
)
def test_wrong_usage_is_2(arguments):
    with pytest.raises(SystemExit) as info:
        main(arguments)
    assert info.value.code == 2


def test_help_names_what_lint_reads(capsys):
    with pytest.raises(SystemExit) as info:
        main(["lint", "--help"])
    assert info.value.code == 0
    assert "curl -i" in capsys.readouterr().out

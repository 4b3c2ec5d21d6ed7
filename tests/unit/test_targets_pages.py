"""The committed pages about real servers: each finding was checked by hand, and each note is on its page.

A page is written anew with

    pytest --target=llama-server
    conformance report conformance-report --notes docs/targets/llama-server.toml -o docs/targets/llama-server.md
"""

import re
from pathlib import Path

import pytest

from conformance.cli.lint import all_requirements
from conformance.report.markdown import UNCHECKED
from conformance.report.notes import load
from reference_server.launchers import NAMES

FOLDER = Path(__file__).parents[2] / "docs" / "targets"
PAGES = sorted(FOLDER.glob("*.md"))


def test_the_real_targets_have_a_page_and_notes_each() -> None:
    assert [page.stem for page in PAGES] == sorted(name for name in NAMES if name.startswith("llama-"))
    assert [notes.stem for notes in sorted(FOLDER.glob("*.toml"))] == [page.stem for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_finding_was_checked_by_hand(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert UNCHECKED not in text
    findings = len(re.findall(r"(?m)^(?:- )?\*\*(?:MUST|SHOULD|OBSERVE)\*\*", text))
    counted = re.search(r"(?m)^- outcomes: (.*)$", text)
    assert counted
    told = dict(reversed(part.split(" ", 1)) for part in counted[1].split(", "))
    assert findings == sum(int(told.get(name, 0)) for name in ("violated", "advised", "inconclusive", "waived"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_note_is_on_its_page_and_about_a_requirement(page: Path) -> None:
    text, known = page.read_text(encoding="utf-8"), {requirement.id for requirement in all_requirements()}
    for note in load(page.with_suffix(".toml")).values():
        assert note.requirement in known
        assert f"`{note.requirement}`" in text
        assert note.checked in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_says_what_the_requirements_say_today(page: Path) -> None:
    statements = {requirement.id: requirement.statement for requirement in all_requirements()}
    shown = re.findall(r"(?m)^### `([a-z0-9-]+)`\n\n\*\*[A-Z]+\*\* (.*)$", page.read_text(encoding="utf-8"))
    assert shown
    assert [(name, statements.get(name)) for name, _ in shown] == shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_names_no_folder_of_a_machine_and_no_address(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"/(?:root|home|tmp|usr|srv)/|127\.0\.0\.1|localhost", text)

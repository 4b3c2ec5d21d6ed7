"""Documents that are generated say what runs."""

from pathlib import Path

from conformance.cli.lint import all_requirements
from conformance.cli.markdown import render
from conformance.warrant import Level

ROOT = Path(__file__).parents[2]


def test_the_document_of_requirements_is_up_to_date() -> None:
    """Write it anew with `conformance list --format markdown > docs/REQUIREMENTS.md`."""
    written = (ROOT / "docs" / "REQUIREMENTS.md").read_text(encoding="utf-8")
    assert written == "".join(f"{line}\n" for line in render(all_requirements()))


def test_the_readme_counts_the_requirements() -> None:
    requirements = all_requirements()
    musts = sum(requirement.compat is Level.MUST for requirement in requirements)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"{len(requirements)} requirements, {musts} of them MUST under `compat`" in readme

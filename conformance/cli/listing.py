"""`conformance list`: all requirements, by family."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from conformance.cli.lint import all_requirements
from conformance.cli.markdown import render
from conformance.profile import Profile
from conformance.report.document import warrants
from conformance.requirement import REGISTRY, Requirement

FORMAT = "openai-conformance/requirements/1"


def show_list(profile: Profile, *, form: str) -> int:
    """Print the requirements in report order, and return the exit code."""
    requirements = all_requirements()
    if form == "json":
        rows = [to_json(requirement, profile) for requirement in requirements]
        document = {"format": FORMAT, "profile": profile.name, "requirements": rows}
        sys.stdout.write(json.dumps(document, indent=1) + "\n")
    elif form == "markdown":
        sys.stdout.writelines(f"{line}\n" for line in render(requirements))
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(requirements, profile))
    return 0


def to_json(requirement: Requirement, profile: Profile) -> dict[str, Any]:
    """Return all that is known of a requirement."""
    faults = [fault for fault in REGISTRY.faults.values() if requirement.id in fault.trips]
    return {
        "id": requirement.id,
        "family": requirement.family,
        "level": profile.level(requirement).name.lower(),
        "levels": {"compat": requirement.compat.name.lower(), "strict": requirement.strict.name.lower()},
        "statement": requirement.statement,
        "why": requirement.why,
        "since": requirement.since,
        "needs": sorted(requirement.needs),
        **warrants(requirement),
        "faults": [{"name": fault.name, "golden": fault.golden, "statement": fault.statement} for fault in faults],
    }


def _lines(requirements: list[Requirement], profile: Profile) -> Iterator[str]:
    from conformance.requirements import FAMILIES

    width = max((len(requirement.id) for requirement in requirements), default=0)
    for family, members in groupby(requirements, key=lambda requirement: requirement.family):
        yield f"{family}: {FAMILIES.get(family, family)}"
        for requirement in members:
            yield f"  {profile.level(requirement).name:<7}  {requirement.id:<{width}}  {requirement.statement}"
        yield ""
    yield f"{len(requirements)} requirements, levels under {profile.name}"

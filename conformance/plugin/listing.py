"""The list that --conformance-list prints."""

from __future__ import annotations

import sys

import pytest


def print_requirements(config: pytest.Config) -> int:
    """Print id, level and statement of each requirement under the profile."""
    from conformance.plugin.settings import read_profile
    from conformance.plugin.suite import requirements

    profile = read_profile(config)
    lines = [f"{r.id}  {profile.level(r).name}  {r.statement}" for r in requirements()]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0

"""The packaged suite as pytest sees it: a folder called `conformance` with an item a requirement."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import conformance
from conformance.judge import Outcome, Verdict
from conformance.plugin.run import RUN
from conformance.profile import Profile
from conformance.requirement import REGISTRY, Requirement

NODE = "conformance"
FOLDER = Path(conformance.__file__).parent / "requirements"
NAMED = pytest.StashKey[frozenset[str]]()  # the ids given as arguments


class Violated(Exception):  # noqa: N818 - it is the outcome, not a mishap
    """The server broke a requirement."""


class Undecided(Exception):  # noqa: N818
    """The requirement could not be judged, for a reason that may go away."""


class Suite(pytest.Directory):
    """All requirements, in report order."""

    def collect(self) -> Iterable[pytest.Item]:
        """Return an item for each requirement."""
        profile, named = self.config.stash[RUN].settings.profile, self.config.stash.get(NAMED, None)
        for requirement in requirements():
            if named is None or requirement.id in named:
                yield RequirementItem.from_parent(self, name=requirement.id, requirement=requirement, profile=profile)


class RequirementItem(pytest.Item):
    """One requirement, whose verdict the run knows by the time it is set up."""

    def __init__(self, *, requirement: Requirement, profile: Profile, **more: Any) -> None:
        super().__init__(**more)
        self.requirement = requirement
        self.verdict: Verdict | None = None
        level = profile.level(requirement).name.lower()
        self.add_marker(level)
        self.extra_keyword_matches.add(requirement.family)
        self.user_properties.append(("level", level))

    def setup(self) -> None:
        """Fetch the verdict; where there is none to speak of, that is an error and no failure."""
        self.verdict = self.config.stash[RUN].verdict(self.requirement.id)
        self.user_properties.append(("outcome", str(self.verdict.outcome)))
        if self.verdict.foreseen:
            self.user_properties.append(("foreseen", self.verdict.foreseen))
        if self.verdict.outcome in (Outcome.INCONCLUSIVE, Outcome.BROKEN):
            raise Undecided(f"{self.verdict.outcome}: {self.verdict.reason}")

    def runtest(self) -> None:
        """Turn the verdict into an outcome of pytest."""
        verdict = self.verdict
        assert verdict is not None
        if verdict.explained:
            pytest.skip(f"{verdict.outcome}, as the profile says: {verdict.foreseen}")
        if verdict.outcome in (Outcome.UNSUPPORTED, Outcome.NOT_EXERCISED):
            pytest.skip(f"{verdict.outcome}: {self.config.stash[RUN].clean(verdict.reason)}")
        if verdict.outcome is Outcome.WAIVED:
            pytest.xfail(f"waived: {self.config.stash[RUN].clean(verdict.reason)}")
        if verdict.outcome is Outcome.VIOLATED:
            raise Violated

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return what a reader needs instead of a traceback."""
        run = self.config.stash[RUN]
        if isinstance(excinfo.value, Violated) and self.verdict:
            return run.describe(self.verdict)
        if isinstance(excinfo.value, Undecided):
            return run.clean(f"{self.requirement.statement}\n{excinfo.value}")
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[str, None, str]:
        """Return the place that is printed: the suite, not a file of it."""
        return NODE, None, self.name


def requirements() -> list[Requirement]:
    """Return all requirements, in report order."""
    import conformance.requirements  # noqa: F401 - fills the registry

    return list(REGISTRY.requirements.values())


def aim(config: pytest.Config) -> None:
    """Make pytest collect the suite: alone where no paths were given, else besides them.

    The ids that pytest prints for requirements are arguments too; they narrow the suite down.
    """
    if config.args_source is not config.ArgsSource.ARGS:
        config.args[:] = [str(FOLDER)]
        return
    ours = [arg for arg in config.args if arg == NODE or arg.startswith(f"{NODE}::")]
    named = {arg.removeprefix(f"{NODE}::") for arg in ours} - {NODE}
    if unknown := named - {requirement.id for requirement in requirements()}:
        raise pytest.UsageError(f"{NODE}::{min(unknown)} is no requirement: --conformance-list shows all")
    config.args[:] = [*(arg for arg in config.args if arg not in ours), str(FOLDER)]
    if named and NODE not in ours:
        config.stash[NAMED] = frozenset(named)

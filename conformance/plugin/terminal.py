"""What a run prints beside pytest's own lines."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest

from conformance.judge import Outcome
from conformance.plugin.run import UNDECIDED, Progress, Run
from conformance.probe import Probe

COLOURS = {
    Outcome.VIOLATED: "red",
    Outcome.BROKEN: "red",
    Outcome.INCONCLUSIVE: "red",
    Outcome.ADVISED: "yellow",
    Outcome.NOT_EXERCISED: "yellow",
}


def print_header(config: pytest.Config, run: Run, probes: Sequence[Probe]) -> None:
    """Print what is examined, before the first probe goes out."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or config.option.verbose < 0 or run.target is None:
        return
    name = f"{run.settings.launch} at " if run.settings.launch else ""
    reporter.write_line(
        f"conformance: {name}{run.target.label}, model {run.clean(run.target.model)}, profile "
        f"{run.settings.profile.name}, {len(run.selected)} requirements, {len(probes)} probes"
    )


def progress(config: pytest.Config) -> Progress:
    """Return what shows on a terminal, and only there, how many answers are in."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")

    def show(done: int, total: int) -> None:
        if reporter is not None and reporter.isatty and config.option.verbose >= 0:
            reporter.rewrite(f"recorded {done} of {total}" if done < total else "", erase=True)

    return show


def print_advice(reporter: pytest.TerminalReporter) -> None:
    """Print the findings that fail nothing."""
    reports = reporter.stats.get("advised", [])
    if not reports or reporter.config.option.tbstyle == "no":
        return
    reporter.write_sep("=", "ADVICE", yellow=True)
    for report in reports:
        reporter.write_sep("_", report.head_line, yellow=True)
        reporter.write_line(report.advice)


def print_summary(reporter: pytest.TerminalReporter, run: Run) -> None:
    """Print the counts of every outcome, what it cost, and where the report is."""
    if not run.verdicts:
        return
    reporter.write_sep("=", "conformance", bold=True)
    for outcome in Outcome:
        if count := run.count(outcome):
            reporter.write(f"{count} {outcome}  ", **{COLOURS.get(outcome, "green"): True})
    reporter.write_line("")
    reporter.write_line(f"{run.requests} requests, {len(run.verdicts)} requirements, {run.seconds:.0f} s")
    _print_foreseen(reporter, run)
    if widened := [f"{count} {outcome}" for outcome, count in run.failed_too().items()]:
        reporter.write_line(f"failed by --conformance-fail-on: {', '.join(widened)}", red=True)
    elif run.exit_code() == UNDECIDED:
        reporter.write_line(
            "nothing is known to be wrong, but not all could be decided: see the errors above", red=True
        )
    if run.trouble:
        reporter.write_line(run.clean(run.trouble), red=True)
    elif run.report:
        start = reporter.config.invocation_params.dir
        shown = os.path.relpath(run.report, start) if run.report.is_relative_to(start) else run.report
        reporter.write_line(f"report: {shown}")


def _print_foreseen(reporter: pytest.TerminalReporter, run: Run) -> None:
    """Print how much of what is missing the profile explains, and where it is wrong about that."""
    verdicts, name = run.verdicts.values(), run.settings.profile.name
    if explained := sum(verdict.explained for verdict in verdicts):
        total = run.count(Outcome.NOT_EXERCISED)
        reporter.write_line(f"{explained} of {total} not exercised are explained by profile {name}")
    if stale := [verdict.requirement.id for verdict in verdicts if verdict.stale]:
        reporter.write_line(
            f"exercised, although profile {name} says that it cannot be: {', '.join(stale)}", yellow=True
        )

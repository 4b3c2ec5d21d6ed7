"""The hooks of a run that names a target."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from conformance.judge import Outcome
from conformance.plugin import terminal
from conformance.plugin.run import RUN, Run
from conformance.plugin.settings import check_folder, read_settings
from conformance.plugin.suite import FOLDER, NODE, RequirementItem, Suite, aim
from conformance.warrant import Level

OURS_TO_SET = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)


def take_part(config: pytest.Config) -> None:
    """Join the run."""
    run = Run(read_settings(config))
    config.stash[RUN] = run
    for level in Level:
        config.addinivalue_line("markers", f"{level.name.lower()}: requirements that count as {level.name}")
    aim(config)
    config.pluginmanager.register(Hooks(run), "openai-conformance-run")


class Hooks:
    """What pytest calls in the course of a run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.failed = 0  # reports of ours that pytest counts as failed

    def pytest_collect_directory(self, path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """Put the suite where its folder is collected."""
        return Suite.from_parent(parent, path=path, nodeid=NODE) if path == FOLDER else None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None, Any, Any]:
        """Keep the requirements in report order, whatever shuffles or sorts tests."""
        order = {id(item): place for place, item in enumerate(items)}
        result = yield
        ours = [item for item in items if isinstance(item, RequirementItem)]
        if ours:
            first = items.index(ours[0])
            others = [item for item in items if not isinstance(item, RequirementItem)]
            items[:] = [*others[:first], *sorted(ours, key=lambda item: order[id(item)]), *others[first:]]
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Record once it is settled which requirements are selected."""
        option = session.config.option
        selected = [item.requirement for item in session.items if isinstance(item, RequirementItem)]
        stopped = session.testsfailed and not option.continue_on_collection_errors
        if option.collectonly or stopped or not selected:
            return
        check_folder(self.run.settings.folder)
        probes = self.run.prepare(session.config, selected)
        terminal.print_header(session.config, self.run, probes)
        self.run.record(terminal.progress(session.config))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Mark advice, and say of a skip why instead of where."""
        report = yield
        if not isinstance(item, RequirementItem):
            return report
        self.failed += report.failed
        if report.skipped and isinstance(report.longrepr, tuple):
            # without a line: the reason says it all, and terminals and JUnit take it so
            report.longrepr = (report.nodeid, None, report.longrepr[2].removeprefix("Skipped: "))  # type: ignore[assignment]
        if call.when == "call" and item.verdict and item.verdict.outcome is Outcome.ADVISED:
            text = self.run.describe(item.verdict)
            report.advice = text  # type: ignore[attr-defined] # carried to the terminal
            item.user_properties.append(("advice", text))
            report.user_properties = list(item.user_properties)
        return report

    def pytest_report_teststatus(
        self, report: pytest.TestReport
    ) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
        """Show advice as a status of its own."""
        if report.when == "call" and hasattr(report, "advice"):
            return "advised", "a", ("ADVISED", {"yellow": True})
        return None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the report, also of an interrupted run, and settle the exit code."""
        try:
            self.run.write_report()
        finally:
            self.run.stop()
        others_failed = session.testsfailed > self.failed
        if exitstatus in OURS_TO_SET and self.run.verdicts and not others_failed:
            session.exitstatus = self.run.exit_code()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Generator[None, None, None]:
        """Print advice, and last of all the summary."""
        terminal.print_advice(terminalreporter)
        yield
        terminal.print_summary(terminalreporter, self.run)

    def pytest_unconfigure(self) -> None:
        """Stop the target even where the session ended before it began."""
        self.run.stop()

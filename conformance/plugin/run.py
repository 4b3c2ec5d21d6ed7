"""One run: start the target, record what the selected requirements need, judge it, write the report."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from conformance.discovery import Discovery, discover
from conformance.judge import Outcome, Verdict, judge
from conformance.plugin.settings import Settings
from conformance.probe import Probe, wanted
from conformance.probes import PROBES
from conformance.record import Recorder
from conformance.requirement import Requirement
from conformance.second_look import doubtful, settled
from conformance.target import Target, TargetError
from conformance.transcript import Transcript

UNDECIDED = 6  # exit code
Progress = Callable[[int, int], None]

INTERRUPTED = "the run was interrupted"
LOOKS = 2  # at what happens to a stream and not to the whole answer
CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}


@dataclass
class Run:
    """What becomes known in the course of a run; kept so that an interrupted one still has its report."""

    settings: Settings
    selected: list[Requirement] = field(default_factory=list)
    target: Target | None = None
    transcripts: dict[str, Transcript] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    requests: int = 0
    report: Path | None = None
    trouble: str = ""
    started: str = ""
    _version: str = ""
    _begun: float = 0.0
    _recorder: Recorder | None = None
    _probes: list[Probe] = field(default_factory=list)
    _stack: ExitStack = field(default_factory=ExitStack)

    @property
    def seconds(self) -> float:
        """Return how long it has taken so far."""
        return time.monotonic() - self._begun if self._begun else 0.0

    def prepare(self, config: pytest.Config, selected: list[Requirement]) -> list[Probe]:
        """Start the target, find the model, and return the probes to send; raises pytest.UsageError."""
        self.selected = selected
        self.started, self._begun = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
        target = self._launch(config) if self.settings.launch else self.settings.target(config, self.settings.url)
        probes = wanted(PROBES, (requirement.needs for requirement in selected))
        self._probes = [probe for probe in probes if target.keys or not probe.key]
        allowed = self.settings.limits.requests
        if allowed is not None and len(self._probes) > allowed:
            raise pytest.UsageError(
                f"the selected requirements need {len(self._probes)} requests, --conformance-max-requests allows "
                f"{allowed}: select fewer with -k, or allow more"
            )
        try:
            first = next((probe for probe in self._probes if probe is PROBES[0]), None)
            found = asyncio.run(discover(target, self.settings.limits, first))
        except TargetError as error:
            raise pytest.UsageError(self.clean(str(error))) from None
        self._keep(found)
        return self._probes

    def record(self, progress: Progress) -> None:
        """Send what was not sent yet, and judge. An interruption leaves what was recorded by then."""
        recorder = self._recorder
        assert recorder is not None

        def take(transcript: Transcript) -> None:
            self._take(transcript)
            progress(len(self.transcripts), len(self._probes))

        recorder.sink = take
        left = [probe for probe in self._probes if probe.name not in self.transcripts]
        settle = True
        try:
            asyncio.run(recorder.record(left))
            recorder.sink = lambda _: None
            for _ in range(LOOKS):
                self._look_again(recorder)
            settle = False
        except TargetError as error:
            raise pytest.UsageError(str(error)) from None
        finally:
            self.requests = recorder.requests
            for probe in left:
                if probe.name not in self.transcripts:
                    self._take(recorder.cut_short(probe, INTERRUPTED))
            if settle:
                self._settle(())
            self._judge()

    def _look_again(self, recorder: Recorder) -> None:
        """Ask again what is doubtful; what does not come out the same is compared no more."""
        if groups := doubtful(self._in_order()):
            again = asyncio.run(recorder.record(probe for probe in self._probes if probe.group in groups))
            self._settle(again)

    def _settle(self, again: Iterable[Transcript]) -> None:
        for transcript in settled(self._in_order(), again):
            self._take(transcript)

    def verdict(self, id: str) -> Verdict:  # noqa: A002
        """Return the verdict of a selected requirement."""
        return self.verdicts[id]

    def count(self, outcome: Outcome) -> int:
        """Return how many requirements have an outcome."""
        return sum(verdict.outcome is outcome for verdict in self.verdicts.values())

    def failed_too(self) -> dict[Outcome, int]:
        """Return how many requirements fail because --conformance-fail-on says so, which spares what is explained."""
        counts = Counter(verdict.outcome for verdict in self.verdicts.values() if not verdict.explained)
        return {outcome: counts[outcome] for outcome in Outcome if outcome in self.settings.fail_on and counts[outcome]}

    def exit_code(self) -> int:
        """Return 1 where something fails, 6 where something is undecided, 4 where the report is lost, else 0."""
        if self.count(Outcome.VIOLATED) or self.failed_too():
            return pytest.ExitCode.TESTS_FAILED
        if self.count(Outcome.INCONCLUSIVE) + self.count(Outcome.BROKEN):
            return UNDECIDED
        return pytest.ExitCode.USAGE_ERROR if self.trouble else pytest.ExitCode.OK

    def describe(self, verdict: Verdict) -> str:
        """Return the text of a finding."""
        from conformance.report.text import describe

        return self.clean(describe(verdict, base_url=self.target.url if self.target else ""))

    def clean(self, text: str) -> str:
        """Return a text that can't repaint a terminal."""
        return text.translate(CONTROLS).encode("utf-8", "backslashreplace").decode()

    def write_report(self) -> None:
        """Write what there is; a folder that can't be written is said, and takes nothing else down."""
        if not self.verdicts or self.target is None:
            return
        from conformance.report import write
        from conformance.report.document import build

        transcripts, folder = self._in_order(), self.settings.folder
        try:
            document = build(
                list(self.verdicts.values()),
                transcripts,
                profile=self.settings.profile,
                target=self._target_facts(),
                started=self.started,
                seconds=round(self.seconds, 3),
                requests=self.requests,
            )
            self.report = write(folder, document, transcripts)
        except OSError as error:
            self.trouble = f"the report could not be written to {folder}: {error}"
        except Exception as error:  # noqa: BLE001 - a mistake of ours there must not take the verdicts down
            self.trouble = f"the report could not be made, please report this: {type(error).__name__}: {error}"

    def stop(self) -> None:
        """Stop a target that was started."""
        self._stack.close()

    def _launch(self, config: pytest.Config) -> Target:
        """Start the target; one that can ask for a key does, so that its door is tried as well."""
        try:
            from reference_server.engine.bindings import MissingExtraError
            from reference_server.launchers import LaunchError, launch
        except ImportError as error:
            raise pytest.UsageError(
                f"--target needs more packages ({error}): pip install 'openai-conformance[reference]'"
            ) from None
        key = self.settings.key(config)
        try:
            server = self._stack.enter_context(launch(self.settings.launch, command=self.settings.command, key=key))
        except (LaunchError, MissingExtraError) as error:
            words = " ".join(str(error).split())
            raise pytest.UsageError(self.clean(f"--target={self.settings.launch}: {words}")) from None
        self._version = server.version
        return self.settings.target(config, server.url, server.key)

    def _keep(self, found: Discovery) -> None:
        self._recorder, self.target, self.requests = found.recorder, found.target, found.recorder.requests
        for transcript in found.transcripts:
            if any(probe.name == transcript.probe for probe in self._probes):
                self._take(transcript)

    def _take(self, transcript: Transcript) -> None:
        self.transcripts[transcript.probe] = transcript

    def _in_order(self) -> list[Transcript]:
        return [self.transcripts[probe.name] for probe in self._probes if probe.name in self.transcripts]

    def _judge(self) -> None:
        verdicts = judge(self.selected, self._in_order(), self.settings.profile)
        self.verdicts = {verdict.requirement.id: verdict for verdict in verdicts}

    def _target_facts(self) -> dict[str, Any]:
        assert self.target is not None
        facts = {"url": self.target.label, "model": self.target.model}
        launched = {"name": self.settings.launch, "version": self._version}
        return facts | {name: value for name, value in launched.items() if value}


RUN = pytest.StashKey[Run]()

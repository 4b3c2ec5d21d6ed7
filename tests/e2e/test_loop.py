"""A recording put back on a wire and recorded again is judged alike: judge(record(replay(t))) == judge(t)."""

import asyncio
import json
from pathlib import Path

import pytest

import conformance.requirements  # noqa: F401 - fills the registry
from conformance import goldens
from conformance.judge import judge
from conformance.probes import PROBES
from conformance.profile import load
from conformance.record import Limits, Recorder
from conformance.requirement import REGISTRY
from conformance.target import parse
from conformance.transcript import Transcript, dumps, loads
from reference_server.launchers import launch

STRICT = load("strict")
# One fault for each way in which a wire can be wrong; the others differ in bytes alone, which the zoo covers.
FAULTS = (
    "choice-finish-reason-empty",
    "done-missing",
    "done-twice",
    "error-422",
    "error-500-for-malformed-json",
    "error-as-event",
    "http-body-cut",
    "json-as-plain-text",
    "json-event-python-repr",
    "model-created-integer-spoilt",
    "sse-byte-order-mark",
    "sse-crlf",
    "sse-latin-1",
    "sse-no-final-blank-line",
    "stream-asked-json-sent",
    "stream-empty",
    "stream-media-type-upper-case",
    "usage-ignored",
)


def tripped(transcripts: list[Transcript]) -> set[str]:
    verdicts = judge(REGISTRY.requirements.values(), transcripts, STRICT)
    return {verdict.requirement.id for verdict in verdicts if verdict.findings}


def recorded(url: str, names: set[str]) -> list[Transcript]:
    target = parse(url, environment={}, model="scripted")
    recorder = Recorder(target, Limits(first=10, idle=2, total=20))
    return asyncio.run(recorder.record([probe for probe in PROBES if probe.name in names]))


def test_goldens_replayed_and_recorded_again_trip_nothing(tmp_path: Path) -> None:
    names = set(goldens.names()) - {"chat-stream-long"}
    files = [tmp_path / f"{name}.json" for name in names]
    for file in files:
        file.write_text(dumps(goldens.load(file.stem)), encoding="utf-8")
    with launch(f"replay:{files[0]}") if len(files) == 1 else launch(f"replay:{tmp_path}") as server:
        again = recorded(server.url, names)
    assert {t.probe for t in again} == names
    assert tripped(again) == set()


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_on_the_wire_trips_what_it_trips_in_a_file(name: str) -> None:
    fault = REGISTRY.faults[name]
    with launch(f"fault:{name}") as server:
        again = recorded(server.url, {fault.golden, *fault.beside})
    assert tripped(again) == fault.trips


def test_the_saved_transcripts_of_a_run_are_judged_as_the_run_was(tmp_path: Path) -> None:
    """The verdicts of report.json come out again from the files beside it."""
    import subprocess
    import sys

    report = tmp_path / "conformance-report"
    command = [sys.executable, "-m", "pytest", "--target=fault:usage-ignored", f"--conformance-report={report}", "-q"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 1, run.stdout
    document = json.loads((report / "report.json").read_text(encoding="utf-8"))
    transcripts = [loads(path.read_bytes()) for path in sorted((report / "transcripts").iterdir())]
    verdicts = judge(REGISTRY.requirements.values(), transcripts, load("compat"))
    live = {v["requirement"]: (v["outcome"], v["subjects"], len(v["findings"])) for v in document["verdicts"]}
    assert {v.requirement.id: (str(v.outcome), v.subjects, len(v.findings)) for v in verdicts} == live
    assert live["usage-sent-when-asked"][0] == "violated"

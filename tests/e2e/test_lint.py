"""`conformance lint` as a program: files, pipes, interrupts, and input that is no input."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import conformance.requirements  # noqa: F401 - fills the registry
from conformance import goldens
from conformance.judge import judge
from conformance.profile import load
from conformance.report.document import build
from conformance.requirement import REGISTRY
from conformance.transcript import dumps

LINT = [sys.executable, "-m", "conformance", "lint"]
STREAM = goldens.load("chat-stream").body()
SPOILT = REGISTRY.faults["done-twice"].apply(goldens.load("chat-stream")).body()
GARBLED = STREAM.replace(b"data: {", b"data: {{", 1)


def lint(*arguments: str, data: bytes = b"", folder: Path | None = None, code: int | None = None):
    done = subprocess.run([*LINT, *arguments], input=data, capture_output=True, cwd=folder, timeout=120, check=False)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    if code is not None:
        assert done.returncode == code, done.stdout + done.stderr
    return done


def document(*arguments: str, **more) -> dict:
    return json.loads(lint("--format", "json", *arguments, **more).stdout)


def test_a_correct_stream_passes(tmp_path):
    (tmp_path / "good").write_bytes(STREAM)
    done = lint("good", folder=tmp_path, code=0)
    assert done.stdout == b"1 exchange under compat: 0 violated, 0 advised, 1 without findings\n"


def test_advice_does_not_fail_and_a_violation_does(tmp_path):
    (tmp_path / "twice").write_bytes(SPOILT)
    lint("twice", folder=tmp_path, code=0)
    lint("twice", "--profile", "strict", folder=tmp_path, code=1)


def test_the_installed_program_is_the_module(tmp_path):
    (tmp_path / "good").write_bytes(STREAM)
    program = Path(sys.executable).with_name("conformance")
    if not program.exists():
        pytest.skip("the package is not installed as a program here")
    done = subprocess.run([program, "lint", "good"], cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.fixture
def saved_run(tmp_path):
    """Return a folder of transcripts as a run leaves it, and the report's findings: half of the answers are spoilt."""
    transcripts = [goldens.load(name) for name in goldens.names()]
    for fault in list(REGISTRY.faults.values())[::3]:
        position = goldens.names().index(fault.golden)
        transcripts[position] = fault.apply(goldens.load(fault.golden))
    verdicts = judge(REGISTRY.requirements.values(), transcripts, load("compat"))
    report = build(verdicts, transcripts, profile=load("compat"), target={}, started="", seconds=0, requests=0)
    folder = tmp_path / "conformance-report" / "transcripts"
    folder.mkdir(parents=True)
    for entry, transcript in zip(report["transcripts"], transcripts, strict=True):
        (folder / entry["file"]).write_text(dumps(transcript))
    findings = [f for verdict in report["verdicts"] for f in verdict["findings"]]
    return folder, sorted(_key(Path(f["transcript"]).name, f) for f in findings)


def _key(name: str, finding: dict) -> tuple[str, ...]:
    return name, finding["requirement"], finding["level"], finding["expected"], finding["actual"], str(finding["where"])


@pytest.mark.parametrize("named", ["transcripts", "report", "files"])
def test_the_transcripts_of_a_run_give_the_findings_of_the_run(saved_run, named):
    folder, expected = saved_run
    files = {"transcripts": [folder], "report": [folder.parent], "files": sorted(folder.iterdir())}[named]
    found = document(*map(str, files), code=1)
    assert len(found["exchanges"]) == len(goldens.names())
    assert len(expected) > 20
    assert sorted(_key(Path(e["id"]).name, f) for e in found["exchanges"] for f in e["findings"]) == expected


def test_what_cannot_be_read_is_one_line_each_and_the_rest_is_judged(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "binary").write_bytes(bytes(range(256)) * 100)
    (tmp_path / "folder").mkdir()
    (tmp_path / "deep").write_bytes(b"[" * 100_000)
    (tmp_path / "cut.json").write_text(dumps(goldens.load("chat-stream"))[:500])
    (tmp_path / "broken.gz").write_bytes(gzip.compress(STREAM)[:-20])
    (tmp_path / "no.har").write_text('{"log": {"entries": []}}')
    (tmp_path / "good").write_bytes(STREAM)
    bad = ["missing", "empty", "binary", "folder", "deep", "cut.json", "broken.gz", "no.har"]
    done = lint("good", *bad, "good", "--format", "json", folder=tmp_path, code=2)
    lines = done.stderr.decode().splitlines()
    assert [line.split(": ")[1] for line in lines] == bad
    assert json.loads(done.stdout)["summary"]["exchanges"] == 2


def test_a_stream_nested_without_end_is_a_finding(tmp_path):
    (tmp_path / "deep.sse").write_bytes(b"data: " + b"[" * 100_000 + b"\n\ndata: [DONE]\n\n")
    assert b"nested more than" in lint("deep.sse", folder=tmp_path, code=1).stdout


def test_a_line_of_a_gigabyte_ends_in_one_line(tmp_path):
    with (tmp_path / "long").open("wb") as file:
        file.write(b"data: ")
        file.truncate(1 << 30)
    done = lint("long", folder=tmp_path, code=2)
    assert done.stderr == b"conformance: long: more than 256 MiB, the limit for one exchange\n"


def test_a_name_cannot_repaint_the_terminal(tmp_path):
    done = lint("\x1b[2Jx", folder=tmp_path, code=2)
    assert done.stderr == b"conformance: <ESC>[2Jx: No such file or directory\n"


def test_standard_input_may_be_anything_that_a_file_may_be():
    rows = b"".join(
        json.dumps({"id": str(n), "status": 200, "body": STREAM.decode()}).encode() + b"\n" for n in range(3)
    )
    for form in ("json", "text"):
        assert lint("-", "--format", form, data=rows, code=0).stdout
    assert [e["id"] for e in document("-", data=gzip.compress(rows))["exchanges"]] == ["0", "1", "2"]
    assert document(data=STREAM, code=0)["exchanges"][0]["id"] == "stdin"
    assert lint("-", data=b"", code=2).stderr == b"conformance: stdin: empty\n"


def test_files_and_standard_input_go_together(tmp_path):
    (tmp_path / "good").write_bytes(STREAM)
    ids = [e["id"] for e in document("good", "-", "good", data=STREAM, folder=tmp_path)["exchanges"]]
    assert ids == ["good", "stdin", "good"]


def follow(*arguments: str) -> subprocess.Popen:
    def interruptible():  # whatever the one who runs the tests does with interrupts
        signal.signal(signal.SIGINT, signal.default_int_handler)

    return subprocess.Popen(
        [*LINT, "-", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=interruptible,
    )


def test_events_and_their_findings_are_shown_while_the_stream_goes_on():
    with follow() as program:
        program.stdin.write(GARBLED[: GARBLED.index(b"\n\n") + 2])
        program.stdin.flush()
        lines = [program.stdout.readline() for _ in range(2)]  # before any more is written
        assert lines[0].startswith(b"    0 +")
        assert b"json-event-parses" in lines[1]
        program.stdin.write(GARBLED[GARBLED.index(b"\n\n") + 2 :])
        out, errors = program.communicate(timeout=60)
    assert program.returncode == 1
    assert b"[DONE]" in out
    assert out.count(b"json-event-parses") == 0  # it was told
    assert errors == b""


def test_an_interrupt_judges_what_was_seen():
    with follow() as program:
        program.stdin.write(STREAM[: len(STREAM) // 2])
        program.stdin.flush()
        program.stdout.readline()
        program.send_signal(signal.SIGINT)
        program.stdin.flush()
        out = program.stdout.read()
        errors = program.stderr.read()
        program.wait(timeout=60)
    assert program.returncode == 0, errors
    assert b"interrupted" in out
    assert out.endswith(b"1 exchange under compat: 0 violated, 0 advised, 1 without findings\n")
    assert errors == b""


def test_a_reader_that_leaves_ends_it_quietly(tmp_path):
    rows = b"".join(json.dumps({"status": 200, "body": GARBLED.decode()}).encode() + b"\n" for _ in range(300))
    (tmp_path / "rows").write_bytes(rows)
    piped = {"cwd": tmp_path, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*LINT, "rows"], **piped) as program:
        program.stdout.readline()
        program.stdout.close()
        assert program.stderr.read() == b""
    assert program.returncode == 128 + signal.SIGPIPE


def test_a_terminal_that_knows_no_unicode_gets_escapes(tmp_path):
    (tmp_path / "x").write_bytes(GARBLED.replace(b"data: {{", "data: {'é€".encode(), 1))
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    done = subprocess.run([*LINT, "x"], cwd=tmp_path, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    assert b"\\xe9" in done.stdout


def test_every_recording_is_read():
    shared = Path(__file__).parents[3] / "shared" / "recordings" / "recordings.jsonl.gz"
    if not shared.exists():
        pytest.skip("the recordings are not beside this checkout")
    with gzip.open(shared) as file:
        some = [line for number, line in enumerate(file) if number % 20 == 0]
    found = document("-", data=b"".join(some))
    assert len(found["exchanges"]) == len(some)
    assert {e["kind"] for e in found["exchanges"]} >= {"chat.stream", "chat", "error", "embeddings"}
    assert "unknown" not in {e["kind"] for e in found["exchanges"]}

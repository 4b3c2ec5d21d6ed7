"""Targets and options that a run can't work with: one line, the way out, exit code 4; and runs that are cut short."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
from contextlib import closing

import pytest
from odd_server import serve, well_behaved

LAUNCHERS = """
import contextlib, os, types

class LaunchError(Exception): pass

@contextlib.contextmanager
def launch(name, *, command=None, key=""):
    if name == "broken":
        raise LaunchError("no such server; known are reference and others")
    try:
        asked = key if name == "locked" else ""
        yield types.SimpleNamespace(url=os.environ["STAND_IN_URL"], pid=0, log="", version="7", key=asked)
    finally:
        open("stopped", "w").close()
"""


def unusable(project, *args, words, **environment):
    result = project.pytest(*args, code=4, **environment)
    (line,) = result.error_lines
    assert all(word in line for word in words), line
    assert "Traceback" not in result.output
    assert "INTERNALERROR" not in result.output
    assert not (result.folder / "conformance-report").exists()
    return result


def test_a_target_that_nobody_serves(project):
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    unusable(project, f"--target-url=http://127.0.0.1:{port}/v1", words=["connection refused", "is running"])


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--target-url=ftp://127.0.0.1/v1"], ["ftp", "http://"]),
        (["--target-url=http://127.0.0.1:1", "--target=reference"], ["name one"]),
        (["--target-url=http://127.0.0.1:1", "--conformance-profile=nope"], ["nope", "compat"]),
        (["--target-url=http://127.0.0.1:1", "--conformance-fail-on=everything"], ["everything", "advised"]),
        (["--target-url=http://127.0.0.1:1", "--target-api-key-env=NOT_SET"], ["NOT_SET", "not set"]),
        (["--target-url=http://192.0.2.1/v1"], ["unencrypted", "--target-allow-http-key"]),
        (["--target-url=http://127.0.0.1:1", "--target-timeout=0"], ["--target-timeout"]),
        (["--target-url=http://127.0.0.1:1", "conformance::nope"], ["conformance::nope", "--conformance-list"]),
        (["--target-url=http://127.0.0.1:1", "--conformance-max-requests=3"], ["--conformance-max-requests", "-k"]),
    ],
)
def test_options_that_make_no_sense(project, args, words):
    unusable(project, *args, words=words, TARGET_API_KEY="sk-1234567")


def test_a_run_in_several_processes(project):
    project.write(many="def pytest_addoption(parser): parser.addoption('--many', dest='numprocesses', type=int)")
    unusable(project, "-p", "many", "--many=2", "--target-url=http://127.0.0.1:1", words=["leave out -n"])


def several(exchange):
    exchange.answer_json({"data": [{"id": "first"}, {"id": "second"}]})


def html(exchange):
    exchange.answer("200 OK", b"<!DOCTYPE html><title>Welcome</title>", "text/html")


def absent(exchange):
    exchange.error("404 Not Found", "no models here")


def silent(exchange):
    exchange.stopping.wait(30)


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (several, ["2 models: first, second", "--target-model=first"]),
        (html, ["HTML instead of JSON", "base URL"]),
        (absent, ["404", "--target-model=NAME"]),
        (silent, ["no answer within 1 s", "is running"]),
    ],
)
def test_a_server_without_a_model_to_ask(project, handler, words):
    with serve(handler) as server:
        unusable(project, f"--target-url={server.url}", "--target-timeout=1", words=words)


def test_the_wrong_scheme(project):
    with serve(well_behaved) as server:
        unusable(project, f"--target-url={server.url.replace('http', 'https')}", words=["--target-url=http://"])


@pytest.mark.parametrize("kind", ["file", "below a file", "not ours"])
def test_a_report_folder_that_cannot_be_written_is_said_before_anything_is_sent(project, kind):
    if kind == "not ours":
        (project.folder / "occupied").mkdir()
        (project.folder / "occupied" / "thesis.tex").write_text("precious")
    else:
        (project.folder / "occupied").write_text("precious")
    folder = "occupied/report" if kind == "below a file" else "occupied"
    with serve(well_behaved) as server:
        words = ["cannot be written", "--conformance-report=FOLDER"]
        unusable(project, f"--target-url={server.url}", f"--conformance-report={folder}", words=words)
        assert server.seen == []


def test_a_server_that_dies_in_mid_run_leaves_requirements_undecided(project):
    def handler(exchange):
        well_behaved(exchange)
        if len(server.seen) == 3:
            server.die()

    with serve(handler) as server:
        result = project.pytest(f"--target-url={server.url}", "--target-concurrency=1", code=6)
    assert "violated" not in result.output
    assert result.outcomes["stand-error-object"] == "inconclusive"
    assert result.outcomes["stand-done-last"] == "held"
    assert "the server is gone" in (result.folder / "conformance-report" / "report.json").read_text()


def test_a_stream_without_end_ends_in_bounded_time(project):
    def handler(exchange):
        if not (exchange.json or {}).get("stream"):
            well_behaved(exchange)
            return
        exchange.stream_head()
        while not exchange.stopping.wait(0.02):
            exchange.event({"id": "x"})

    with serve(handler) as server:
        result = project.pytest(f"--target-url={server.url}", "--target-timeout=1", "-k", "tools", code=0)
    assert "held" in result.output


def wait_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


STAND_IN_LAUNCHERS = (
    f"import sys, types\nmodule = types.ModuleType('reference_server.launchers')\n"
    f"exec({LAUNCHERS!r}, module.__dict__)\nsys.modules['reference_server.launchers'] = module\n"
)


def test_an_interrupted_run_keeps_what_was_recorded_and_stops_its_target(project):
    project.write(stand_in_launchers=STAND_IN_LAUNCHERS)

    def handler(exchange):
        if len(server.seen) < 5:
            well_behaved(exchange)
            return
        exchange.stream_head()
        exchange.event({"half": "an answer"})
        exchange.stopping.wait(30)

    with serve(handler) as server:
        process = subprocess.Popen(
            project.command("-p", "stand_in_launchers", "--target=stand-in", "--target-concurrency=1"),
            cwd=project.folder,
            env=project.environment(STAND_IN_URL=server.url)
            | {"PYTHONPATH": f"{project.folder}:{project.environment()['PYTHONPATH']}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            wait_for(lambda: len(server.seen) > 4)
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=30)
        finally:
            process.kill()
            process.wait()
    assert process.returncode == 2, output
    assert "KeyboardInterrupt" in output
    assert "report: conformance-report/index.html" in output
    assert (project.folder / "stopped").exists()
    transcripts = list((project.folder / "conformance-report" / "transcripts").iterdir())
    texts = [path.read_text() for path in transcripts]
    assert len([text for text in texts if '"kind": "eof"' in text]) == 4
    (half,) = (text for text in texts if "an answer" in text)
    assert "the run was interrupted" in half
    assert '"status": 200' in half


def test_a_target_whose_packages_are_missing(project):
    project.write(absent="import sys\nsys.modules['llama_cpp'] = None\n")
    path = f"{project.folder}:{project.environment()['PYTHONPATH']}"
    words = ["pip install", "openai-conformance[reference]"]
    unusable(project, "-p", "absent", "--target=reference", words=words, PYTHONPATH=path)


@pytest.mark.parametrize("name", ["fine", "broken"])
def test_a_target_by_name_is_started_and_stopped(project, name):
    project.write(stand_in_launchers=STAND_IN_LAUNCHERS)
    path = f"{project.folder}:{project.environment()['PYTHONPATH']}"
    with serve(well_behaved) as server:
        args = ("-p", "stand_in_launchers", f"--target={name}")
        environment = {"STAND_IN_URL": server.url, "PYTHONPATH": path}
        if name == "broken":
            unusable(project, *args, words=["--target=broken", "no such server"], **environment)
        else:
            result = project.pytest(*args, code=0, **environment)
            assert f"conformance: fine at {server.url}" in result.output
            assert result.report["target"] == {"url": server.url, "model": "tiny", "name": "fine", "version": "7"}
            assert (project.folder / "stopped").exists()


@pytest.mark.parametrize(
    ("name", "args", "environment", "bearer"),
    [
        ("locked", [], {}, r"Bearer [\w-]{32}"),
        ("locked", [], {"TARGET_API_KEY": "sk-mine"}, "Bearer sk-mine"),
        ("locked", ["--target-api-key-env=MINE"], {"MINE": "sk-mine"}, "Bearer sk-mine"),
        ("locked", ["--target-header=Authorization: Basic bWluZQ=="], {}, r"Basic bWluZQ=="),
        ("open", [], {}, ""),
    ],
)
def test_a_target_that_is_started_asks_for_the_key_that_requests_bear(project, name, args, environment, bearer):
    project.write(stand_in_launchers=STAND_IN_LAUNCHERS)
    path = f"{project.folder}:{project.environment()['PYTHONPATH']}"
    with serve(well_behaved) as server:
        environment |= {"STAND_IN_URL": server.url, "PYTHONPATH": path}
        result = project.pytest("-p", "stand_in_launchers", f"--target={name}", *args, code=0, **environment)
    sent = {exchange.headers.get("authorization", "") for exchange in server.seen}
    assert ("Bearer conformance-wrong-key" in sent) == bearer.startswith("Bearer")
    [own] = sent - {"Bearer conformance-wrong-key"}
    assert re.fullmatch(bearer, own)
    assert not own or own not in (result.folder / "conformance-report" / "report.json").read_text()

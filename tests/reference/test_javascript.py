"""What the official JavaScript client makes of the server, on Node."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "javascript"
HOME = Path(os.environ.get("CONFORMANCE_CACHE") or Path.home() / ".cache" / "openai-conformance")
"""Where the client is kept. Read here, as the fixture `model_cache` changes the variable for a while."""

OLDEST = 20
UNREACHABLE = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONN\w+|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|\w*CERT_\w+|\bE[45]\d\d\b"
)
HELLO = "Hello! I am a reference model compiled by hand."
EMOJI = "Grüße, 世界 🌍 ñandú مرحبا 👩‍👩‍👧 and in pieces: é / 語 // 🦜 fin."
WHOLE = 4 * 1001


def install(npm, into):
    """Install what package-lock.json names; skips without network."""
    into.parent.mkdir(parents=True, exist_ok=True)
    # A folder of its own and a rename, so that two runs may install at once and nobody sees half of it.
    with tempfile.TemporaryDirectory(dir=into.parent) as place:
        fresh = Path(place) / "javascript"
        fresh.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SOURCE / name, fresh)
        patience = ["--fetch-retries=1", "--fetch-retry-mintimeout=500", "--fetch-timeout=60000"]
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", *patience]
        done = subprocess.run(command, cwd=fresh, capture_output=True, text=True, timeout=300)
        if done.returncode and (reason := UNREACHABLE.search(done.stderr)):
            pytest.skip(f"npm cannot get the client from its registry: {reason[0]}")
        assert done.returncode == 0, done.stderr
        with contextlib.suppress(OSError):  # somebody was faster
            fresh.rename(into)


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """The script beside an installed client."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not (node and npm):
        pytest.skip("node or npm is not installed")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < OLDEST:
        pytest.skip(f"the client needs node {OLDEST} or newer, this is {version}")
    installed = HOME / f"javascript-{hashlib.sha256((SOURCE / 'package-lock.json').read_bytes()).hexdigest()[:16]}"
    if not installed.exists():
        install(npm, installed)
    folder = tmp_path_factory.mktemp("javascript")
    (folder / "node_modules").symlink_to(installed / "node_modules", target_is_directory=True)
    return Path(shutil.copy(SOURCE / "stream.mjs", folder))


@pytest.fixture
def start(script, server):
    @contextlib.contextmanager
    def run(case, url=server.url):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        environment = {**os.environ, "BASE_URL": url}
        with subprocess.Popen(["node", script, case], env=environment, encoding="utf-8", **pipes) as node:
            try:
                yield node
            finally:
                node.kill()

    return run


@pytest.fixture
def told(start):
    """Run a case to its end and give what it says."""

    def run(case):
        with start(case) as node:
            output, errors = node.communicate(timeout=60)
        assert (node.returncode, errors) == (0, "")
        return json.loads(output)

    return run


def test_a_stream_is_iterated_to_its_usage(told):
    said = told("text")
    assert (said["role"], said["text"], said["finish"]) == ("assistant", EMOJI, "stop")
    assert said["choices"] == []
    assert said["usage"]["completion_tokens"] > 0
    assert said["requestId"].startswith("req_")


def test_the_stream_helper_gives_the_pieces_and_the_whole(told):
    said, whole = told("helper"), told("whole")
    assert "".join(said["seen"]) == said["content"] == whole["content"] == HELLO
    assert len(said["seen"]) > 5
    assert (said["finish"], said["usage"]) == ("stop", whole["usage"])


def test_the_tool_runner_calls_and_comes_back(told):
    said = told("tools")
    assert said["called"] == ["Paris"]
    assert said["roles"] == ["user", "assistant", "tool", "assistant"]
    assert "sunny" in said["content"]


def test_the_tool_runner_makes_both_calls(told):
    assert told("cities")["called"] == ["Oslo", "Paris"]


def test_reasoning_is_the_same_streamed_and_whole(told):
    said = told("reasoning")
    assert "two have eight" in said["streamed"] == said["whole"]
    assert said["content"] == "Eight legs."


def test_an_embedding_is_decoded_from_base64(told, http):
    plain = http.post("/embeddings", json={"model": "scripted", "input": "hello"}).json()
    assert told("embedding")["embedding"] == pytest.approx(plain["data"][0]["embedding"], abs=1e-6)


def test_the_model_is_listed(told):
    assert told("models")["ids"] == ["scripted"]


def test_refusals_become_errors_of_their_class(told):
    said = told("refusals")
    for error, name, status, code, param in (
        (said["parameter"], "BadRequestError", 400, "decimal_above_max_value", "temperature"),
        (said["model"], "NotFoundError", 404, "model_not_found", None),
    ):
        assert (error["class"], error["status"]) == (name, status)
        assert (error["code"], error["param"], error["type"]) == (code, param, "invalid_request_error")
        assert error["requestId"].startswith("req_")


@pytest.mark.parametrize("case", ["abort", "break"])
def test_a_stream_that_is_left_is_not_made_to_its_end(start, at_rest, case):
    before = at_rest()
    with start(case) as node:
        said = json.loads(node.stdout.readline())
        after = at_rest()
        assert node.poll() is None  # it was not the end of the process
    assert said["chunks"] == 3
    assert 0 < after["completion_tokens_total"] - before["completion_tokens_total"] < WHOLE


def test_a_time_out_ends_the_work(told, at_rest):
    before = at_rest()
    assert told("timeout")["class"] == "APIConnectionTimeoutError"
    assert at_rest()["completion_tokens_total"] - before["completion_tokens_total"] < 30 * 1001


def test_a_shutdown_in_mid_stream_is_thrown(start, serve):
    with serve() as (url, process), start("failure", url) as node:
        assert node.stdout.readline() == "begun\n"
        process.terminate()
        said = json.loads(node.communicate(timeout=60)[0])
    assert said["class"] == "APIError"
    assert "shutting down" in said["message"]

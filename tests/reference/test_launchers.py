"""The command line, and local targets by name."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import httpx
import pytest

from reference_server.launchers import LaunchError, launch
from reference_server.listening import AddressError, bind, url


def run(*arguments, **options):
    command = [sys.executable, "-m", "reference_server", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, **options)


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_importing_and_asking_for_help_need_no_extra():
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['llama_cpp', 'numpy', 'gguf', 'uvicorn', 'starlette']));"
        "import reference_server.launchers; from reference_server.cli import main; main(['--help'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage: python -m reference_server" in done.stdout


def test_a_missing_extra_is_named_in_one_line():
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['llama_cpp', 'uvicorn']));"
        "from reference_server.cli import main; sys.exit(main([]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert 'pip install "openai-conformance[reference]"' in line


def test_a_model_file_that_is_missing_or_broken_is_told_in_one_line(engine_extra, model_cache, tmp_path):
    from reference_server.model import scripted_model

    broken, cut = tmp_path / "broken.gguf", tmp_path / "cut.gguf"
    broken.write_bytes(b"not a model")
    cut.write_bytes(scripted_model().read_bytes()[:1_000_000])
    for path in (tmp_path / "missing.gguf", broken, cut):
        done = run("--port", "0", "--model", str(path))
        assert done.returncode == 1
        [line] = done.stderr.splitlines()
        assert str(path) in line


def test_a_port_in_use_is_told_in_one_line(engine_extra, model_cache):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "in use" in line


@pytest.mark.parametrize("arguments", [("--port", "99999"), ("--parallel", "0"), ("--nonsense",)])
def test_wrong_arguments_are_refused(arguments):
    assert run(*arguments).returncode == 2


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(AddressError, match="cannot listen"):
        bind("192.0.2.1", 0)


def test_the_url_of_a_listener_is_told():
    with bind("127.0.0.1", 0) as listener:
        assert url(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def test_a_server_with_a_key_asks_for_it(engine_extra, model_cache):
    environment = {**os.environ, "THE_KEY": "open sesame"}
    command = [sys.executable, "-m", "reference_server", "--port", "0", "--api-key-env", "THE_KEY"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            base = process.stdout.readline().split()[-1]
            with httpx.Client(base_url=base, trust_env=False) as client:
                for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic open sesame"}):
                    reply = client.get("/models", headers=headers)
                    assert reply.status_code == 401
                    assert reply.json()["error"]["code"] == "invalid_api_key"
                    assert reply.headers["x-request-id"]
                assert client.get("/models", headers={"authorization": "Bearer open sesame"}).status_code == 200
        finally:
            process.terminate()
    assert process.returncode == 0


def test_a_key_variable_that_is_not_set_is_refused(engine_extra, model_cache):
    done = run("--port", "0", "--api-key-env", "SURELY_NOT_SET")
    assert done.returncode == 1
    assert "SURELY_NOT_SET" in done.stderr


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (b"abc ", "a blank"),
        (b"\tabc", "a blank"),
        (b"abc\n", "a blank"),
        (b" ", "a blank"),
        (b"a\xff", "no header can hold"),
        (b"a\x01b", "no header can hold"),
        (b"", "not set, or is empty"),
    ],
)
def test_a_key_that_no_client_can_send_is_refused_at_the_start(engine_extra, key, reason):
    done = run("--port", "0", "--api-key-env", "THE_KEY", env={**os.environb, b"THE_KEY": key})
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "THE_KEY" in line
    assert reason in line


def test_a_cache_that_cannot_be_written_is_told_in_one_line(engine_extra):
    done = run("--port", "0", env={**os.environ, "CONFORMANCE_CACHE": "/dev/null/x"})
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("reference_server: cannot keep the scripted model: ")
    assert "/dev/null/x" in line


def test_a_target_for_which_no_model_can_be_kept_is_told_with_the_reason(engine_extra, monkeypatch):
    monkeypatch.setenv("CONFORMANCE_CACHE", "/dev/null/x")
    with pytest.raises(LaunchError, match="cannot keep the scripted model"), launch("llama-cpp-python"):
        pass


def test_a_signal_ends_open_streams_with_an_error_event(engine_extra, model_cache):
    body = {"model": "scripted", "messages": [{"role": "user", "content": "count"}], "stream": True, "n": 4}
    with (
        launch("reference") as server,
        httpx.Client(trust_env=False, timeout=20) as client,
        client.stream("POST", f"{server.url}/chat/completions", json=body) as reply,
    ):
        pieces = reply.iter_text()
        text = next(pieces)
        os.kill(server.pid, signal.SIGTERM)
        text += "".join(pieces)
    last = text.split("\n\n")[-2]
    assert last.startswith('data: {"error":{"message":"The server is shutting down.')
    assert "[DONE]" not in text


STUCK = """
import sys, threading
from reference_server.cli import main
from reference_server.engine import bindings
bindings.load().llama_decode = lambda *_: threading.Event().wait()
sys.exit(main(["--port", "0", "--heartbeat", "0.1"]))
"""


def test_a_signal_ends_a_server_whose_decoding_never_does(engine_extra, model_cache):
    body = {"model": "scripted", "messages": [{"role": "user", "content": "count"}], "stream": True}
    with subprocess.Popen([sys.executable, "-c", STUCK], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            url = process.stdout.readline().decode().split()[-1]
            with httpx.stream("POST", f"{url}/chat/completions", json=body, trust_env=False, timeout=20) as reply:
                pieces = reply.iter_text()
                assert next(pieces) == ": keep-alive\n\n"
                process.terminate()
                assert "The server is shutting down." in "".join(pieces)
            assert process.wait(20) == 0
            [line] = process.stderr.read().decode().splitlines()
            assert "does not end" in line
        finally:
            process.kill()


@pytest.mark.parametrize("name", ["reference", "llama-cpp-python", "llama-server"])
def test_a_key_is_asked_for_and_is_on_no_command_line(engine_extra, model_cache, name):
    if name == "llama-cpp-python":
        pytest.importorskip("starlette_context", reason="the server extra of llama-cpp-python is not installed")
    if name == "llama-server" and not shutil.which(name):
        pytest.skip("no llama-server on PATH")
    with launch(name, key="open-sesame-1") as server:
        chat = f"{server.url}/chat/completions"  # llama-server shows everybody its models
        body = {"model": "scripted", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 1}
        assert httpx.post(chat, json=body, trust_env=False).status_code == 401
        bearer = {"authorization": f"Bearer {server.key}"}
        assert httpx.post(chat, json=body, headers=bearer, trust_env=False).status_code == 200
        assert "open-sesame" not in repr(server)
        if sys.platform == "linux":  # elsewhere a command line is not to be had so easily
            assert b"open-sesame" not in Path(f"/proc/{server.pid}/cmdline").read_bytes()


@pytest.mark.parametrize("name", ["reference", "llama-cpp-python"])
def test_a_target_is_started_and_stopped(engine_extra, model_cache, name, tmp_path):
    if name == "llama-cpp-python":
        pytest.importorskip("starlette_context", reason="the server extra of llama-cpp-python is not installed")
    with launch(name, log_folder=tmp_path) as server:
        assert httpx.get(f"{server.url}/models", trust_env=False).json()["data"][0]["id"] == "scripted"
        assert not gone(server.pid)
        assert server.version == (metadata.version("llama-cpp-python") if name == "llama-cpp-python" else "")
    assert gone(server.pid)
    assert (tmp_path / f"{name}.log").exists()


def test_a_target_is_stopped_when_the_block_fails(engine_extra, model_cache):
    with pytest.raises(KeyboardInterrupt), launch("reference") as server:
        raise KeyboardInterrupt
    assert gone(server.pid)


def test_a_target_is_stopped_when_the_program_ends_within_the_block(engine_extra, model_cache):
    code = (
        "from reference_server.launchers import launch\n"
        "server = launch('reference')\n"
        "print(server.__enter__().pid, flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    deadline = time.monotonic() + 5
    while not gone(int(done.stdout)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert gone(int(done.stdout))


@pytest.mark.skipif(sys.platform != "linux", reason="only the Linux kernel does this")
def test_a_target_is_stopped_when_the_program_is_killed(engine_extra, model_cache):
    code = (
        "from reference_server.launchers import launch\n"
        "with launch('reference') as server:\n"
        "    print(server.pid, flush=True)\n"
        "    input()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        pid = int(program.stdout.readline())
        assert not gone(pid)
        program.kill()
    deadline = time.monotonic() + 5
    while not gone(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert gone(pid)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("nonsense", {}, "unknown target"),
        ("fault:", {}, "unknown target"),
        ("llama-server", {"command": "/nowhere/llama-server"}, "not on PATH"),
        ("replay:/nowhere/transcript.json", {}, "ended with code"),
    ],
)
def test_a_target_that_cannot_start_is_told_with_the_reason(name, options, message):
    with pytest.raises(LaunchError, match=message), launch(name, **options):
        pass


def test_a_target_that_never_answers_is_given_up(tmp_path, model_cache, engine_extra):
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\necho loading for ever\nexec sleep 60\n")
    silent.chmod(0o755)
    with pytest.raises(LaunchError, match="loading for ever"), launch("llama-server", command=str(silent), timeout=1):
        pass

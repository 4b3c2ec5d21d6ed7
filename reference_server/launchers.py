"""Local targets by name: `launch("reference")` starts a server, waits until it answers, and stops it afterwards.

    with launch("reference") as server:
        print(server.url)

The names are `reference`, `llama-cpp-python` (its stock server), `llama-server` (the binary on PATH, or a command of
the caller's), `fault:NAME` and `replay:FILE`.
"""

import contextlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from reference_server.engine.bindings import MissingExtraError
from reference_server.processes import Process

NAMES = ("reference", "llama-cpp-python", "llama-server", "fault:NAME", "replay:FILE")

_SERVING = re.compile(r"^Serving .* at (http://\S+)$", re.MULTILINE)
_CONTEXT = 4096
# Where each server reads the key that it asks for: other users of this machine see a command line.
_KEY_VARIABLES = {
    "reference": "REFERENCE_SERVER_API_KEY",
    "llama-cpp-python": "API_KEY",
    "llama-server": "LLAMA_API_KEY",
}

_PYTHON = (sys.executable, "-P", "-m")  # -P: no module of the current folder gets in the way
_ENVIRONMENT = {
    # The server is this very code, also where it runs from a checkout that is not installed.
    "PYTHONPATH": os.pathsep.join(filter(None, (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")))),
}


class LaunchError(Exception):
    """A target could not be started; the message says why, with the end of its log."""


@dataclass(frozen=True)
class Server:
    """A target that runs."""

    name: str
    url: str
    """Base URL, with `/v1`."""
    pid: int
    log: Path
    key: str = field(default="", repr=False)
    """What it asks for, empty where it lets everybody in."""
    version: str = ""
    """Of what serves, as far as that is known."""


@dataclass(frozen=True)
class _Recipe:
    command: tuple[str, ...]
    url: str | None = None
    """None: the server tells it in its output."""


@contextlib.contextmanager
def launch(
    name: str,
    *,
    command: str | None = None,
    parallel: int = 4,
    key: str = "",
    timeout: float = 60.0,
    log_folder: Path | None = None,
) -> Iterator[Server]:
    """Run a target for the length of a `with` block.

    `command` replaces the binary of `llama-server`; `parallel`: how many texts `reference` and `llama-server` make at
    once; `key`: what these two and `llama-cpp-python` ask for; `log_folder` keeps the log, which is otherwise dropped.
    Raises LaunchError for an unknown name and for a server that does not answer in time, MissingExtraError for what is
    not installed.
    """
    with tempfile.TemporaryDirectory(prefix="openai-conformance-") as place:
        recipe = _recipe(name, command, parallel, key)
        log = (log_folder or Path(place)) / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', name)[:60]}.log"
        variable = _KEY_VARIABLES.get(name, "")
        asked = key if variable else ""
        try:
            process = Process(recipe.command, log, _ENVIRONMENT | ({variable: asked} if asked else {}))
        except OSError as error:
            raise LaunchError(f"cannot start {name}: {error}") from error
        try:
            url = _wait(name, process, recipe.url, timeout, asked)
            yield Server(name, url, process.pid, log, asked, _version(name, url, asked))
        finally:
            process.stop()


def _recipe(name: str, command: str | None, parallel: int, key: str) -> _Recipe:
    kind, _, rest = name.partition(":")
    match kind, bool(rest):
        case "reference", False:
            _need("llama_cpp", "uvicorn", "starlette")
            asking = ("--api-key-env", _KEY_VARIABLES["reference"]) if key else ()
            return _ours("--parallel", str(parallel), "--context", str(_CONTEXT), *asking)
        case (("fault" | "replay"), True):
            return _ours(kind, rest)
        case "llama-cpp-python", False:
            _need("llama_cpp", "fastapi", "uvicorn", "gguf")
            return _stock()
        case "llama-server", False:
            return _llama_server(command, parallel)
    raise LaunchError(f"unknown target {name!r}: choose one of {', '.join(NAMES)}")


def _ours(*arguments: str) -> _Recipe:
    return _Recipe((*_PYTHON, "reference_server", *arguments, "--port", "0"))


def _stock() -> _Recipe:
    port = _free_port()
    options = {
        "--model": str(_scripted()),
        "--model_alias": "scripted",
        "--host": "127.0.0.1",
        "--port": str(port),
        "--n_ctx": str(_CONTEXT),
        "--n_threads": "1",
        # Else a second request cuts the first stream short.
        "--interrupt_requests": "False",
    }
    command = [*_PYTHON, "llama_cpp.server", *(word for option in options.items() for word in option)]
    return _Recipe(tuple(command), f"http://127.0.0.1:{port}/v1")


def _llama_server(command: str | None, parallel: int) -> _Recipe:
    words = shlex.split(command) if command else ["llama-server"]
    if not words or not shutil.which(words[0]):
        what = words[0] if words else "the command"
        raise LaunchError(
            f"{what} is not on PATH: name the binary, or build it: python -m reference_server.llama_server"
        )
    port = _free_port()
    options = {
        "--model": str(_scripted()),
        "--alias": "scripted",
        "--host": "127.0.0.1",
        "--port": str(port),
        "--ctx-size": str(parallel * _CONTEXT),
        "--parallel": str(parallel),
        "--threads": "1",
    }
    arguments = [word for option in options.items() for word in option]
    return _Recipe((*words, *arguments, "--jinja"), f"http://127.0.0.1:{port}/v1")


def _scripted() -> Path:
    _need("gguf", "numpy")
    from reference_server.engine.model import ModelError
    from reference_server.model import scripted_model

    try:
        return scripted_model()
    except ModelError as error:
        raise LaunchError(str(error)) from error


def _need(*modules: str) -> None:
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError(module)


def _free_port() -> int:
    # Somebody may take it before the server does; then the server says so in its log.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(name: str, process: Process, url: str | None, timeout: float, key: str) -> str:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if process.exit_code() is not None:
            raise LaunchError(f"{name} ended with code {process.exit_code()}:\n{process.last_lines()}")
        if url is None:
            # Our own servers print the line when they listen. A replayed one may know no /models.
            if told := _SERVING.search(process.output()):
                return told[1]
        elif _answers(url, key):
            return url
        time.sleep(0.05)
    raise LaunchError(f"{name} did not answer within {timeout:g} s:\n{process.last_lines()}")


def _answers(url: str, key: str) -> bool:
    """Tell whether the list of models is there; llama-server says 503 while it loads."""
    return bool(_member(f"{url}/models", "data", key))


def _version(name: str, url: str, key: str) -> str:
    if name == "llama-server":
        return str(_member(f"{url.removesuffix('/v1')}/props", "build_info", key) or "")
    return metadata.version("llama-cpp-python") if name == "llama-cpp-python" else ""


def _member(url: str, name: str, key: str) -> object:
    """Return a member of the JSON object at an address, None where there is none."""
    # Whatever proxy the environment names, a local server is reached directly.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.addheaders = [("Authorization", f"Bearer {key}")] if key else []
    try:
        with opener.open(url, timeout=2) as reply:
            return json.load(reply).get(name)
    except (OSError, ValueError, AttributeError):
        return None

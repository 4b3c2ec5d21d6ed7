"""Install what the reference server needs; llama-cpp-python is compiled, and its progress is shown.

Runs on a bare Python: `python reference_server/install.py`. The requirements are those of the extra `reference` in
pyproject.toml. The compiled wheel stays in pip's cache, so that the next environment has it in seconds.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
import tomllib
from collections import deque
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parent / "pyproject.toml"
STEP = re.compile(r"\[(\d+)/(\d+)\]")
EVERY = 5.0  # seconds between two lines of progress
EXPECTED = "about 2 minutes on two cores, once; pip keeps the result"


def main() -> int:
    """Run pip, and return its exit code."""
    extras = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]["reference"]
    include = f"-DCMAKE_PROJECT_llama_cpp_INCLUDE={HERE / 'llama_cpp.cmake'}"
    arguments = shlex.join(["-DLLAVA_BUILD=OFF", include])
    environment = os.environ | {"CMAKE_ARGS": f"{arguments} {os.environ.get('CMAKE_ARGS', '')}".strip()}
    command = [sys.executable, "-m", "pip", "install", "--verbose", "--disable-pip-version-check", *extras]
    say(f"installing {', '.join(extras)}")
    started = time.monotonic()
    last = deque[str](maxlen=40)
    with subprocess.Popen(  # noqa: S603 - pip, with requirements from our own file
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as pip:
        watch(pip, last, started)
    if pip.returncode:
        sys.stdout.write("".join(last))
        say("pip failed; a C++ compiler is needed (Debian: apt-get install g++)")
    else:
        say(f"done in {time.monotonic() - started:.0f} s")
    return pip.returncode


def watch(pip: subprocess.Popen[str], last: deque[str], started: float) -> None:
    """Read pip's output, keep its last lines, and tell every few seconds how far the compiler is."""
    told = started
    for line in pip.stdout or ():
        last.append(line)
        step = STEP.search(line)
        if "Building wheel for llama" in line and "started" in line:
            say(f"compiling llama.cpp ({EXPECTED})")
        elif step and time.monotonic() - told > EVERY:
            told = time.monotonic()
            say(f"compiling llama.cpp: {step[1]} of {step[2]} steps, {told - started:.0f} s")


def say(words: str) -> None:
    """Print one line at once, so that it is seen through a pipe."""
    sys.stdout.write(f"reference server: {words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

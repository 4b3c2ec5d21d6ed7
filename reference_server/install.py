"""Install what the reference server needs; llama-cpp-python is compiled, and its progress is shown.

Runs on a bare Python, in the checkout: `python -m reference_server.install`. The requirements are those of the extra
`reference` in pyproject.toml. The compiled wheel stays in pip's cache, so that the next environment has it in seconds.
"""

from __future__ import annotations

import os
import shlex
import sys
import tomllib
from pathlib import Path

from reference_server.progress import Progress

HERE = Path(__file__).parent
PROJECT = HERE.parent / "pyproject.toml"
EXPECTED = "about 2 minutes on two cores, once; pip keeps the result"


def requirements() -> list[str]:
    """Return what the extra `reference` asks for."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    return list(project["optional-dependencies"]["reference"])


def main() -> int:
    """Run pip, and return its exit code."""
    progress, extras = Progress("reference server"), requirements()
    include = f"-DCMAKE_PROJECT_llama_cpp_INCLUDE={HERE / 'llama_cpp.cmake'}"
    arguments = shlex.join(["-DLLAVA_BUILD=OFF", include])
    environment = os.environ | {"CMAKE_ARGS": f"{arguments} {os.environ.get('CMAKE_ARGS', '')}".strip()}
    command = [sys.executable, "-m", "pip", "install", "--verbose", "--disable-pip-version-check", *extras]
    progress.say(f"installing {', '.join(extras)}")
    code = progress.run(command, environment, {"Building wheel for llama": f"compiling llama.cpp ({EXPECTED})"})
    if code:
        sys.stdout.write("".join(progress.last))
        progress.say("pip failed; a C++ compiler is needed (Debian: apt-get install g++)")
    else:
        progress.say(f"done in {progress.seconds():.0f} s")
    return code


if __name__ == "__main__":
    sys.exit(main())

"""Build llama.cpp's own `llama-server`, as a target to examine: `python -m reference_server.llama_server`.

llama-cpp-python's source archive holds all of llama.cpp, so that both targets are of one version: the one that the
extra `reference` in pyproject.toml names. Needs pip, cmake, ninja and a C++ compiler. The binary stays in the cache
folder and is copied beside this Python, where it is on the PATH of the environment.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
import tarfile
import tempfile
from pathlib import Path

from reference_server.install import requirements
from reference_server.model.cache import folder
from reference_server.progress import Progress

PACKAGE = "llama-cpp-python"
EXPECTED = "about 4 minutes on two cores, once; the cache folder keeps the result"
NAME = "llama-server.exe" if os.name == "nt" else "llama-server"
OFF = ("BUILD_TESTS", "BUILD_EXAMPLES", "BUILD_APP", "BUILD_UI", "USE_PREBUILT_UI", "OPENSSL")
ON = ("BUILD_COMMON", "BUILD_TOOLS", "BUILD_SERVER")
FLAGS = (
    *("-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=OFF"),
    *(f"-DLLAMA_{name}=OFF" for name in OFF),
    *(f"-DLLAMA_{name}=ON" for name in ON),
)
COMPILERS = ("c++", "g++", "clang++", "cl")


class BuildError(Exception):
    """The server cannot be built; the message says why in one line."""


def main() -> int:
    """Put the binary beside this Python, building it first where that was not done yet; return the exit code."""
    progress = Progress("llama-server")
    try:
        version = pinned(requirements())
        kept = folder() / f"llama-server-{version}" / NAME
        if not kept.exists():
            build(version, kept, progress)
        place = Path(sysconfig.get_path("scripts")) / NAME
        shutil.copy2(kept, place)
    except (BuildError, OSError) as error:
        sys.stderr.write(f"llama-server: {error}\n")
        return 1
    progress.say(f"{place} is that of {PACKAGE} {version}, {progress.seconds():.0f} s")
    return 0


def pinned(requirements: list[str]) -> str:
    """Return the version of llama-cpp-python that the requirements name."""
    for requirement in requirements:
        name, equal, version = requirement.partition("==")
        if equal and name.partition("[")[0].strip() == PACKAGE:
            return version.strip()
    raise BuildError(f"pyproject.toml pins no {PACKAGE}==VERSION")


def build(version: str, kept: Path, progress: Progress) -> None:
    """Fetch the archive, compile the one target, and keep its binary."""
    cmake = _tools()
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="build-", dir=kept.parent) as place:
        built = compile_in(Path(place), unpack(fetch(version, Path(place), progress)), cmake, progress)
        built.replace(kept)  # at once, so that nobody ever runs half a file


def _tools() -> str:
    """Return cmake; raises where something is missing before anything is fetched."""
    missing = [name for name in ("cmake", "ninja") if not shutil.which(name)]
    if missing:
        raise BuildError(f"{' and '.join(missing)} missing: pip install {' '.join(missing)}")
    if not os.environ.get("CXX") and not any(map(shutil.which, COMPILERS)):
        raise BuildError("a C++ compiler is missing (Debian: apt-get install g++)")
    return str(shutil.which("cmake"))


def fetch(version: str, place: Path, progress: Progress) -> Path:
    """Download the source archive with pip, which finds it wherever it is told to look."""
    progress.say(f"fetching the source of {PACKAGE} {version}")
    pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps", "--dest", str(place)]
    code = progress.run([*pip, "--no-binary", PACKAGE, f"{PACKAGE}=={version}"])
    archives = sorted(place.glob("*.tar.gz"))
    if code or not archives:
        said = [line.strip() for line in progress.last if line.startswith("ERROR:")] or [f"exit code {code}"]
        raise BuildError(f"pip could not fetch {PACKAGE} {version}: {said[-1].removeprefix('ERROR: ')}")
    return archives[0]


def unpack(archive: Path) -> Path:
    """Unpack an archive beside itself, and return the folder of llama.cpp in it."""
    try:
        with tarfile.open(archive) as packed:
            packed.extractall(archive.parent, filter="data")
    except tarfile.TarError as error:
        raise BuildError(f"{archive.name} cannot be unpacked: {error}") from None
    for found in archive.parent.glob("*/vendor/llama.cpp/CMakeLists.txt"):
        return found.parent
    raise BuildError(f"{archive.name} has no vendor/llama.cpp")


def compile_in(place: Path, source: Path, cmake: str, progress: Progress) -> Path:
    """Configure and compile, and return the binary."""
    out = place / "out"
    progress.say(f"compiling llama.cpp ({EXPECTED})")
    steps = (
        ("configure", [cmake, "-S", str(source), "-B", str(out), *FLAGS]),
        ("compile", [cmake, "--build", str(out), "--target", "llama-server", "--parallel", str(os.cpu_count() or 2)]),
    )
    for what, command in steps:
        if code := progress.run(command):
            sys.stdout.write("".join(progress.last))
            raise BuildError(f"cmake could not {what} it, exit code {code}; its last words stand above")
    built = out / "bin" / NAME
    if not built.exists():
        raise BuildError(f"cmake made no {built.name}")
    return built


if __name__ == "__main__":
    sys.exit(main())

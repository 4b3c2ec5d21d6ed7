"""llama-server is built once out of llama-cpp-python's archive, and what goes wrong is told in one line."""

import io
import os
import stat
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

from reference_server import llama_server
from reference_server.install import requirements
from reference_server.llama_server import BuildError, fetch, main, pinned, unpack
from reference_server.progress import Progress

CMAKE = """#!{python}
import pathlib, sys
with open({log!r}, "a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
if "-S" in sys.argv:
    source = pathlib.Path(sys.argv[sys.argv.index("-S") + 1])
    if "wrong" in (source / "CMakeLists.txt").read_text():
        print("CMake Error: no such thing")
        sys.exit(7)
else:
    print("[1/1] Linking")
    out = pathlib.Path(sys.argv[2]) / "bin"
    out.mkdir(parents=True)
    (out / "llama-server").write_text("the binary")
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A cache, a folder of programs with a cmake that only writes down its arguments, and an archive."""
    programs, scripts = tmp_path / "programs", tmp_path / "scripts"
    for folder in (programs, scripts):
        folder.mkdir()
    for name in ("cmake", "ninja", "c++"):
        program = programs / name
        program.write_text(CMAKE.format(python=sys.executable, log=str(tmp_path / "log")))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("CONFORMANCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(scripts))
    return tmp_path


def archive(folder: Path, text: str = "project(llama)", inside: str = "vendor/llama.cpp/CMakeLists.txt") -> Path:
    packed = folder / "llama_cpp_python-1.0.tar.gz"
    with tarfile.open(packed, "w:gz") as out:
        entry = tarfile.TarInfo(f"llama_cpp_python-1.0/{inside}")
        entry.size = len(text)
        out.addfile(entry, io.BytesIO(text.encode()))
    return packed


def fetched(monkeypatch, text: str = "project(llama)"):
    monkeypatch.setattr(llama_server, "fetch", lambda version, place, progress: archive(place, text))


@pytest.mark.skipif(os.name == "nt", reason="the programs of this test are scripts")
def test_the_binary_is_built_once_and_put_beside_python(place, monkeypatch, capsys):
    fetched(monkeypatch)
    assert main() == 0
    installed = place / "scripts" / "llama-server"
    assert installed.read_text() == "the binary"
    configure, build = (place / "log").read_text().splitlines()
    assert "-DLLAMA_BUILD_SERVER=ON" in configure
    assert "-DLLAMA_BUILD_UI=OFF" in configure
    assert "--target llama-server" in build
    [kept] = (place / "cache").iterdir()
    assert [path.name for path in kept.iterdir()] == ["llama-server"]

    installed.unlink()
    monkeypatch.setattr(llama_server, "fetch", lambda *_: pytest.fail("it is in the cache"))
    assert main() == 0
    assert installed.read_text() == "the binary"
    assert "compiling llama.cpp" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="the programs of this test are scripts")
def test_what_cmake_says_is_shown_where_it_fails(place, monkeypatch, capsys):
    fetched(monkeypatch, "wrong")
    assert main() == 1
    told = capsys.readouterr()
    assert "CMake Error: no such thing" in told.out
    assert told.err == "llama-server: cmake could not configure it, exit code 7; its last words stand above\n"
    assert not (place / "scripts" / "llama-server").exists()
    assert [*(place / "cache").rglob("*.*")] == [next((place / "cache").iterdir())]  # nothing but the empty folder


@pytest.mark.parametrize(
    ("missing", "words"), [("cmake", "cmake missing"), ("ninja", "pip install ninja"), ("c++", "a C++ compiler")]
)
def test_a_missing_tool_is_named_before_anything_is_fetched(place, monkeypatch, capsys, missing, words):
    monkeypatch.setattr(llama_server, "fetch", lambda *_: pytest.fail("it is fetched in vain"))
    (place / "programs" / missing).unlink()
    assert main() == 1
    [line] = capsys.readouterr().err.splitlines()
    assert words in line


def test_a_download_that_fails_is_told_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(
        BuildError, match=r"^pip could not fetch llama-cpp-python 0\.0\.1: No matching distribution .*$"
    ):
        fetch("0.0.1", tmp_path, Progress("test"))


@pytest.mark.parametrize("inside", ["README.md", "vendor/other/CMakeLists.txt"])
def test_an_archive_without_llama_cpp_is_refused(tmp_path, inside):
    with pytest.raises(BuildError, match="has no vendor"):
        unpack(archive(tmp_path, inside=inside))


def test_a_broken_archive_is_refused(tmp_path):
    broken = tmp_path / "llama_cpp_python-1.0.tar.gz"
    broken.write_bytes(b"no archive")
    with pytest.raises(BuildError, match="cannot be unpacked"):
        unpack(broken)


def test_the_version_is_that_of_the_extra():
    assert pinned(requirements()) == pinned(["numpy>=1", "llama-cpp-python[server]==" + pinned(requirements())])
    with pytest.raises(BuildError, match="pins no"):
        pinned(["llama-cpp-python>=1", "numpy==2"])


def test_tox_makes_the_scripted_model_with_what_the_extra_names():
    tox = (Path(__file__).parents[2] / "tox.ini").read_text(encoding="utf-8")
    section = tox.partition("[testenv:llama-server]")[2].partition("[testenv:")[0]
    for name in ("gguf", "numpy"):
        [wanted] = [requirement for requirement in requirements() if requirement.startswith(name)]
        assert f"\n    {wanted}\n" in section


def test_the_installer_needs_nothing_that_is_installed():
    code = "import reference_server.install, reference_server.llama_server"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

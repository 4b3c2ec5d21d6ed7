"""The wheel is complete: installed elsewhere, it examines a server from an empty folder."""

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

pytest.importorskip("setuptools", "77", reason="setuptools 77 builds the wheel")

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path, code: int = 0) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_works_from_an_empty_folder(tmp_path: Path) -> None:
    source, empty, home = tmp_path / "source", tmp_path / "empty", tmp_path / "venv"
    empty.mkdir()
    run("git", "clone", "--quiet", ROOT, source, cwd=tmp_path)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", tmp_path, source, cwd=tmp_path)
    [wheel] = tmp_path.glob("openai_conformance-*.whl")

    venv.create(home, system_site_packages=False, with_pip=False)
    python = home / "bin" / "python"
    [site] = home.glob("lib/python*/site-packages")
    run(*pip, "install", "--quiet", "--no-deps", "--target", site, wheel, cwd=empty)
    # The dependencies are those of this interpreter; the distribution itself must come from the wheel.
    (site / "dependencies.pth").write_text("\n".join(p for p in sys.path if p.endswith("site-packages")))

    where = run(python, "-c", "import conformance, reference_server; print(conformance.__file__)", cwd=empty)
    assert Path(where.strip()).is_relative_to(site)
    out = run(python, "-m", "pytest", "--target=fault:done-missing", "-q", cwd=empty, code=1)
    assert "FAILED conformance::done-sent" in out
    report = json.loads((empty / "conformance-report" / "report.json").read_text(encoding="utf-8"))
    assert [v["requirement"] for v in report["verdicts"] if v["outcome"] == "violated"] == ["done-sent"]

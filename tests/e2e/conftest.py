"""Runs of pytest in processes and folders of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@dataclass
class Outcome:
    code: int
    output: str
    folder: Path

    @property
    def report(self) -> dict:
        return json.loads((self.folder / "conformance-report" / "report.json").read_text())

    @property
    def outcomes(self) -> dict[str, str]:
        return {verdict["requirement"]: verdict["outcome"] for verdict in self.report["verdicts"]}

    @property
    def error_lines(self) -> list[str]:
        return [line for line in self.output.splitlines() if line.startswith("ERROR:")]


@dataclass
class Project:
    """A folder in which pytest runs, with the small suite in place of the packaged one."""

    folder: Path
    plugins: tuple[str, ...] = ("-p", "stand_in")

    def command(self, *args: str) -> list[str]:
        others = [f"-pno:{name}" for name in ("randomly", "hypothesispytest", "anyio", "cov")]  # half of the start
        return [sys.executable, "-m", "pytest", "--color=no", *others, *self.plugins, *args]

    def environment(self, **more: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY") and not k.startswith("PYTEST")}
        return kept | {"PYTHONPATH": str(HERE), "COLUMNS": "200"} | more

    def write(self, **files: str) -> None:
        for name, text in files.items():
            (self.folder / f"{name}.py").write_text(text)

    def pytest(self, *args: str, code: int | None = None, **environment: str) -> Outcome:
        done = subprocess.run(
            self.command(*args),
            cwd=self.folder,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        if code is not None:
            assert done.returncode == code, done.stdout
        return Outcome(done.returncode, done.stdout, self.folder)


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)

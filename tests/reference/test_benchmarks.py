"""The benchmarks, as far as they can be tried without waiting for figures."""

import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_a_benchmark_finds_all_that_it_measures(engine_extra, monkeypatch, path):
    monkeypatch.syspath_prepend(FOLDER)
    assert callable(runpy.run_path(str(path), run_name="tried")["main"])

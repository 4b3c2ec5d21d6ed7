"""The reference server keeps its own suite, under strict and to the last requirement. A whole run: about five seconds."""

import json
import os
import re
import subprocess
import sys

import pytest

from conformance.profile import load

UNEXERCISED = load("strict").unexercised
COMMAND = "--target=reference --conformance-profile strict --conformance-fail-on advised,not-exercised"


@pytest.fixture(scope="module")
def run(engine_extra, model_cache, tmp_path_factory):
    """The very command that README names, in a folder and an environment of its own."""
    folder = tmp_path_factory.mktemp("strict")
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY") and not k.startswith("PYTEST")}
    command = [sys.executable, "-m", "pytest", *COMMAND.split(), "--junitxml=junit.xml", "-rs", "--color=no"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    return done, folder


@pytest.fixture(scope="module")
def verdicts(run):
    done, folder = run
    assert done.returncode == 0, done.stdout
    report = json.loads((folder / "conformance-report" / "report.json").read_text(encoding="utf-8"))
    return {verdict["requirement"]: verdict for verdict in report["verdicts"]}


def test_nothing_is_violated_advised_or_left_out_without_a_reason(verdicts):
    outcomes = {verdict["outcome"] for verdict in verdicts.values()}
    assert outcomes <= {"held", "observed", "not exercised", "unsupported"}
    idle = {name for name, verdict in verdicts.items() if verdict["outcome"] == "not exercised"}
    assert idle <= set(UNEXERCISED)
    # On a machine that is busy with something else its answers may be slow enough to have a pace.
    assert set(UNEXERCISED) - idle <= {"time-text-spread"}
    assert len(UNEXERCISED) <= 15


def test_what_is_left_out_is_said_with_its_reason_wherever_one_looks(run, verdicts):
    done, folder = run
    places = [done.stdout, (folder / "junit.xml").read_text(encoding="utf-8")]
    places.append((folder / "conformance-report" / "index.html").read_text(encoding="utf-8"))
    assert re.search(r"\d+ of \d+ not exercised are explained by profile strict", done.stdout)
    for name, reason in UNEXERCISED.items():
        if verdicts[name]["outcome"] == "not exercised":
            assert all(name in place and reason in place for place in places)
            assert verdicts[name]["foreseen"] == reason


def test_the_key_that_the_server_asks_for_is_tried_and_a_wrong_one_turned_away(verdicts):
    assert verdicts["error-401-shape"]["outcome"] == "held"
    assert verdicts["http-401-challenge"]["subjects"] == 1

"""The plugin as its users meet it: options, outcomes, selection, output."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ElementTree

import pytest
from conftest import Project
from odd_server import MODELS, chunk, serve, well_behaved

from conformance.probe import wanted
from conformance.probes import PROBES

HELD = {
    "stand-status-known": "held",
    "stand-done-last": "held",
    "stand-no-shouting": "held",
    "stand-error-object": "held",
    "stand-models-listed": "observed",
    "stand-tools-streamed": "held",
    "stand-never-exercised": "not exercised",
}


def shouting(exchange):
    """Break one MUST and one SHOULD."""
    if exchange.json and exchange.json.get("stream") and exchange.json.get("messages"):
        exchange.stream_head()
        exchange.event(chunk({"role": "assistant", "content": "SHOUT \x1b[2J"}, "stop"))
        exchange.send(b"0\r\n\r\n")
    else:
        well_behaved(exchange)


def unwell(exchange):
    """Fail whatever asks for a stream."""
    if exchange.json and exchange.json.get("stream"):
        exchange.error("500 Internal Server Error", "out of order")
    else:
        well_behaved(exchange)


def no_tools(exchange):
    if exchange.json and exchange.json.get("tools"):
        exchange.error("400 Bad Request", "tools are \x1b[31mnot\x1b[0m for us")
    else:
        well_behaved(exchange)


@pytest.fixture(scope="module")
def good():
    with serve(well_behaved) as server:
        yield server


def url(server):
    return f"--target-url={server.url}"


def test_a_conformant_server_passes_and_has_a_report(project, good):
    good.seen.clear()
    result = project.pytest(url(good), code=0)
    assert f"conformance: {good.url}, model tiny, profile compat, 7 requirements" in result.output
    assert "6 passed, 1 skipped" in result.output
    assert "1 not exercised  1 observed  5 held" in result.output
    assert f"{len(good.seen)} requests, 7 requirements, " in result.output
    assert "report: conformance-report/index.html" in result.output
    assert result.outcomes == HELD
    probes = [transcript["probe"] for transcript in result.report["transcripts"]]
    assert len(good.seen) == len(probes) == len(set(probes))
    folder = result.folder / "conformance-report"
    assert (folder / "index.html").exists()
    assert len(list((folder / "transcripts").iterdir())) == len(good.seen)
    assert result.report["requests"] == len(good.seen)


def test_findings_fail_or_advise_and_say_why(project):
    with serve(shouting) as server:
        result = project.pytest(url(server), "--junitxml=junit.xml", "-rA", code=1)
    assert result.outcomes["stand-done-last"] == "violated"
    assert result.outcomes["stand-no-shouting"] == "advised"
    assert "1 failed" in result.output
    assert "1 advised" in result.output
    assert "FAILED conformance::stand-done-last" in result.output
    assert "A stream ends with a marker." in result.output
    assert "RFC 9110" in result.output
    assert "= ADVICE =" in result.output
    assert "An event does not shout." in result.output
    assert "curl " in result.output
    assert "Traceback" not in result.output
    assert "\x1b" not in result.output
    cases = {case.get("name"): case for case in ElementTree.parse(result.folder / "junit.xml").iter("testcase")}
    assert cases["stand-done-last"].find("failure") is not None
    advised = {p.get("name"): p.get("value") for p in cases["stand-no-shouting"].iter("property")}
    assert advised["outcome"] == "advised"
    assert "An event does not shout." in advised["advice"]
    assert cases["stand-never-exercised"].find("skipped").get("message").startswith("not exercised")


def test_what_could_not_be_decided_is_an_error_and_code_6(project):
    with serve(unwell) as server:
        result = project.pytest(url(server), "-k", "done or tools", code=6)
    assert set(result.outcomes.values()) == {"inconclusive"}
    assert "2 errors" in result.output
    assert "not all could be decided" in result.output
    assert "ERROR at setup of stand-done-last" in result.output
    assert "inconclusive: chat-stream: status 500" in result.output
    assert "Traceback" not in result.output


def test_a_feature_that_is_refused_is_skipped_with_the_words_of_the_server(project):
    with serve(no_tools) as server:
        result = project.pytest(url(server), "-k", "tools", "-rs", code=0)
    assert "1 skipped" in result.output
    assert r"unsupported: tools-stream: 400 tools are \x1b[31mnot\x1b[0m for us" in result.output


@pytest.mark.parametrize(("outcomes", "code"), [("advised", 1), ("not-exercised", 1), ("unsupported", 0)])
def test_more_outcomes_may_fail_a_run(project, outcomes, code):
    def shy(exchange):
        if exchange.json and exchange.json.get("stream") and exchange.json.get("messages"):
            exchange.stream_head()
            exchange.event("SHOUT")
            exchange.event("[DONE]")
            exchange.send(b"0\r\n\r\n")
        else:
            well_behaved(exchange)

    with serve(shy) as server:
        result = project.pytest(url(server), f"--conformance-fail-on={outcomes}", code=code)
    assert " failed," not in result.output
    assert ("--conformance-fail-on" in result.output) == (code == 1)


def test_a_report_is_written_again_where_its_folder_is_named_with_a_blank(project, good):
    for _ in range(3):
        project.pytest(url(good), "--conformance-report", "out", code=0)
    assert (project.folder / "out" / "index.html").exists()


def whimsical(*streamed):
    """Stream other words than the whole answer has, "Hello", each time the next of these."""
    texts = itertools.cycle(streamed)

    def answer(exchange):
        if exchange.json and exchange.json.get("stream") and exchange.json.get("messages"):
            exchange.stream_head()
            exchange.event(chunk({"role": "assistant", "content": next(texts)}))
            exchange.event(chunk({}, "stop"))
            exchange.event("[DONE]")
            exchange.send(b"0\r\n\r\n")
        else:
            well_behaved(exchange)

    return answer


@pytest.mark.parametrize(("streamed", "outcome"), [(["Hell"], "violated"), (["Hell", "Hallo"], "not exercised")])
def test_twins_that_part_are_asked_again_and_only_what_happens_twice_counts(tmp_path, streamed, outcome):
    project = Project(tmp_path, plugins=())
    with serve(whimsical(*streamed)) as server:
        result = project.pytest(url(server), "-k", "text-same-streamed", "--target-concurrency=1")
    assert result.outcomes["text-same-streamed"] == outcome
    bodies = [exchange.body for exchange in server.seen if b"END" in exchange.body]
    assert len(bodies) == (6 if outcome == "violated" else 4)
    assert len(set(bodies)) == 2
    [twin] = [t for t in result.report["transcripts"] if t["probe"] == "chat-stream-held-back"]
    noted = "not compared with its twin: asked again, chat-stream-held-back said something else"
    assert (noted in twin["notes"]) == (outcome == "not exercised")
    assert result.report["requests"] == len(server.seen)


FORESEEN = """
[[unexercised]]
id = "stand-never-exercised"
reason = "nobody asks for it"
"""


def test_what_the_profile_explains_does_not_fail_a_run_and_is_said_everywhere(project, good):
    (project.folder / "mine.toml").write_text(FORESEEN)
    args = (url(good), "--conformance-profile=mine.toml", "--conformance-fail-on=not-exercised", "--junitxml=j.xml")
    result = project.pytest(*args, "-rs", code=0)
    assert "not exercised, as the profile says: nobody asks for it" in result.output
    assert "1 of 1 not exercised are explained by profile mine" in result.output
    assert "--conformance-fail-on" not in result.output
    [case] = [c for c in ElementTree.parse(result.folder / "j.xml").iter("testcase") if "never" in c.get("name")]
    assert case.find("skipped").get("message") == "not exercised, as the profile says: nobody asks for it"
    assert {p.get("name"): p.get("value") for p in case.iter("property")}["foreseen"] == "nobody asks for it"
    [told] = [verdict for verdict in result.report["verdicts"] if verdict["foreseen"]]
    assert (told["outcome"], told["foreseen"]) == ("not exercised", "nobody asks for it")
    assert "nobody asks for it" in (result.folder / "conformance-report" / "index.html").read_text()


@pytest.mark.parametrize(("fail_on", "code"), [("advised", 0), ("not-exercised", 1)])
def test_an_entry_of_the_profile_that_is_out_of_date_is_named_and_explains_nothing(project, good, fail_on, code):
    (project.folder / "mine.toml").write_text(FORESEEN.replace("never-exercised", "done-last"))
    args = (url(good), "--conformance-profile=mine.toml", f"--conformance-fail-on={fail_on}")
    result = project.pytest(*args, code=code)
    assert ("failed by --conformance-fail-on: 1 not exercised" in result.output) == (code == 1)
    assert "are explained" not in result.output
    assert "exercised, although profile mine says that it cannot be: stand-done-last" in result.output
    assert result.outcomes["stand-done-last"] == "held"
    assert "although the profile says" in (result.folder / "conformance-report" / "index.html").read_text()


def test_a_profile_that_names_no_requirement_is_unusable(project, good):
    (project.folder / "mine.toml").write_text(FORESEEN.replace("never", "ever"))
    result = project.pytest(url(good), "--conformance-profile=mine.toml", code=4)
    [line] = result.error_lines
    assert "'stand-ever-exercised', which is no requirement" in line


@pytest.mark.parametrize(
    ("args", "selected"),
    [
        (["-k", "done-last"], {"stand-done-last"}),
        (["-m", "observe"], {"stand-models-listed"}),
        (["-m", "should", "--strict-markers"], {"stand-no-shouting"}),
        (["--deselect", "conformance::stand-never", "-m", "must", "-k", "tools or never"], {"stand-tools-streamed"}),
        (
            ["conformance::stand-error-object", "conformance::stand-done-last"],
            {"stand-error-object", "stand-done-last"},
        ),
        (["conformance"], set(HELD)),
    ],
)
def test_requirements_are_selected_as_tests_are(project, good, args, selected):
    assert set(project.pytest(url(good), *args, code=0).outcomes) == selected


def test_only_what_the_selected_requirements_need_is_sent(project, good):
    good.seen.clear()
    result = project.pytest(url(good), "-k", "tools", code=0)
    asked = wanted(PROBES, [frozenset({"tools", "stream"})])
    assert [exchange.path for exchange in good.seen] == ["/v1/models"] + ["/v1/chat/completions"] * len(asked)
    assert all(exchange.json["tools"] for exchange in good.seen[1:])
    assert result.report["requests"] == len(asked) + 1


def test_the_first_failure_ends_the_run_where_that_is_asked_and_is_run_again_where_that_is(project):
    with serve(shouting) as server:
        result = project.pytest(url(server), "-x", code=1)
        assert len(result.outcomes) == len(HELD)
        again = project.pytest(url(server), "--lf", code=1)
    assert "stopping after 1 failures" in result.output
    assert set(again.outcomes) == {"stand-done-last"}


def test_nothing_is_sent_to_collect(project, good):
    good.seen.clear()
    result = project.pytest(url(good), "--collect-only", "-q", code=0)
    assert "conformance::stand-done-last" in result.output.splitlines()
    assert good.seen == []
    assert not (result.folder / "conformance-report").exists()


def test_the_requirements_are_listed_without_a_target(project):
    result = project.pytest("--conformance-list", code=0)
    assert "stand-no-shouting  SHOULD  An event does not shout." in result.output
    assert len(result.output.splitlines()) == len(HELD)


def test_a_project_that_shuffles_its_tests_leaves_requirements_in_report_order(project, good):
    project.write(
        conftest="""
import pytest, warnings

def pytest_collection_modifyitems(items):
    items.reverse()
""",
        test_mine="def test_one(): pass",
    )
    result = project.pytest(url(good), "test_mine.py", "-v", code=0)
    lines = [line.split()[0] for line in result.output.splitlines() if "%]" in line]
    ours = [line for line in lines if line.startswith("conformance::")]
    assert [line.removeprefix("conformance::") for line in ours] == list(HELD)
    assert "test_mine.py::test_one" in lines


MINE = "def test_fine(): pass\n\ndef test_bad(): assert False\n"


def test_without_a_target_the_plugin_is_not_there(project):
    project.write(test_mine=MINE)
    result = project.pytest("-p", "no:cacheprovider", code=1)
    assert "1 failed, 1 passed" in result.output
    assert "conformance" not in result.output.replace("openai-conformance-", "")
    assert not (result.folder / "conformance-report").exists()


def test_without_a_target_nothing_heavy_is_imported(project):
    project.plugins = ()
    project.write(
        conftest="""
import sys

def pytest_sessionfinish():
    heavy = {"httpx", "jsonschema", "asyncio", "openai", "jinja2", "conformance.transcript", "reference_server"}
    print("LOADED", sorted(heavy & sys.modules.keys()))
"""
    )
    assert "LOADED []" in project.pytest("-s", code=5).output


def test_a_target_alone_leaves_the_users_tests_out(project, good):
    project.write(test_mine=MINE, conftest="import warnings\n")
    (project.folder / "pytest.ini").write_text(
        "[pytest]\nfilterwarnings = error\ntestpaths = .\naddopts = --strict-markers\n"
    )
    result = project.pytest(url(good), code=0)
    assert "test_mine" not in result.output
    assert "collected 7 items" in result.output


def test_with_paths_both_run_and_a_failure_of_the_users_own_is_a_failure(project, good):
    project.write(test_mine=MINE)
    result = project.pytest(url(good), "test_mine.py", code=1)
    assert "1 failed, 7 passed, 1 skipped" in result.output
    good.seen.clear()
    result = project.pytest(url(good), "test_mine.py", "-k", "test_fine", code=0)
    assert good.seen == []


def test_the_suite_is_found_where_it_is_installed_below_the_project(project, good):
    """A virtual environment in the project's folder is ignored by pytest, the suite in it is not."""
    import conformance

    folder = project.folder / ".venv" / "lib" / "site-packages"
    folder.mkdir(parents=True)
    (project.folder / ".venv" / "pyvenv.cfg").write_text("")
    (folder / "conformance").symlink_to(conformance.__path__[0])
    result = project.pytest(url(good), code=0, PYTHONPATH=f"{folder}:{project.environment()['PYTHONPATH']}")
    assert "collected 7 items" in result.output


def test_a_wrong_key_is_tried_once_and_only_where_there_is_a_right_one(project):
    def locked(exchange):
        if exchange.headers.get("authorization") == "Bearer sk-right":
            well_behaved(exchange)
        else:
            exchange.error("401 Unauthorized", "no entry", code="invalid_api_key")

    with serve(locked) as server:
        result = project.pytest(url(server), code=0, TARGET_API_KEY="sk-right")
    turned_away = [e.headers["authorization"] for e in server.seen if e.headers["authorization"] != "Bearer sk-right"]
    assert turned_away == ["Bearer conformance-wrong-key"]
    assert [t["status"] for t in result.report["transcripts"] if t["probe"] == "key-wrong"] == [401]
    with serve(well_behaved) as server:
        result = project.pytest(url(server), code=0)
    assert not [e for e in server.seen if "authorization" in e.headers]
    assert "key-wrong" not in [t["probe"] for t in result.report["transcripts"]]


def test_secrets_are_sent_and_never_written(project):
    def echo(exchange):
        if exchange.path.endswith("/models"):
            exchange.answer_json(MODELS, "200 OK", f"X-Echo: {exchange.headers['authorization']}")
        else:
            exchange.answer_json({"you": exchange.headers, "at": exchange.target}, "400 Bad Request")

    with serve(echo) as server:
        result = project.pytest(
            f"{url(server)}?sig=zebra-in-query",
            "--target-api-key-env=MY_KEY",
            "--target-header=X-Mine: env:MINE",
            "-rA",
            MY_KEY="sk-zebra-key",
            MINE="zebra-in-header",
        )
    assert server.seen[0].headers["x-mine"] == "zebra-in-header"
    assert server.seen[-1].target.endswith("sig=zebra-in-query")
    assert result.code == 1
    files = [path for path in (result.folder / "conformance-report").rglob("*") if path.is_file()]
    assert len(files) > len(PROBES) / 2
    assert "zebra" not in result.output
    for path in files:
        assert "zebra" not in path.read_text(), path

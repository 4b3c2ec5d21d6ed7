"""What lint prints: every format is what its readers expect, and nothing from the wire reaches a terminal as it came."""

import io
import json
import os
from pathlib import Path

import jsonschema
import pytest

import conformance.requirements  # noqa: F401 - fills the registry
from conformance import goldens
from conformance.cli import main
from conformance.cli.annotations import GitHub
from conformance.cli.document import Document
from conformance.cli.judging import Summary, judge_together
from conformance.cli.lint import all_requirements
from conformance.cli.sarif import Sarif
from conformance.cli.words import Words
from conformance.exchange import Exchange
from conformance.profile import load
from conformance.reading import Batch, read_stream
from conformance.requirement import REGISTRY
from conformance.transcript import dumps

ROOT = Path(__file__).parents[2]
STRICT = load("strict")
NASTY = "\x1b[31m%::error file=x,title=y::\u202e"


def judged(data: bytes, name: str = "a,b:c.sse"):
    found = []
    for item in read_stream(io.BytesIO(data), name):
        assert isinstance(item, Batch)
        one, broken = judge_together(item.exchanges, all_requirements(), STRICT)
        assert broken == []
        found += one
    return found


def written(writer_of, exchanges) -> str:
    out, summary = io.StringIO(), Summary()
    writer = writer_of(out)
    writer.begin()
    for one in exchanges:
        summary.add(one)
        writer.add(one)
    writer.end(summary)
    return out.getvalue()


def body_with(text: str) -> bytes:
    """Return a stream whose second event is no JSON, and says something in passing."""
    blocks = goldens.load("chat-stream").body().split(b"\n\n")
    blocks[1] = b"data: " + text.encode()
    return b"\n\n".join(blocks)


@pytest.fixture(scope="module")
def spoilt():
    return judged(body_with("{'" + NASTY + "'}"))


@pytest.mark.parametrize("fault", sorted(REGISTRY.faults))
def test_the_document_of_every_fault_is_valid(fault):
    spoilt = REGISTRY.faults[fault].apply(goldens.load(REGISTRY.faults[fault].golden))
    exchanges = judged(dumps(spoilt).encode())
    document = json.loads(written(lambda out: Document(out, STRICT), exchanges))
    schema = json.loads((ROOT / "schemas" / "lint.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(document)


def test_the_document_holds_findings_and_what_was_exercised(spoilt):
    document = json.loads(written(lambda out: Document(out, STRICT), spoilt))
    [exchange] = document["exchanges"]
    assert document["profile"] == "strict"
    assert document["summary"] == {"exchanges": 1, "violated": 1, "advised": 0}
    assert exchange["id"] == "a,b:c.sse"
    assert exchange["kind"] == "chat.stream"
    [finding] = [f for f in exchange["findings"] if f["requirement"] == "json-event-parses"]
    assert finding["level"] == "must"
    assert finding["where"]["event"] == 1
    assert {f["requirement"] for f in exchange["findings"]} <= set(exchange["exercised"])


def test_a_document_without_exchanges_is_one_too():
    document = json.loads(written(lambda out: Document(out, STRICT), []))
    assert document["exchanges"] == []


def test_the_text_names_rule_place_and_bytes(spoilt):
    text = written(lambda out: Words(out, STRICT), spoilt)
    assert "MUST    json-event-parses  The data of an event is exactly one JSON text, or the marker." in text
    assert "event 1, bytes" in text
    assert "^^^^" in text
    assert text.endswith("1 exchange under strict: 1 violated, 0 advised, 0 without findings\n")


def test_no_format_lets_the_wire_speak_to_the_terminal(spoilt):
    for writer in (lambda out: Words(out, STRICT), GitHub, lambda out: Document(out, STRICT)):
        text = written(writer, spoilt)
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "<ESC>" in written(lambda out: Words(out, STRICT), spoilt)


def test_annotations_are_one_escaped_line_each_and_point_into_the_file(spoilt):
    lines = written(GitHub, spoilt).splitlines()
    [line] = [line for line in lines if "json-event-parses" in line]
    assert line.startswith("::error file=a%2Cb%3Ac.sse,line=3,title=json-event-parses::a,b:c.sse (event 1, bytes ")
    assert "%25::error" in line
    assert all(line.startswith(("::error ", "::warning ")) for line in lines)


def test_annotations_count_the_lines_of_a_head():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    [line] = [
        line for line in written(GitHub, judged(head + body_with("{"))).splitlines() if "json-event-parses" in line
    ]
    assert ",line=6," in line


def test_annotations_name_the_line_of_an_exchange():
    row = json.dumps({"status": 200, "body": body_with("{").decode()}).encode()
    [line] = [
        line
        for line in written(GitHub, judged(row + b"\n" + row)).splitlines()
        if "line=2" in line and "json-event" in line
    ]
    assert "c.sse:2 (event 1" in line


def test_sarif_has_the_structure_that_the_standard_demands(spoilt):
    document = json.loads(written(lambda out: Sarif(out, STRICT, all_requirements()), spoilt))
    assert document["version"] == "2.1.0"
    [run] = document["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "openai-conformance"
    ids = [rule["id"] for rule in driver["rules"]]
    assert ids == [requirement.id for requirement in all_requirements()]
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"].endswith(".")
        assert rule["help"]["text"]
        assert rule["defaultConfiguration"]["level"] in {"error", "warning", "note"}
    assert run["results"]
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        assert result["message"]["text"]
        [location] = result["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uri"] == "a%2Cb%3Ac.sse"
        assert all(value >= 1 for value in [location["physicalLocation"]["region"]["startLine"]])


def test_sarif_points_at_the_bytes(spoilt):
    document = json.loads(written(lambda out: Sarif(out, STRICT, all_requirements()), spoilt))
    [result] = [r for r in document["runs"][0]["results"] if r["ruleId"] == "json-event-parses"]
    region = result["locations"][0]["physicalLocation"]["region"]
    data = body_with("{'" + NASTY + "'}")
    assert data[region["byteOffset"] :][: region["byteLength"]].startswith(b"data: {'")


def test_exercised_of_each_is_the_same_alone_and_together_but_for_pairs():
    files = [dumps(goldens.load(name)).encode() for name in ("chat-stream", "models")]
    alone = [one.exercised for data in files for one in judged(data)]
    batches = [item for data in files for item in read_stream(io.BytesIO(data), "x")]
    exchanges: list[Exchange] = [batch.exchanges[0] for batch in batches if isinstance(batch, Batch)]
    together, _ = judge_together(exchanges, all_requirements(), STRICT)
    for single, joint in zip(alone, together, strict=True):
        assert set(single) <= set(joint.exercised)


def test_what_a_profile_waives_is_no_finding_but_is_shown_with_its_reason(tmp_path, capsys):
    stream, profile = tmp_path / "x", tmp_path / "mine.toml"
    stream.write_bytes(body_with("{"))
    profile.write_text('title = "mine"\n[[waiver]]\nid = "json-event-parses"\nreason = "known since May"\n')
    assert main(["lint", str(stream)]) == 1
    assert main(["lint", str(stream), "--profile", str(profile)]) == 0
    said = "waived json-event-parses in 1 exchange: known since May\n"
    assert said in capsys.readouterr().out
    assert main(["lint", str(stream), "--profile", str(profile), "--format", "json"]) == 0
    out, err = capsys.readouterr()
    assert said in err
    assert json.loads(out)["exchanges"][0]["findings"] == []


def test_a_file_name_that_is_no_utf_8_is_printed_in_every_format(tmp_path, capsys):
    path = os.fsdecode(os.fsencode(tmp_path / "x") + b"\xff")
    Path(path).write_bytes(body_with("{"))
    for form in ("text", "json", "github", "sarif"):
        assert main(["lint", path, "--format", form]) == 1
        assert "json-event-parses" in capsys.readouterr().out

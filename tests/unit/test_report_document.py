"""report.json says all that happened, in the form its schema gives."""

import json
from importlib.resources import files

import pytest
from jsonschema import Draft202012Validator

from conformance.judge import Finding, Outcome, Verdict
from conformance.place import Where
from conformance.profile import Profile
from conformance.report import build
from conformance.report.document import events, file_names
from conformance.requirement import Requirement
from conformance.transcript import Ending, Read, Request, Transcript, dumps
from conformance.warrant import Level, breaks, bug, docs

BODY = b'data: {"id":"a","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\ndata: [DONE]\n\n'
STREAM = Transcript(
    Request("POST", "/v1/chat/completions", json={"model": "m", "stream": True, "messages": []}),
    status=200,
    headers=(("Content-Type", "text/event-stream"),),
    reads=(Read(0.1, BODY[:30]), Read(0.25, BODY[30:])),
    ending=Ending("eof", 0.3),
    probe="short answer",
)
SILENT = Transcript(Request("GET", "/v1/models"), ending=Ending("reset", 0.1, "connection reset"), probe="models")


class Everything:
    @classmethod
    def among(cls, transcripts):
        return transcripts


REQUIREMENT = Requirement(
    id="chunk-id-constant",
    family="identity",
    statement="All chunks of a stream carry the same id.",
    why="Clients group chunks by id.",
    strict=Level.MUST,
    compat=Level.MUST,
    warrants=(
        docs("chat-streaming", "each chunk has the same id"),
        breaks("openai-node", "two messages"),
        bug("https://example.org/1"),
    ),
    needs=frozenset({"stream"}),
    subject=Everything,
    check=lambda subject: iter(()),
)
FINDING = Finding(
    "chunk-id-constant",
    Level.MUST,
    "id 'b'",
    "id 'a'",
    Where(event=0, start=0, stop=65, pointer="/id"),
    STREAM,
    0.25,
)


def verdict(*findings, outcome=Outcome.VIOLATED, reason=""):
    return Verdict(REQUIREMENT, Level.MUST, outcome, 1, findings, reason)


def document(verdicts, transcripts=(STREAM, SILENT)):
    return build(
        verdicts,
        transcripts,
        profile=Profile("compat", "Compatible", "compat"),
        target={"url": "http://user:pass@127.0.0.1:8000/v1?api-version=7", "model": "m"},
        started="2026-12-01T10:00:00+00:00",
        seconds=1.23456,
        requests=2,
    )


def schema(name):
    loaded = json.loads((files("conformance.schemas") / f"{name}.json").read_text("utf-8"))
    Draft202012Validator.check_schema(loaded)
    return Draft202012Validator(loaded)


def test_the_document_keeps_to_its_schema():
    schema("report").validate(
        document([verdict(FINDING), verdict(outcome=Outcome.NOT_EXERCISED, reason="no answer had it")])
    )


def test_the_document_names_file_place_and_bytes_of_a_finding():
    [found] = document([verdict(FINDING)])["verdicts"][0]["findings"]
    assert found["transcript"] == "001-short-answer.json"
    assert found["where"] == {"event": 0, "start": 0, "stop": 65, "pointer": "/id"}
    assert found["excerpt"]["spot"] == '"a"'
    assert found["excerpt"]["before"] == 'data: {"id":'


def test_what_the_profile_foresees_stands_beside_the_outcome():
    told = verdict(outcome=Outcome.NOT_EXERCISED)._replace(foreseen="nobody asks")
    [row, other] = document([told, verdict(FINDING)])["verdicts"]
    assert (row["foreseen"], other["foreseen"]) == ("nobody asks", "")


def test_every_outcome_is_counted_even_where_it_is_none():
    counts = document([verdict(FINDING)])["counts"]
    assert counts == {outcome.value: int(outcome is Outcome.VIOLATED) for outcome in Outcome}


def test_sources_broken_clients_and_bugs_are_kept_apart():
    [row] = document([verdict()])["verdicts"]
    assert [source["kind"] for source in row["sources"]] == ["docs"]
    assert row["breaks"] == [{"client": "openai-node", "effect": "raises", "detail": "two messages"}]
    assert row["bugs"] == ["https://example.org/1"]


def test_the_address_is_shown_without_what_may_be_secret():
    assert document([])["target"]["url"] == "http://127.0.0.1:8000/v1?api-version=..."


def test_a_finding_about_a_transcript_that_is_not_listed_names_no_file():
    [row] = document([verdict(FINDING)], transcripts=[SILENT])["verdicts"]
    assert row["findings"][0]["transcript"] == ""


def test_file_names_are_in_order_and_harmless():
    hostile = Transcript(Request(), probe="../../etc/Pass wd\0")
    assert file_names([STREAM, hostile, SILENT]) == ["001-short-answer.json", "002-etc-pass-wd.json", "003-models.json"]


@pytest.mark.parametrize("transcript", [STREAM, SILENT])
def test_a_transcript_file_keeps_to_its_schema(transcript):
    schema("transcript").validate(json.loads(dumps(transcript)))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: t.update(status="200"),
        lambda t: t["reads"].append({"at": 1.0}),
        lambda t: t["reads"].append({"at": 1.0, "text": "", "base64": ""}),
        lambda t: t["headers"].append(["lonely"]),
        lambda t: t["ending"].update(kind="slammed"),
        lambda t: t.update(password="x"),
    ],
)
def test_what_is_no_transcript_breaks_its_schema(spoil):
    spoilt = json.loads(dumps(STREAM))
    spoil(spoilt)
    assert not schema("transcript").is_valid(spoilt)


def test_only_a_stream_has_a_number_of_events():
    assert (events(STREAM), events(SILENT)) == (2, None)

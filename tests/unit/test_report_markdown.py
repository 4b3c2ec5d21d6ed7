"""A run as a Markdown page: readable, the same after every run, and never at the mercy of what a server sent."""

import json
import re
from dataclasses import replace

import pytest
from test_report_document import FINDING, REQUIREMENT, SILENT, STREAM, document, verdict

from conformance.cli import main
from conformance.judge import Finding, Outcome
from conformance.place import Where
from conformance.report import write
from conformance.report.markdown import UNCHECKED, render
from conformance.report.notes import Note, NotesError, load
from conformance.report.steady import steady
from conformance.transcript import Read, Request, Transcript
from conformance.warrant import Level

NOTE = {REQUIREMENT.id: Note(REQUIREMENT.id, "The id of the first chunk is a.")}


def page(*verdicts, transcripts=(STREAM, SILENT), notes=None):
    built = document(verdicts, transcripts)
    files = {entry["file"]: t for entry, t in zip(built["transcripts"], transcripts, strict=True)}
    return "\n".join(render(built, files, notes or {}))


def answer(body: bytes, **more) -> Transcript:
    return replace(STREAM, reads=(Read(0.1, body),), **more)


def found(transcript: Transcript, where: Where, expected: str = "a", actual: str = "b") -> Finding:
    return Finding(REQUIREMENT.id, Level.MUST, expected, actual, where, transcript)


def blocks(text: str) -> list[str]:
    """Return what stands in code blocks, as CommonMark reads their fences."""
    inside, fence, shown = False, "", []
    for line in text.splitlines():
        if not inside and (opened := re.match(r"(`{3,})\w*$", line)):
            inside, fence = True, opened[1]
            shown.append("")
        elif inside and re.fullmatch(rf"`{{{len(fence)},}}", line):
            inside = False
        elif inside:
            shown[-1] += f"{line}\n"
    assert not inside
    return shown


def test_a_finding_has_its_statement_sources_note_bytes_and_request():
    text = page(verdict(FINDING), notes=NOTE)
    assert "## Violated: 1" in text
    assert f"**MUST** {REQUIREMENT.statement}" in text
    assert "- source: [OpenAI documentation, chat-streaming: each chunk has the same id](https://" in text
    assert "- breaks: openai-node: two messages" in text
    assert "- reported: <https://example.org/1>" in text
    assert "Checked by hand: The id of the first chunk is a." in text
    assert "- expected: `id 'b'`\n- actual: `id 'a'`\n- at: `/id`" in text
    event, request = blocks(text)
    assert event.splitlines()[0].startswith('data: {"id":"a","choices"')
    assert event.splitlines()[1] == "            ^^^"
    assert request.startswith('curl -N "$TARGET_URL"/chat/completions')
    assert "user:pass" not in text


def test_a_finding_without_a_note_says_so():
    assert UNCHECKED in page(verdict(FINDING))
    assert UNCHECKED not in page(verdict(FINDING), notes=NOTE)


def test_a_note_on_what_is_gone_is_an_error_unless_it_comes_and_goes():
    with pytest.raises(NotesError, match=REQUIREMENT.id):
        page(verdict(outcome=Outcome.HELD), notes=NOTE)
    text = page(verdict(outcome=Outcome.HELD), notes={REQUIREMENT.id: replace(NOTE[REQUIREMENT.id], sometimes=True)})
    assert "## Not in this run, though in others: 1" in text
    assert f"- `{REQUIREMENT.id}`: The id of the first chunk is a." in text


def test_the_first_of_many_findings_stands_for_all():
    others = [replace(FINDING.transcript, probe=f"probe {number}") for number in range(8)]
    findings = [FINDING, FINDING, *(found(transcript, FINDING.where) for transcript in others)]
    text = page(verdict(*findings), transcripts=(STREAM, *others))
    assert "Seen 10 times, first in `short answer`, then in `probe 0`, `probe 1`" in text
    assert "and more:" in text
    assert len(blocks(text)) == 2


def test_a_finding_without_bytes_shows_the_head_of_the_answer():
    late = answer(b"{}", headers=(("Content-Type", "text/plain"), ("Date", "Sun, 06 Nov 1994"), ("X-Odd", "")))
    head, _ = blocks(page(verdict(found(late, Where())), transcripts=(late,)))
    assert head == "status 200\nContent-Type: text/plain\nX-Odd:\n\n{}\n"
    nothing, _ = blocks(page(verdict(found(SILENT, Where()))))
    assert nothing == "no answer: connection reset\n"
    silent = answer(b"")
    empty, _ = blocks(page(verdict(found(silent, Where())), transcripts=(silent,)))
    assert empty.endswith("\n(no body)\n")


def test_what_one_answer_left_undecided_is_told_together():
    failed = answer(b'{"error":{}}', status=500, probe="embeddings")
    left = verdict(outcome=Outcome.INCONCLUSIVE, reason="embeddings: status 500")
    text = page(left, left, transcripts=(failed,), notes=NOTE)
    assert "### `embeddings: status 500`" in text
    assert text.count(f"(`{REQUIREMENT.id}`)") == 2
    assert text.count("Checked by hand") == 1
    head, _ = blocks(text)
    assert head.startswith("status 500\n")


def test_a_waiver_is_shown_with_its_reason():
    text = page(verdict(FINDING, outcome=Outcome.WAIVED, reason="known since 2024"))
    assert "## Waived: 1" in text
    assert "Waived: `known since 2024`" in text


def test_what_holds_is_counted_and_not_listed():
    text = page(verdict(outcome=Outcome.HELD))
    assert "- outcomes: 1 held" in text
    assert REQUIREMENT.id not in text


@pytest.mark.parametrize(
    "sent",
    [
        b"```\n# Heading\n<script>alert(1)</script>",
        b"\n````\n\n````text\n[link](https://evil.example)",
        b"`````````` `` ` ~~~\r\n\r\n# x",
        b"\xe2\x80\xa8```\xc2\x85```\x0b```\x0c\n",
        b"|a|b|\n\n    # x\n\n```sh\ncurl evil\n```\n",
    ],
)
@pytest.mark.parametrize("where", [Where(), Where(start=0, stop=400), Where(pointer="/a"), Where(start=0, pointer="")])
def test_server_text_stays_in_its_code(sent, where):
    """Outside of code blocks and code spans no byte of the server is left."""
    text = sent.decode()
    hostile = answer(
        sent + b'data: {"a": "' + sent + b'"}',
        headers=(("Content-Type", text), (text, text)),
        request=Request("POST", "/v1/chat/completions", json={"messages": text}),
    )
    shown = page(verdict(found(hostile, where, text, text), reason=text), transcripts=(hostile,))
    assert len(blocks(shown)) == 2
    outside = re.sub(r"(?ms)^(`{3,})\w*$.*?^\1$", "", shown)
    spans = re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "", outside)
    for word in ("Heading", "script", "evil", "~~~", "curl", "# x"):
        assert word not in spans
    assert "`" not in spans
    assert spans.splitlines() == spans.removesuffix("\n").split("\n")  # no line end but our own


def test_long_bytes_and_long_requests_are_cut():
    long = answer(
        b'data: {"id":"' + "é".encode() * 5_000 + b'"}\n\n',
        request=Request("POST", "/v1/chat/completions", json={"messages": "x" * 5_000}),
    )
    text = page(verdict(found(long, Where(event=0, start=0, stop=10_015, pointer="/id"))), transcripts=(long,))
    event, request = blocks(text)
    assert "more bytes)" in event
    assert "<x" not in event  # no character is cut in two
    assert "more characters" in request
    assert len(text) < 5_000


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"id":"chatcmpl-btzFW03rKXcjFRX3bqyJqKikCPNDdciH"', '{"id":"chatcmpl-eR8soHUKXg44QWm3WCqZKBmNVxSkOjn"'),
        ('"created": 1795387357', '"created": 1795387358'),
        (
            '"call__0_f_cmpl-7181bee7-f2c5-448d-84dc-1976f78af553"',
            '"call__0_f_cmpl-0181bee7-f2c5-448d-84dc-1976f78af554"',
        ),
        ('"timings":{"cache_n":43,"prompt_ms":1.1}}', '"timings":{"cache_n":1,"prompt_ms":1.25}}'),
        ("/home/a/lib/site-packages/llama_cpp/x.py", "/srv/env/site-packages/llama_cpp/x.py"),
    ],
)
def test_what_is_another_in_every_run_is_left_out(one, other):
    assert steady(one.encode()) == steady(other.encode())
    assert "…" in steady(one.encode()).decode()


@pytest.mark.parametrize("text", ['"index":0', '"created":17', '"id":"call_1"', '"content":"cmpl-"', "/usr/lib/x.py"])
def test_what_means_something_is_kept(text):
    assert steady(text.encode()) == text.encode()


def test_the_command_reads_a_folder_or_its_report_and_writes_pages(tmp_path, capsys):
    write(tmp_path / "run", document([verdict(FINDING)]), [STREAM, SILENT])
    (tmp_path / "notes.toml").write_text(f'[[finding]]\nrequirement = ["{REQUIREMENT.id}"]\nchecked = "It\\nis so."\n')
    notes = ["--notes", str(tmp_path / "notes.toml")]
    assert main(["report", str(tmp_path / "run"), "-o", str(tmp_path / "page.md"), *notes]) == 0
    assert "Checked by hand: It is so." in (tmp_path / "page.md").read_text("utf-8")
    assert main(["report", str(tmp_path / "run" / "report.json"), "-o", "-", *notes]) == 0
    assert capsys.readouterr().out == (tmp_path / "page.md").read_text("utf-8")
    assert main(["report", str(tmp_path / "run"), "-o", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").read_text("utf-8") == (tmp_path / "run" / "index.html").read_text("utf-8")
    assert main(["report", str(tmp_path / "run"), "-o", str(tmp_path / "noted.html"), *notes]) == 2
    assert "notes are for the Markdown page" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "No such file"),
        ("not JSON", "is not JSON"),
        ("[]", "is no report"),
        ('{"format": "openai-conformance/report/9"}', "is no report"),
        ('{"format": "openai-conformance/report/1"}', "KeyError at 'transcripts'"),
        (
            '{"format": "openai-conformance/report/1", "transcripts": [{"file": "../../x.json"}]}',
            "transcripts/x.json: No",
        ),
    ],
)
def test_what_is_no_report_is_told_in_one_line(tmp_path, capsys, text, words):
    path = tmp_path / "report.json"
    if text is not None:
        path.write_text(text)
    assert main(["report", str(path), "-o", str(tmp_path / "page.md")]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert words in line
    assert not (tmp_path / "page.md").exists()


def test_a_page_that_cannot_be_written_is_told_in_one_line(tmp_path, capsys):
    write(tmp_path / "run", document([verdict(FINDING)]), [STREAM, SILENT])
    assert main(["report", str(tmp_path / "run"), "-o", str(tmp_path / "none" / "page.md")]) == 2
    assert "No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[", "is not TOML"),
        ("[[note]]\n", "is all that is known"),
        ('[[finding]]\nrequirement = "a"\n', "checked is a sentence"),
        ('[[finding]]\nrequirement = []\nchecked = "x"\n', "an id, or a list"),
        ('[[finding]]\nrequirement = "a"\nchecked = "x"\nsometimes = "no"\n', "true or false"),
        ('[[finding]]\nrequirement = "a"\nchecked = "x"\nelse = 1\n', "its keys are"),
        ('[[finding]]\nrequirement = ["a", "a"]\nchecked = "x"\n', "two notes on a"),
    ],
)
def test_notes_that_say_nothing_are_refused(tmp_path, text, words):
    path = tmp_path / "notes.toml"
    path.write_text(text)
    with pytest.raises(NotesError, match=words):
        load(path)
    with pytest.raises(NotesError, match="No such file"):
        load(tmp_path / "none.toml")


def test_a_report_without_notes_is_not_checked(tmp_path):
    write(tmp_path / "run", document([verdict(FINDING)]), [STREAM, SILENT])
    document_ = json.loads((tmp_path / "run" / "report.json").read_text())
    assert UNCHECKED in "\n".join(render(document_, {}, {}))

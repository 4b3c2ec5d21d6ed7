"""A report appears as a whole or not at all, and never at the cost of anything that is not ours."""

import json

import pytest
from test_report_document import FINDING, SILENT, STREAM, document, verdict

from conformance.report import write
from conformance.transcript import loads

TRANSCRIPTS = [STREAM, SILENT]


def publish(folder, transcripts=TRANSCRIPTS):
    return write(folder, document([verdict(FINDING)], transcripts), transcripts)


def test_a_report_has_the_document_the_transcripts_and_a_page(tmp_path):
    page = publish(tmp_path / "deep" / "report")
    folder = page.parent
    assert page == tmp_path / "deep" / "report" / "index.html"
    assert sorted(p.name for p in folder.iterdir()) == ["index.html", "report.json", "transcripts"]
    assert json.loads((folder / "report.json").read_text())["format"] == "openai-conformance/report/1"
    [first, second] = sorted((folder / "transcripts").iterdir())
    assert loads(first.read_bytes()).body() == STREAM.body()
    assert second.name == "002-models.json"
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["report"]


def test_an_older_report_is_replaced_with_all_its_transcripts(tmp_path):
    publish(tmp_path / "report")
    publish(tmp_path / "report", [STREAM])
    assert [p.name for p in (tmp_path / "report" / "transcripts").iterdir()] == ["001-short-answer.json"]
    assert [p.name for p in tmp_path.iterdir()] == ["report"]


def test_an_empty_folder_may_become_a_report(tmp_path):
    (tmp_path / "report").mkdir()
    assert publish(tmp_path / "report").is_file()


@pytest.mark.parametrize(
    "file", ["thesis.txt", "report.json", "index.html", "transcripts/photo.jpg", "transcripts/album/x.json"]
)
def test_a_folder_that_is_no_report_is_left_alone(tmp_path, file):
    theirs = tmp_path / "report" / file
    theirs.parent.mkdir(parents=True)
    theirs.write_text("precious")
    with pytest.raises(FileExistsError, match="name another folder"):
        publish(tmp_path / "report")
    assert theirs.read_text() == "precious"


def test_a_foreign_file_in_an_older_report_is_left_alone(tmp_path):
    publish(tmp_path / "report")
    (tmp_path / "report" / "notes.txt").write_text("precious")
    with pytest.raises(FileExistsError, match=r"notes\.txt"):
        publish(tmp_path / "report")
    assert (tmp_path / "report" / "notes.txt").read_text() == "precious"


def test_a_file_in_the_place_of_the_folder_is_an_error_that_says_so(tmp_path):
    (tmp_path / "report").write_text("precious")
    with pytest.raises(NotADirectoryError, match="is a file"):
        publish(tmp_path / "report")


def test_what_goes_wrong_leaves_the_older_report_as_it_was(tmp_path, monkeypatch):
    page = publish(tmp_path / "report")
    before = page.read_bytes()
    monkeypatch.setattr("conformance.report.html.render", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        publish(tmp_path / "report")
    assert page.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["report"]


def test_a_link_to_a_folder_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    publish(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "index.html").is_file()

"""Reports: one document, and its renderings for terminals and browsers."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conformance.report import html
from conformance.report.document import FORMAT, build, file_names
from conformance.report.text import describe
from conformance.transcript import Transcript, dumps

__all__ = ["build", "describe", "write"]

CACHE = ".pytest_cache"
"""Where pytest keeps what failed: in the folder of a report, if that is named with a blank, `--conformance-report out`.

Before it knows the option, it takes an existing folder on its command line for one with tests, and for its root.
"""
OURS = frozenset({"index.html", "report.json", "transcripts", "summary.md", "badge.json", "report.sarif", CACHE})


def write(folder: Path, document: dict[str, Any], transcripts: Sequence[Transcript]) -> Path:
    """Write report.json, the transcripts and index.html into a folder; return the path of index.html.

    All is written beside the folder and renamed into place, so that a reader sees the old report or the new one. An
    older report is replaced; a folder that holds anything else is left alone: FileExistsError. Raises OSError where
    nothing can be written.
    """
    folder = folder.resolve()
    _refuse_what_is_not_ours(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    mark = uuid.uuid4().hex[:8]
    new, old = (folder.with_name(f".{folder.name}.{mark}.{state}") for state in ("new", "old"))
    try:
        _fill(new, document, transcripts)
        if folder.exists():
            folder.rename(old)
        try:
            new.rename(folder)
        except BaseException:
            if old.exists():
                old.rename(folder)
            raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    return folder / "index.html"


def _fill(folder: Path, document: dict[str, Any], transcripts: Sequence[Transcript]) -> None:
    (folder / "transcripts").mkdir(parents=True)
    for name, transcript in zip(file_names(transcripts), transcripts, strict=True):
        (folder / "transcripts" / name).write_text(dumps(transcript), encoding="utf-8")
    text = json.dumps(document, ensure_ascii=True, indent=1)
    (folder / "report.json").write_text(f"{text}\n", encoding="utf-8")
    (folder / "index.html").write_text(html.render(document, transcripts), encoding="utf-8", errors="backslashreplace")


def _refuse_what_is_not_ours(folder: Path) -> None:
    """Raise unless a report may be written here: nothing yet, an empty folder, or a report and nothing else."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file: name a folder for the report")
    names = {entry.name for entry in folder.iterdir()}
    if not names:
        return
    foreign = sorted(names - OURS)
    if foreign:
        raise FileExistsError(f"{folder} holds {foreign[0]!r}, which is no part of a report: name another folder")
    if not _is_report(folder / "report.json") or _foreign_transcript(folder / "transcripts"):
        raise FileExistsError(f"{folder} is no report of this suite: name another folder")


def _is_report(path: Path) -> bool:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("format") == FORMAT


def _foreign_transcript(folder: Path) -> bool:
    return folder.is_dir() and any(entry.is_dir() or entry.suffix != ".json" for entry in folder.iterdir())

"""`conformance report`: the report of a run as another document."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from conformance.report import html, markdown
from conformance.report.document import FORMAT
from conformance.report.notes import NotesError, load
from conformance.transcript import Transcript, TranscriptError, loads

UNUSABLE = 2


class _UnusableError(Exception):
    """The report cannot be read or written; the message says why."""


def show_report(source: str, out: str, notes: str | None) -> int:
    """Write a report as the Markdown or HTML page that the name of the file asks for; return the exit code."""
    try:
        document, transcripts = _read(Path(source))
        if notes and out.endswith(".html"):
            raise _UnusableError("notes are for the Markdown page")
        if out.endswith(".html"):
            text = html.render(document, list(transcripts.values()))
        else:
            lines = markdown.render(document, transcripts, load(Path(notes)) if notes else {})
            text = "".join(f"{line}\n" for line in lines)
        _write(out, text)
    except (_UnusableError, NotesError) as error:
        sys.stderr.write(f"conformance: {error}\n")
        return UNUSABLE
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        sys.stderr.write(f"conformance: {source} is no report of this version: {type(error).__name__} at {error}\n")
        return UNUSABLE
    return 0


def _read(source: Path) -> tuple[dict[str, Any], dict[str, Transcript]]:
    """Read a report, given its folder or its report.json, and the transcripts beside it."""
    path = source / "report.json" if source.is_dir() else source
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise _UnusableError(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise _UnusableError(f"{path} is not JSON") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise _UnusableError(f"{path} is no report: its format is not {FORMAT}")
    found = dict[str, Transcript]()
    for entry in document["transcripts"]:
        # A name without a folder: what a report says does not make us read elsewhere.
        file = path.parent / "transcripts" / Path(entry["file"]).name
        try:
            found[entry["file"]] = loads(file.read_bytes())
        except OSError as error:
            raise _UnusableError(f"{file}: {error.strerror or error}") from None
        except TranscriptError as error:
            raise _UnusableError(f"{file}: {error}") from None
    return document, found


def _write(out: str, text: str) -> None:
    if out == "-":
        sys.stdout.write(text)
        return
    try:
        Path(out).write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise _UnusableError(f"{out}: {error.strerror or error}") from None

"""index.html: the report as one page that needs nothing else and runs nothing of the server's."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from conformance.report.escape import visible
from conformance.transcript import Transcript


def render(document: dict[str, Any], transcripts: Sequence[Transcript]) -> str:
    """Return the page."""
    rows = "".join(
        f"<tr><td>{escape(v['outcome'])}<td>{escape(v['requirement'])}<td>{escape(v['statement'])}"
        f"<td>{'<br>'.join(escape(visible(f['expected'] + ' / ' + f['actual'])) for f in v['findings'])}"
        for v in document["verdicts"]
    )
    return f"<!doctype html><meta charset=utf-8><title>Conformance report</title><table>{rows}</table>"

"""Where a finding stands in the file that it was read from, for formats that point into files."""

from __future__ import annotations

from conformance.cli.judging import Judged
from conformance.judge import Finding
from conformance.report.spot import narrow


def line(judged: Judged, finding: Finding) -> int | None:
    """Return the line, from 1, None where the file does not hold the body as it was sent."""
    source = judged.exchange.source
    if source.line is not None or source.offset is None:
        return source.line
    spot = narrow(finding.transcript.body(), finding.where)
    before = finding.transcript.body()[: spot[0] if spot else 0]
    return 1 + source.lines_before + before.count(b"\n")


def region(judged: Judged, finding: Finding) -> tuple[int, int] | None:
    """Return offset and length in bytes, None where the file does not hold the body as it was sent."""
    offset = judged.exchange.source.offset
    spot = narrow(finding.transcript.body(), finding.where)
    return None if offset is None or spot is None else (offset + spot[0], spot[1] - spot[0])

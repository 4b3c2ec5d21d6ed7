"""A transcript on the page: what was asked, what came when, and the findings in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.place import Where
from conformance.report.curl import command
from conformance.report.document import is_stream
from conformance.report.escape import visible
from conformance.report.lines import Line, Spot, clock, lines
from conformance.report.page import anchor
from conformance.report.spot import narrow
from conformance.transcript import Transcript

BUDGET = 380_000  # bytes of wire text on the page, over all transcripts
MOST_HEADERS = 60
WIDTH = 1000  # of the strip


@dataclass(frozen=True)
class Panel:
    """All that is shown of one transcript; `elsewhere` names requirements whose findings are not about the body."""

    id: str
    summary: Mapping[str, Any]
    curl: str
    headers: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]
    is_stream: bool
    findings: int
    elsewhere: tuple[str, ...]
    strip: Strip | None


@dataclass(frozen=True)
class Strip:
    """Arrivals on a line from the request to the end, and the findings among them, as paths of SVG."""

    arrivals: str
    findings: str
    first: float
    last: float


def panels(document: Mapping[str, Any], transcripts: Sequence[Transcript]) -> list[Panel]:
    """Return a panel for each transcript of the run, within a budget that those with findings use first."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for finding in (finding for verdict in document["verdicts"] for finding in verdict["findings"]):
        found.setdefault(finding.get("transcript", ""), []).append(finding)
    pairs = list(zip(document["transcripts"], transcripts, strict=True))
    base_url = str(document["target"].get("url") or "")
    left, made = BUDGET, dict[int, Panel]()
    order = sorted(range(len(pairs)), key=lambda i: (pairs[i][0]["file"] not in found, i))
    for done, i in enumerate(order):
        summary, transcript = pairs[i]
        share = max(left, 0) // (len(order) - done)
        made[i], used = _panel(summary, transcript, found.get(summary["file"], []), base_url, share)
        left -= used
    return [made[i] for i in range(len(pairs))]


def _panel(
    summary: Mapping[str, Any],
    transcript: Transcript,
    findings: Sequence[Mapping[str, Any]],
    base_url: str,
    budget: int,
) -> tuple[Panel, int]:
    body = transcript.body()
    places = [(narrow(body, _where(finding)), finding["requirement"]) for finding in findings]
    spots = [Spot(*place, requirement) for place, requirement in places if place is not None]
    shown, used = lines(transcript, spots, budget=budget)
    panel = Panel(
        id=anchor(summary["file"]),
        summary=summary,
        curl=command(transcript.request, base_url=base_url),
        headers=tuple((visible(name), visible(value[:2_000])) for name, value in transcript.headers[:MOST_HEADERS]),
        lines=tuple(shown),
        is_stream=is_stream(transcript),
        findings=len(findings),
        elsewhere=tuple(dict.fromkeys(requirement for place, requirement in places if place is None or not body)),
        strip=_strip(transcript, spots),
    )
    return panel, used


def _strip(transcript: Transcript, spots: Iterable[Spot]) -> Strip | None:
    times = clock(transcript)
    last = max((*times.times[-1:], transcript.ending.at or 0.0), default=0.0)
    if len(times.times) < 2 or last <= 0:
        return None
    marked = [times.at(spot.start) or 0.0 for spot in spots]
    return Strip(_path(times.times, last), _path(marked, last), times.times[0], last)


def _path(times: Iterable[float], last: float) -> str:
    """Return a stroke for each time, at most one a unit of width."""
    places = sorted({round(WIDTH * min(1.0, max(0.0, at / last))) for at in times})
    return "".join(f"M{place} 0V1" for place in places)


def _where(finding: Mapping[str, Any]) -> Where:
    return Where(**{name: finding["where"].get(name) for name in ("event", "start", "stop", "pointer")})

"""What the HTML page says, put in the order in which it is read; the template only lays it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.report.curl import command
from conformance.report.escape import visible
from conformance.report.text import answer
from conformance.transcript import Transcript

# Outcomes as the page lists them, each with a sign for those who don't see colours.
SIGNS = {
    "violated": "✕",
    "advised": "!",
    "held": "✓",
    "observed": "i",
    "not exercised": "-",
    "unsupported": "∅",
    "inconclusive": "?",
    "broken": "#",
    "waived": "w",
    "stale": "s",
}
OPEN = frozenset({"violated", "advised", "inconclusive", "broken", "stale"})
FAILING = frozenset({"violated", "inconclusive", "broken", "stale"})
SHOWN = 10  # findings of one requirement; report.json has them all
LIBRARIES = ("pytest", "httpx", "h11", "jsonschema", "openai")


@dataclass(frozen=True)
class Found:
    """A finding, with what a reader needs beside it."""

    finding: Mapping[str, Any]
    place: str
    link: str
    answer: str
    curl: str


@dataclass(frozen=True)
class Row:
    """A requirement and what became of it."""

    verdict: Mapping[str, Any]
    sign: str
    findings: tuple[Found, ...]
    more: int


@dataclass(frozen=True)
class Family:
    """The requirements on one matter."""

    name: str
    rows: tuple[Row, ...]

    @property
    def counts(self) -> list[tuple[str, int]]:
        """Return how often each outcome came, in the order of the page."""
        counts = Counter(row.verdict["outcome"] for row in self.rows)
        return [(outcome, counts[outcome]) for outcome in SIGNS if counts[outcome]]

    @property
    def is_open(self) -> bool:
        """Tell whether there is something to look at."""
        return any(row.verdict["outcome"] in OPEN for row in self.rows)


@dataclass(frozen=True)
class Bar:
    """How the requirements of one level fared, as parts of a bar 100 wide: outcome, start, width, count."""

    level: str
    total: int
    parts: tuple[tuple[str, float, float, int], ...]


def families(document: Mapping[str, Any], transcripts: Mapping[str, Transcript]) -> list[Family]:
    """Return the families in report order; `transcripts` are those of the run by file name."""
    base_url = str(document["target"].get("url") or "")
    grouped: dict[str, list[Row]] = {}
    for verdict in document["verdicts"]:
        findings = tuple(_found(finding, transcripts, base_url) for finding in verdict["findings"][:SHOWN])
        row = Row(verdict, SIGNS[verdict["outcome"]], findings, len(verdict["findings"]) - len(findings))
        grouped.setdefault(verdict["family"], []).append(row)
    return [Family(name.replace("_", " "), tuple(rows)) for name, rows in grouped.items()]


def urgent(families: Sequence[Family]) -> list[Row]:
    """Return what is to be fixed first."""
    return [row for family in families for row in family.rows if row.verdict["outcome"] in FAILING]


@dataclass(frozen=True)
class Foreseen:
    """What the profile says cannot be exercised: what indeed was not, and what was."""

    explained: tuple[Mapping[str, Any], ...]
    stale: tuple[Mapping[str, Any], ...]


def foreseen(verdicts: Sequence[Mapping[str, Any]]) -> Foreseen:
    """Return the verdicts on which the profile has a word beforehand."""
    told = [verdict for verdict in verdicts if verdict.get("foreseen")]
    return Foreseen(
        tuple(verdict for verdict in told if verdict["outcome"] == "not exercised"),
        tuple(verdict for verdict in told if verdict["subjects"]),
    )


def bars(verdicts: Sequence[Mapping[str, Any]]) -> list[Bar]:
    """Return a bar for each level that has requirements."""
    found = []
    for level in ("must", "should", "observe"):
        counts = Counter(v["outcome"] for v in verdicts if v["level"] == level)
        total, start, parts = sum(counts.values()), 0.0, []
        for outcome in SIGNS:
            if counts[outcome]:
                width = 100 * counts[outcome] / total
                parts.append((outcome, round(start, 3), round(width, 3), counts[outcome]))
                start += width
        if total:
            found.append(Bar(level, total, tuple(parts)))
    return found


def headline(counts: Mapping[str, int]) -> tuple[str, str, str]:
    """Return the verdict on the whole run: an outcome for its colour, a word, and a sentence."""
    violated, held, advised = (counts.get(outcome, 0) for outcome in ("violated", "held", "advised"))
    undecided = counts.get("inconclusive", 0) + counts.get("broken", 0)
    tail = f", {undecided} could not be judged." if undecided else "."
    if violated:
        return (
            "violated",
            "Not conformant",
            f"{_number(violated)} {'is' if violated == 1 else 'are'} violated, {held} held{tail}",
        )
    if undecided:
        return "inconclusive", "Undecided", f"{_number(undecided)} could not be judged, {held} held."
    if held:
        advice = f" {_number(advised)} would be good to keep as well." if advised else ""
        return "held", "Conformant", f"Nothing violated, {held} held.{advice}"
    return "not exercised", "Nothing to judge", "No requirement was exercised."


def facts(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what was tested, with what, and when, as label and text."""
    target, suite, profile = document["target"], document["suite"], document["profile"]
    known = ("url", "name", "model")
    found = [(name, target.get(name)) for name in known]
    found += [(name, value) for name, value in target.items() if name not in known and not isinstance(value, dict)]
    found += [
        ("profile", f"{profile['name']}: {profile['title']}" if profile.get("title") else profile["name"]),
        ("started", document["started"].replace("T", " ")),
        ("took", f"{document['seconds']:.1f} s, {document['requests']} requests"),
        ("suite", f"{suite['name']} {suite['version']}, Python {suite['python']}"),
        ("libraries", ", ".join(f"{name} {suite[name]}" for name in LIBRARIES if name in suite)),
    ]
    return [(name.replace("_", " "), visible(_words(value))) for name, value in found if value not in (None, "", [])]


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _number(count: int) -> str:
    return "1 requirement" if count == 1 else f"{count} requirements"


def _found(finding: Mapping[str, Any], transcripts: Mapping[str, Transcript], base_url: str) -> Found:
    where, file = finding["where"], finding.get("transcript") or ""
    words = []
    if where.get("event") is not None:
        words.append(f"event {where['event']}")
    if finding.get("at") is not None:
        words.append(f"at {finding['at']:.3f} s")
    if where.get("start") is not None:
        words.append(f"bytes {where['start']}-{'' if where.get('stop') is None else where['stop']}")
    if where.get("pointer"):
        words.append(visible(where["pointer"]))
    transcript = transcripts.get(file)
    link = anchor(file) + (f"-e{where['event']}" if where.get("event") is not None else "") if transcript else ""
    curl = command(transcript.request, base_url=base_url) if transcript else ""
    came = answer(transcript) if transcript and not finding.get("excerpt") else ""
    return Found(finding, ", ".join(words), link, came, curl)


def anchor(file: str) -> str:
    """Return the id of a transcript's part of the page."""
    return f"t-{file.removesuffix('.json')}"

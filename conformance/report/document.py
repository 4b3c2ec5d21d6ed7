"""report.json: the one document that holds a run, of which pytest's output and the HTML page are renderings."""

from __future__ import annotations

import platform
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import conformance
from conformance.judge import Finding, Outcome, Verdict
from conformance.profile import Profile
from conformance.report.curl import without_secrets
from conformance.report.excerpt import cut
from conformance.report.spot import narrow
from conformance.requirement import Requirement
from conformance.sse import Parser
from conformance.transcript import Transcript

FORMAT = "openai-conformance/report/1"
LIBRARIES = ("pytest", "httpx", "h11", "jsonschema", "openai")


@dataclass(frozen=True, slots=True)
class _File:
    """A transcript's file name, and its body, which is put together once."""

    name: str
    body: bytes


def build(
    verdicts: Sequence[Verdict],
    transcripts: Sequence[Transcript],
    *,
    profile: Profile,
    target: dict[str, Any],
    started: str,
    seconds: float,
    requests: int,
) -> dict[str, Any]:
    """Return the document of `schemas/report.json`; `started` is an ISO 8601 time."""
    names = file_names(transcripts)
    files = {
        id(transcript): _File(name, transcript.body()) for name, transcript in zip(names, transcripts, strict=True)
    }
    counts = Counter(verdict.outcome for verdict in verdicts)
    return {
        "format": FORMAT,
        "suite": suite(),
        "target": target | {name: without_secrets(str(target[name])) for name in ("url",) if name in target},
        "profile": {"name": profile.name, "title": profile.title, "grade": profile.grade},
        "started": started,
        "seconds": round(seconds, 3),
        "requests": requests,
        "counts": {outcome.value: counts[outcome] for outcome in Outcome},
        "verdicts": [_verdict(verdict, files) for verdict in verdicts],
        "transcripts": [_transcript(transcript, name) for name, transcript in zip(names, transcripts, strict=True)],
    }


def suite() -> dict[str, str]:
    """Return name and version of this suite and of what it runs on."""
    return {
        "name": "openai-conformance",
        "version": conformance.__version__,
        "python": platform.python_version(),
        "platform": platform.system(),
    } | {name: _version(name) for name in LIBRARIES}


def file_names(transcripts: Sequence[Transcript]) -> list[str]:
    """Return the name of each transcript's file: its number and its probe."""
    digits = max(3, len(str(len(transcripts))))
    return [f"{number:0{digits}}-{_slug(t.probe)}.json" for number, t in enumerate(transcripts, 1)]


def _slug(probe: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", probe.lower()).strip("-")[:60] or "transcript"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _verdict(verdict: Verdict, files: Mapping[int, _File]) -> dict[str, Any]:
    requirement = verdict.requirement
    return {
        "requirement": requirement.id,
        "level": verdict.level.name.lower(),
        "family": requirement.family,
        "outcome": verdict.outcome.value,
        "statement": requirement.statement,
        "why": requirement.why,
        **warrants(requirement),
        "needs": sorted(requirement.needs),
        "subjects": verdict.subjects,
        "findings": [_finding(finding, files) for finding in verdict.findings],
        "reason": verdict.reason,
        "foreseen": verdict.foreseen,
    }


def warrants(requirement: Requirement) -> dict[str, Any]:
    """Return what speaks for a requirement: the texts, the clients that break, the public reports."""
    texts = [w for w in requirement.warrants if w.kind not in ("break", "bug")]
    broken = [w for w in requirement.warrants if w.kind == "break"]
    return {
        "sources": [{"kind": w.kind, "text": str(w), "url": w.url} for w in texts],
        "breaks": [{"client": w.source, "effect": w.effect or "", "detail": w.detail} for w in broken],
        "bugs": [w.url for w in requirement.warrants if w.kind == "bug"],
    }


def _finding(finding: Finding, files: Mapping[int, _File]) -> dict[str, Any]:
    where = finding.where
    file = files.get(id(finding.transcript)) or _File("", finding.transcript.body())
    spot = narrow(file.body, where)
    return {
        "requirement": finding.requirement,
        "level": finding.level.name.lower(),
        "expected": finding.expected,
        "actual": finding.actual,
        "where": {"event": where.event, "start": where.start, "stop": where.stop, "pointer": where.pointer},
        "probe": finding.probe,
        "transcript": file.name,
        "at": finding.at,
        "excerpt": cut(file.body, *spot).to_json() if spot and file.body else None,
    }


def _transcript(transcript: Transcript, file: str) -> dict[str, Any]:
    last = transcript.reads[-1].at if transcript.reads else None
    ended = transcript.ending.at if transcript.ending.at is not None else last
    return {
        "file": file,
        "probe": transcript.probe,
        "endpoint": transcript.endpoint,
        "method": transcript.request.method,
        "path": without_secrets(transcript.request.path),
        "status": transcript.status,
        "events": events(transcript),
        "bytes": sum(len(read.data) for read in transcript.reads),
        "seconds": ended,
        "ending": transcript.ending.kind,
        "detail": transcript.ending.detail,
        "notes": list(transcript.notes),
    }


def is_stream(transcript: Transcript) -> bool:
    """Tell whether the body is to be read as server-sent events."""
    media_type = (transcript.header("content-type") or "").partition(";")[0].strip().lower()
    if media_type == "text/event-stream":
        return True
    return transcript.request.asks_for_stream() and transcript.body()[:5] == b"data:"


def events(transcript: Transcript) -> int | None:
    """Return how many events a stream has, None where the body is no stream."""
    if not is_stream(transcript):
        return None
    parser = Parser()
    return sum(len(parser.feed(read.data)) for read in transcript.reads) + len(parser.close())

"""Requirements that one event shows alone, whatever comes before and after it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeAlias

from conformance import shapes, sse
from conformance.judge import Finding, judge
from conformance.place import Where
from conformance.profile import Profile
from conformance.requirement import Requirement
from conformance.transcript import Ending, Read, Request, Transcript
from conformance.views import Chunk, Event, Instances, Text
from conformance.warrant import Level

Key: TypeAlias = tuple[str, Where, str]
# What a check would have to read to learn of the rest of the stream.
_ELSEWHERE = frozenset({"number", "index", "transcript", "stream"})


def singles(requirements: Iterable[Requirement]) -> list[Requirement]:
    """Return the requirements whose subject is an event or a chunk, or something in it, and no other place."""
    return [requirement for requirement in requirements if _is_single(requirement)]


def _is_single(requirement: Requirement) -> bool:
    subject = requirement.subject
    if isinstance(subject, Instances):
        return True  # of whatever object it speaks, it looks at one at a time
    return subject in (Event, Chunk, Text) and _ELSEWHERE.isdisjoint(requirement.check.__code__.co_names)


def judge_event(
    raw: bytes, event: sse.Event, requirements: Iterable[Requirement], profile: Profile, endpoint: str
) -> list[Finding]:
    """Return what counts against one event, `raw` being its bytes, as if the rest of the stream were not there."""
    transcript = Transcript(
        request=Request(path=shapes.PATHS.get(endpoint, "")),
        status=200,
        headers=(("content-type", "text/event-stream"),),
        reads=(Read(0.0, raw),),
        ending=Ending("open"),
        endpoint=endpoint,
        knows=frozenset({"chunks", "ids", "bytes"}),
    )
    verdicts = judge(requirements, [transcript], profile)
    found = [finding for verdict in verdicts for finding in verdict.findings if finding.level is not Level.OBSERVE]
    return [replace(finding, where=_shifted(finding.where, event)) for finding in found]


def key(finding: Finding) -> Key:
    """Return what makes a finding the same as another."""
    return finding.requirement, finding.where, finding.actual


def _shifted(where: Where, event: sse.Event) -> Where:
    start, stop = (None if at is None else at + event.start for at in (where.start, where.stop))
    return Where(None if where.event is None else event.index, start, stop, where.pointer)

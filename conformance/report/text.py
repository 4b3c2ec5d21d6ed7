"""A verdict in words for a terminal: what a failing pytest item prints."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from conformance.judge import Finding, Verdict
from conformance.report.curl import command
from conformance.report.document import events
from conformance.report.escape import visible
from conformance.report.excerpt import cut
from conformance.report.spot import narrow
from conformance.transcript import Transcript

SHOWN = 5  # findings of one requirement; more say nothing new
WIDTH = 100


def describe(verdict: Verdict, *, curl: bool = True, base_url: str = "") -> str:
    """Return what a reader needs to see, understand and repeat the findings, in lines of plain text."""
    return "\n".join([*_heading(verdict), *_findings(verdict.findings, curl=curl, base_url=base_url)])


def place(finding: Finding) -> str:
    """Return where a finding stands: probe, event, time, byte range, JSON pointer."""
    where, words = finding.where, [visible(finding.probe) or "transcript"]
    if where.event is not None:
        words.append(f"event {where.event}")
    if finding.at is not None:
        words.append(f"at {finding.at:.3f} s")
    if where.start is not None:
        words.append(f"bytes {where.start}-{'' if where.stop is None else where.stop}")
    if where.pointer:
        words.append(visible(where.pointer))
    return ", ".join(words)


def answer(transcript: Transcript) -> str:
    """Return in one line what came back: status, content type, events, size, ending."""
    if transcript.status is None:
        words = ["no answer"]
    else:
        words = [f"status {transcript.status}", visible(transcript.header("content-type") or "no content type")]
    if (count := events(transcript)) is not None:
        words.append(f"{count:,} events")
    words.append(f"{sum(len(read.data) for read in transcript.reads):,} bytes")
    ending = transcript.ending
    words.append(f"{ending.kind} ({visible(ending.detail)})" if ending.detail else ending.kind)
    return ", ".join(words)


def _heading(verdict: Verdict) -> Iterator[str]:
    requirement = verdict.requirement
    yield from _wrapped(f"{verdict.level.name}  ", requirement.statement)
    for warrant in requirement.warrants:
        if warrant.kind == "break":
            yield from _wrapped("  breaks  ", f"{warrant} ({warrant.effect})")
        elif warrant.kind == "bug":
            yield f"  bug     {warrant.url}"
        else:
            yield from _wrapped("  source  ", str(warrant))
            if warrant.url:
                yield f"          {warrant.url}"
    if verdict.reason:
        yield from _wrapped(f"  {verdict.outcome}: ", visible(verdict.reason))


def _findings(findings: Sequence[Finding], *, curl: bool, base_url: str) -> Iterator[str]:
    repeated = set[int]()
    for number, finding in enumerate(findings[:SHOWN], 1):
        yield ""
        yield f"{number:>2}. {place(finding)}"
        yield from _wrapped("    expected  ", visible(finding.expected))
        yield from _wrapped("    actual    ", visible(finding.actual))
        transcript = finding.transcript
        body = transcript.body()
        spot = narrow(body, finding.where)
        if spot and body:
            yield from (f"  {line}" for line in cut(body, *spot).lines())
        else:
            yield f"    answer    {answer(transcript)}"
        if curl and id(transcript) not in repeated:
            repeated.add(id(transcript))
            yield f"    {command(transcript.request, base_url=base_url)}"
    if len(findings) > SHOWN:
        yield ""
        yield f"    and {len(findings) - SHOWN} more"


def _wrapped(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=label, subsequent_indent=" " * len(label), break_on_hyphens=False
    ) or [label.rstrip()]

"""The text format: for each exchange with findings the rule, the place, what was expected, and the bytes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TextIO

from conformance.cli.judging import Judged, Summary
from conformance.cli.single import Key, key
from conformance.judge import Finding
from conformance.profile import Profile
from conformance.report.escape import visible
from conformance.report.excerpt import cut
from conformance.report.spot import narrow
from conformance.report.text import SHOWN, answer, place
from conformance.requirement import REGISTRY
from conformance.warrant import Level

WIDTH = 100


@dataclass
class Words:
    """Writes what was found for a reader at a terminal."""

    out: TextIO
    profile: Profile
    told: set[Key] = field(default_factory=set)  # what was said already, while the answer came

    def begin(self) -> None:
        """Write nothing: there is nothing to say yet."""

    def add(self, judged: Judged) -> None:
        """Write the findings of an exchange, if it has any that count."""
        counted = [finding for finding in judged.findings if finding.level is not Level.OBSERVE]
        counted = [finding for finding in counted if key(finding) not in self.told]
        if counted:
            transcript = judged.exchange.transcript
            headed = not transcript.knows.isdisjoint({"headers", "head"})
            came = answer(transcript) if headed else f"{sum(len(read.data) for read in transcript.reads):,} bytes"
            self.out.write(f"{visible(judged.exchange.id)}  {judged.kind}, {came}\n")
            self.out.write("\n".join(paragraphs(counted)) + "\n\n")

    def end(self, summary: Summary) -> None:
        """Write one line that sums it up."""
        self.out.writelines(f"{visible(line)}\n" for line in summary.waivers())
        silent = summary.exchanges - summary.violated - summary.advised
        noun = "exchange" if summary.exchanges == 1 else "exchanges"
        self.out.write(
            f"{summary.exchanges} {noun} under {self.profile.name}: {summary.violated} violated, "
            f"{summary.advised} advised, {silent} without findings\n"
        )


def paragraphs(findings: Sequence[Finding], *, excerpts: bool = True) -> Iterator[str]:
    """Yield the lines that tell of findings, those of one requirement together, the worst first.

    `excerpts`: with the bytes around each place.
    """
    ordered = sorted(findings, key=lambda finding: -finding.level)
    for name, group in groupby(ordered, key=lambda finding: finding.requirement):
        same = list(group)
        yield from _wrapped(f"  {same[0].level.name:<7} {name}  ", REGISTRY.requirements[name].statement)
        for finding in same[:SHOWN]:
            yield from _finding(finding)
            yield from _excerpt(finding) if excerpts else ()
        if len(same) > SHOWN:
            yield f"         and {len(same) - SHOWN} more of it"


def _finding(finding: Finding) -> Iterator[str]:
    # Without the name of the probe, which the heading makes superfluous.
    yield f"         {place(finding).partition(', ')[2] or 'the answer as a whole'}"
    yield from _wrapped("         expected  ", visible(finding.expected))
    yield from _wrapped("         actual    ", visible(finding.actual))


def _excerpt(finding: Finding) -> Iterator[str]:
    body = finding.transcript.body()
    spot = narrow(body, finding.where)
    if spot and body:
        yield from (f"    {line}" for line in cut(body, *spot).lines())


def _wrapped(label: str, text: str) -> list[str]:
    lines = textwrap.wrap(text, WIDTH, initial_indent=label, subsequent_indent=" " * 19, break_on_hyphens=False)
    return lines or [label.rstrip()]

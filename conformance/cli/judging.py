"""Judging what was read: the findings of each exchange, and what was put to the test in it."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

from conformance.exchange import Exchange
from conformance.judge import Finding, Outcome, Verdict, judge
from conformance.profile import Profile
from conformance.requirement import Requirement
from conformance.warrant import Level


@dataclass(frozen=True)
class Judged:
    """One exchange with its findings, in report order, and the ids of the requirements that had a subject in it."""

    exchange: Exchange
    kind: str
    findings: tuple[Finding, ...]
    exercised: tuple[str, ...]
    waived: tuple[tuple[str, str], ...] = ()  # requirements whose findings the profile waives, and why

    @property
    def worst(self) -> Level:
        """Return the strongest level of its findings, OBSERVE where there are none."""
        return max((finding.level for finding in self.findings), default=Level.OBSERVE)


@dataclass
class Summary:
    """Exchanges, counted once each by the worst that was found in them."""

    exchanges: int = 0
    violated: int = 0
    advised: int = 0
    waived: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, judged: Judged) -> None:
        """Count one more."""
        self.exchanges += 1
        self.violated += judged.worst is Level.MUST
        self.advised += judged.worst is Level.SHOULD
        self.waived.update(judged.waived)

    def waivers(self) -> Iterator[str]:
        """Yield a line for each waiver that was used."""
        for (requirement, reason), times in self.waived.items():
            yield f"waived {requirement} in {times} exchange{'s' * (times > 1)}: {reason}"

    def to_json(self) -> dict[str, int]:
        """Return the part of the lint document."""
        return {"exchanges": self.exchanges, "violated": self.violated, "advised": self.advised}


@dataclass
class Thrift:
    """Collects garbage by the amount that was judged, not by the number of objects.

    Everything made for an exchange lives until it is judged, so that Python's own rhythm looks at all of it again and
    again in vain, for nearly half of the time.
    """

    every: int = 8 << 20  # bytes of bodies
    _made: int = 0

    def __enter__(self) -> Self:
        """Stop Python from collecting."""
        gc.disable()
        return self

    def __exit__(self, *_: object) -> None:
        """Let Python collect again."""
        gc.enable()

    def drop(self, exchanges: Sequence[Exchange]) -> None:
        """Let go of what was computed of exchanges that are done with."""
        for exchange in exchanges:
            exchange.transcript.derived.clear()
            self._made += 4096 + sum(len(read.data) for read in exchange.transcript.reads)
        if self._made > self.every:
            self._made = 0
            gc.collect()


def judge_together(
    exchanges: Sequence[Exchange], requirements: Iterable[Requirement], profile: Profile
) -> tuple[list[Judged], list[str]]:
    """Return each exchange with its findings, and in words the requirements that raised, which is our fault.

    Findings of a pair or a run count for the exchange that they point at.
    """
    transcripts = [exchange.transcript for exchange in exchanges]
    verdicts = judge(requirements, transcripts, profile)
    broken = [f"{v.requirement.id} could not be judged: {v.reason}" for v in verdicts if v.outcome is Outcome.BROKEN]
    findings: dict[int, list[Finding]] = {id(transcript): [] for transcript in transcripts}
    exercised: dict[int, list[str]] = {id(transcript): [] for transcript in transcripts}
    waived: dict[int, list[tuple[str, str]]] = {id(transcript): [] for transcript in transcripts}
    for verdict in verdicts:
        if verdict.findings and verdict.reason:  # some are waived, or all of them
            for key in {id(finding.transcript) for finding in verdict.findings}:
                waived[key].append((verdict.requirement.id, verdict.reason))
        for finding in verdict.findings if verdict.outcome is not Outcome.WAIVED else ():
            findings[id(finding.transcript)].append(finding)
        for key in _subjects(verdict, exchanges):
            exercised[key].append(verdict.requirement.id)
    return [
        Judged(exchange, exchange.kind, tuple(findings[key]), tuple(exercised[key]), tuple(waived[key]))
        for exchange in exchanges
        for key in [id(exchange.transcript)]
    ], broken


def _subjects(verdict: Verdict, exchanges: Sequence[Exchange]) -> set[int]:
    """Return the transcripts in which a requirement had a subject, by their identity."""
    if not verdict.subjects or verdict.outcome is Outcome.BROKEN:
        return set()
    if len(exchanges) == 1:
        return {id(exchanges[0].transcript)}
    transcripts, view = [exchange.transcript for exchange in exchanges], verdict.requirement.subject
    alone = {id(transcript) for transcript in transcripts if any(True for _ in view.among([transcript]))}
    # Pairs and runs need each other; they stand where their findings would.
    return alone or {id(subject.transcript) for subject in view.among(transcripts)}

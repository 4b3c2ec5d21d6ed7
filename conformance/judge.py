"""Requirements x transcripts x profile -> verdicts. Pure: no network, no clock, no files but goldens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

from conformance import goldens, sse
from conformance.features import features
from conformance.json_text import parse, parse_bytes
from conformance.place import Where
from conformance.profile import Profile, Waiver
from conformance.requirement import Quantifier, Requirement
from conformance.transcript import Transcript
from conformance.views import Instances
from conformance.views.answer import BUSY
from conformance.warrant import Level

MAX_FINDINGS = 100  # of one requirement in one transcript; more say nothing new


class Outcome(StrEnum):
    """How a requirement fared over all transcripts, worst first."""

    BROKEN = "broken"
    VIOLATED = "violated"
    ADVISED = "advised"
    INCONCLUSIVE = "inconclusive"
    UNSUPPORTED = "unsupported"
    NOT_EXERCISED = "not exercised"
    WAIVED = "waived"
    OBSERVED = "observed"
    HELD = "held"


@dataclass(frozen=True)
class Finding:
    """One place where a requirement does not hold. `at` is its time in seconds after the request, where known."""

    requirement: str
    level: Level
    expected: str
    actual: str
    where: Where
    transcript: Transcript
    at: float | None = None

    @property
    def probe(self) -> str:
        """Return the name of the probe that provoked it."""
        return self.transcript.probe


class Verdict(NamedTuple):
    """What became of one requirement.

    `subjects` counts what it was checked on; `reason` explains an absence; `foreseen` is why the profile says that it
    cannot be exercised.
    """

    requirement: Requirement
    level: Level
    outcome: Outcome
    subjects: int = 0
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    foreseen: str = ""

    @property
    def explained(self) -> bool:
        """Tell whether it was not exercised, and the profile says why it cannot be."""
        return self.outcome is Outcome.NOT_EXERCISED and bool(self.foreseen)

    @property
    def stale(self) -> bool:
        """Tell whether it was exercised although the profile says that it cannot be."""
        return self.subjects > 0 and bool(self.foreseen)


def judge(requirements: Iterable[Requirement], transcripts: Sequence[Transcript], profile: Profile) -> list[Verdict]:
    """Return a verdict for each requirement, in their order. Never raises: a fault of ours is the outcome `broken`."""
    bench = _Bench(transcripts, profile)
    return [bench.verdict(requirement) for requirement in requirements]


@dataclass(frozen=True)
class _Bench:
    """What is judged, and what many requirements share: the subjects of a view, the reason for an absence."""

    transcripts: Sequence[Transcript]
    profile: Profile
    subjects: dict[Quantifier, list[Any]] = field(default_factory=dict)
    absences: dict[frozenset[str], _Absence] = field(default_factory=dict)

    def verdict(self, requirement: Requirement) -> Verdict:
        """Judge one requirement, and say what the profile foresees of it."""
        level, count = self.profile.level(requirement), 0
        findings: list[Finding] = []
        foreseen = self.profile.unexercised.get(requirement.id, "")
        try:
            subjects = self._subjects(requirement.subject)
            if subjects:  # for most there are none
                count = _count(requirement.subject, subjects)
                findings = _findings(requirement, level, subjects)
        except Exception as error:  # noqa: BLE001 - whatever the wire did to us is our fault, and is said to be
            return Verdict(requirement, level, Outcome.BROKEN, count, (), f"{type(error).__name__}: {error}", foreseen)
        if findings:
            return _blame(requirement, level, count, findings, self.profile)._replace(foreseen=foreseen)
        if count:
            return Verdict(requirement, level, Outcome.HELD, count, foreseen=foreseen)
        outcome, reason = self._absence(requirement)
        return Verdict(requirement, level, outcome, 0, (), reason, foreseen)

    def _subjects(self, quantifier: Quantifier) -> list[Any]:
        found = self.subjects.get(quantifier)
        if found is None:
            found = self.subjects[quantifier] = list(quantifier.among(self.transcripts))
        return found

    def _absence(self, requirement: Requirement) -> tuple[Outcome, str]:
        absence = self.absences.get(requirement.needs)
        if absence is None:
            absence = self.absences[requirement.needs] = _absence(requirement.needs, self._asked(requirement.needs))
        if absence.troubles and (decisive := _decisive(requirement.subject, self.transcripts, absence.troubles)):
            return Outcome.INCONCLUSIVE, decisive
        return absence.outcome, absence.reason

    def _asked(self, needs: frozenset[str]) -> list[Transcript]:
        return [
            transcript for transcript, wished in zip(self.transcripts, self.features, strict=True) if needs <= wished
        ]

    @cached_property
    def features(self) -> list[frozenset[str]]:
        """Return what each request asked for."""
        return [features(transcript.request) for transcript in self.transcripts]


class _Absence(NamedTuple):
    """Why requirements with the same needs had no subject, and which failures may have hidden one."""

    outcome: Outcome
    reason: str
    troubles: Sequence[tuple[Transcript, str]]


def _count(quantifier: Quantifier, subjects: list[Any]) -> int:
    """Return how much was checked: instances of a place in a schema come by the transcript, others one by one."""
    if isinstance(quantifier, Instances):
        return sum(visited.count for visited in subjects)
    return len(subjects)


def _findings(requirement: Requirement, level: Level, subjects: list[Any]) -> list[Finding]:
    """Return what does not hold, of each transcript no more than says something new."""
    findings: list[Finding] = []
    found_in: dict[int, int] = {}
    for subject in subjects:
        for place, expected, actual in requirement.check(subject):
            found_in[id(place.transcript)] = number = found_in.get(id(place.transcript), 0) + 1
            if number <= MAX_FINDINGS:
                findings.append(_finding(requirement, level, place.transcript, place.where, expected, actual))
    return findings


def _blame(requirement: Requirement, level: Level, count: int, findings: list[Finding], profile: Profile) -> Verdict:
    """Return the verdict over findings: by their level, or waived if the profile waives them all."""
    kept, waived = _waive(findings, profile)
    if not kept:
        excused = tuple(finding for finding, _ in waived)
        return Verdict(requirement, level, Outcome.WAIVED, count, excused, _reasons(waived))
    outcome = {Level.MUST: Outcome.VIOLATED, Level.SHOULD: Outcome.ADVISED}.get(level, Outcome.OBSERVED)
    reason = f"{len(waived)} more waived: {_reasons(waived)}" if waived else ""
    return Verdict(requirement, level, outcome, count, tuple(kept), reason)


def _finding(
    requirement: Requirement, level: Level, transcript: Transcript, where: Where, expected: str, actual: str
) -> Finding:
    at = None
    if "times" in transcript.knows and where.start is not None:
        offset = 0
        for read in transcript.reads:
            offset += len(read.data)
            at = read.at
            if offset > where.start:
                break
    return Finding(requirement.id, level, expected, actual, where, transcript, at)


def _waive(findings: Sequence[Finding], profile: Profile) -> tuple[list[Finding], list[tuple[Finding, Waiver]]]:
    """Set those findings apart that the profile waives."""
    kept, waived = list[Finding](), list[tuple[Finding, Waiver]]()
    for finding in findings:
        document = _document(finding) if profile.waivers else None
        waiver = profile.waiver(finding.requirement, document)
        if waiver is None:
            kept.append(finding)
        else:
            waived.append((finding, waiver))
    return kept, waived


def _document(finding: Finding) -> Any:
    """Return the JSON of the event, or of the body, that a finding is in; None where that is no JSON."""
    start, stop = finding.where.start, finding.where.stop
    body = finding.transcript.body()
    if start is None or stop is None:
        return parse_bytes(body).value
    return next((parse(event.data).value for event in sse.parse(body[start:stop])[0] if event.data), None)


def _reasons(waived: Sequence[tuple[Finding, Waiver]]) -> str:
    return "; ".join(dict.fromkeys(waiver.reason for _, waiver in waived))


def _absence(needs: frozenset[str], asked: Sequence[Transcript]) -> _Absence:
    """Say why a requirement had no subject: the feature was refused, the server failed, or it never came up."""
    # One server error shows that a feature fails. Of requests without any, some are wrong on purpose.
    fatal = bool(needs) or _all_failed(asked)
    troubles = [(transcript, trouble) for transcript in asked if (trouble := _trouble(transcript, fatal=fatal))]
    if not asked or not needs:
        return _Absence(Outcome.NOT_EXERCISED, "no answer had what this requirement is about", troubles)
    refusals = [refusal for transcript in asked if (refusal := _refusal(transcript))]
    if len(refusals) == len(asked):
        return _Absence(Outcome.UNSUPPORTED, refusals[0], troubles)
    return _Absence(Outcome.NOT_EXERCISED, f"asked for by {asked[0].probe}, but no answer had it", troubles)


def _decisive(
    subject: Quantifier, transcripts: Sequence[Transcript], troubles: Sequence[tuple[Transcript, str]]
) -> str:
    """Return the failure without which there might have been a subject, "" where there is none.

    What correct answers to our probes would have shown, the goldens tell. Where those to the requests that were
    answered would have been enough, or those to the failed ones as well too little, no failure hides anything. Of
    requests that are no probes of ours nothing is known, so that each failure counts.
    """
    known = set(goldens.names())
    unknown = [(transcript, trouble) for transcript, trouble in troubles if transcript.probe not in known]
    if not unknown:
        ours = [transcript for transcript in transcripts if transcript.probe in known]
        hidden = [goldens.load(transcript.probe) for transcript in ours if _trouble(transcript, fatal=True)]
        answered = [goldens.load(t.probe) for t in ours if not _trouble(t, fatal=True) and _as_asked(t)]
        if _shown(subject, answered) or not _shown(subject, [*answered, *hidden]):
            return ""
    alone = ((t, why) for t, why in troubles if t.probe in known and _shown(subject, [goldens.load(t.probe)]))
    return next((f"{transcript.probe}: {trouble}" for transcript, trouble in [*unknown, *alone, *troubles]), "")


def _as_asked(transcript: Transcript) -> bool:
    """Tell whether a request was sent as its golden has it, and not refused where that is answered."""
    golden = goldens.load(transcript.probe)
    refused = (transcript.status or 0) >= 400 > (golden.status or 0)
    return not refused and features(golden.request) <= features(transcript.request)


def _shown(subject: Quantifier, transcripts: Sequence[Transcript]) -> bool:
    return _count(subject, list(subject.among(transcripts))) > 0


def _trouble(transcript: Transcript, *, fatal: bool) -> str:
    """Return why an answer says nothing about a server: none came, we gave up on it, or the server was unwell."""
    if transcript.status is None or transcript.ending.kind == "timeout":
        return transcript.ending.detail or "no answer"
    return f"status {transcript.status}" if fatal and _failed(transcript) else ""


def _all_failed(transcripts: Sequence[Transcript]) -> bool:
    return all(_failed(transcript) for transcript in transcripts)


def _failed(transcript: Transcript) -> bool:
    status = transcript.status or 0
    return status in BUSY or (status >= 500 and status != 501)


def _refusal(transcript: Transcript) -> str:
    """Return the server's words where it refused clearly: 4xx or 501, and an error object with a message."""
    if transcript.status is None or not (400 <= transcript.status < 500 or transcript.status == 501):
        return ""
    body = parse_bytes(transcript.body()).value
    error = body.get("error") if isinstance(body, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return f"{transcript.probe}: {transcript.status} {message}" if isinstance(message, str) and message else ""

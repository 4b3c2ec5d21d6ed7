"""`conformance lint`: read, judge, write, one exchange at a time."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TextIO

from conformance.cli import document, live
from conformance.cli.annotations import GitHub
from conformance.cli.judging import Judged, Summary, Thrift, judge_together
from conformance.cli.sarif import Sarif
from conformance.cli.single import Key
from conformance.cli.words import Words
from conformance.profile import Profile
from conformance.reading import Batch, Item, Trouble, read, read_stream
from conformance.report.escape import visible
from conformance.requirement import REGISTRY, Requirement

STDIN = "-"
VIOLATED, UNUSABLE = 1, 2


class Writer(Protocol):
    """A format: what to write at the start, for each exchange, and at the end."""

    def begin(self) -> None:
        """Write what comes first."""

    def add(self, judged: Judged) -> None:
        """Write one exchange."""

    def end(self, summary: Summary) -> None:
        """Write what comes last."""


def lint(files: Sequence[str], profile: Profile, *, form: str, endpoint: str) -> int:
    """Judge files, write what was found to standard output, and return the exit code."""
    requirements = all_requirements()
    told = set[Key]()
    writer = _writer(form, sys.stdout, profile, requirements, told)
    summary, unusable = Summary(), False
    if not files and sys.stdin.isatty():
        _complain("lint: name a file, or - for standard input")
        return UNUSABLE
    writer.begin()
    with Thrift() as thrift:
        for item in _items(files or [STDIN], endpoint, profile, requirements, told if form == "text" else None):
            if not isinstance(item, Batch):
                unusable |= isinstance(item, Trouble)
                note = "" if isinstance(item, Trouble) else "skipped: "
                _complain(f"{visible(item.path)}: {note}{visible(item.message)}")
                continue
            judged, broken = judge_together(item.exchanges, requirements, profile)
            for words in broken:
                unusable = True
                _complain(f"{visible(item.exchanges[0].id)}: {visible(words)} (a defect of this suite)")
            for one in judged:
                summary.add(one)
                writer.add(one)
            thrift.drop(item.exchanges)
    writer.end(summary)
    if form != "text":  # the other formats have no place for it
        for line in summary.waivers():
            _complain(visible(line))
    if unusable:
        return UNUSABLE
    return VIOLATED if summary.violated else 0


def all_requirements() -> list[Requirement]:
    """Return all requirements, in report order."""
    import conformance.requirements  # noqa: F401 - fills the registry

    return list(REGISTRY.requirements.values())


def _items(
    files: Sequence[str],
    endpoint: str,
    profile: Profile,
    requirements: Iterable[Requirement],
    told: set[Key] | None,
) -> Iterator[Item]:
    """Yield what is in the files; standard input is shown while it comes unless `told` is None."""
    for run in _runs(files):
        if run != [STDIN]:
            yield from read(run, endpoint)
        elif told is not None:
            yield from live.follow(sys.stdin.buffer, sys.stdout, profile, requirements, endpoint, told)
        else:
            yield from read_stream(sys.stdin.buffer, "stdin", endpoint)


def _runs(files: Sequence[str]) -> Iterator[list[str]]:
    """Yield the files in order, standard input apart: transcripts beside each other belong together."""
    run: list[str] = []
    for name in files:
        if name != STDIN:
            run.append(name)
            continue
        yield from [run] if run else []
        yield [name]
        run = []
    yield from [run] if run else []


def _writer(form: str, out: TextIO, profile: Profile, requirements: Sequence[Requirement], told: set[Key]) -> Writer:
    match form:
        case "json":
            return document.Document(out, profile)
        case "github":
            return GitHub(out)
        case "sarif":
            return Sarif(out, profile, requirements)
        case _:
            return Words(out, profile, told)


def _complain(words: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(f"conformance: {words}\n")
    sys.stderr.flush()

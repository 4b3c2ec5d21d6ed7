"""The JSON format: the document of `schemas/lint.json`, written piece by piece so that it may be of any size."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TextIO

from conformance.cli.judging import Judged, Summary
from conformance.judge import Finding
from conformance.profile import Profile

FORMAT = "openai-conformance/lint/1"


@dataclass
class Document:
    """Writes one JSON document, an exchange a line."""

    out: TextIO
    profile: Profile
    _separator: str = "\n"

    def begin(self) -> None:
        """Write all that stands before the exchanges."""
        head = {"format": FORMAT, "profile": self.profile.name}
        self.out.write(f'{json.dumps(head)[:-1]}, "exchanges": [')

    def add(self, judged: Judged) -> None:
        """Write an exchange."""
        self.out.write(f"{self._separator}{json.dumps(to_json(judged))}")
        self._separator = ",\n"

    def end(self, summary: Summary) -> None:
        """Write all that stands after the exchanges."""
        self.out.write(f'\n], "summary": {json.dumps(summary.to_json())}}}\n')


def to_json(judged: Judged) -> dict[str, Any]:
    """Return the entry of an exchange."""
    return {
        "id": judged.exchange.id,
        "kind": judged.kind,
        "findings": [_finding(finding) for finding in judged.findings],
        "exercised": list(judged.exercised),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    where = finding.where
    return {
        "requirement": finding.requirement,
        "level": finding.level.name.lower(),
        "expected": finding.expected,
        "actual": finding.actual,
        "where": {"event": where.event, "start": where.start, "stop": where.stop, "pointer": where.pointer},
    }

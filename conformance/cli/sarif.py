"""The SARIF format, 2.1.0: what code scanning tools read.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, TextIO
from urllib.parse import quote

import conformance
from conformance.cli import place_in_file
from conformance.cli.judging import Judged, Summary
from conformance.judge import Finding
from conformance.profile import Profile
from conformance.report.escape import visible
from conformance.requirement import Requirement
from conformance.warrant import Level

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {Level.MUST: "error", Level.SHOULD: "warning", Level.OBSERVE: "note"}


@dataclass
class Sarif:
    """Writes one run: the rules first, then a result a line."""

    out: TextIO
    profile: Profile
    requirements: Sequence[Requirement]
    _separator: str = "\n"

    def begin(self) -> None:
        """Write the tool and its rules."""
        driver = {
            "name": "openai-conformance",
            "semanticVersion": _semantic(conformance.__version__),
            "rules": [_rule(requirement, self.profile) for requirement in self.requirements],
        }
        head = {"$schema": SCHEMA, "version": "2.1.0"}
        run = {
            "tool": {"driver": driver},
            "columnKind": "unicodeCodePoints",
            "properties": {"profile": self.profile.name},
        }
        self.out.write(f'{json.dumps(head)[:-1]}, "runs": [{json.dumps(run)[:-1]}, "results": [')

    def add(self, judged: Judged) -> None:
        """Write the findings of an exchange."""
        index = {requirement.id: number for number, requirement in enumerate(self.requirements)}
        for finding in judged.findings:
            result = _result(judged, finding, index[finding.requirement])
            self.out.write(f"{self._separator}{json.dumps(result)}")
            self._separator = ",\n"

    def end(self, summary: Summary) -> None:
        """Close the document."""
        self.out.write("\n]}]}\n")


def _rule(requirement: Requirement, profile: Profile) -> dict[str, Any]:
    sources = [f"{w} {w.url}".strip() for w in requirement.warrants if w.kind != "bug"]
    bugs = [w.url for w in requirement.warrants if w.kind == "bug"]
    help_lines = [requirement.statement, *([requirement.why] if requirement.why else []), *sources, *bugs]
    rule: dict[str, Any] = {
        "id": requirement.id,
        "shortDescription": {"text": requirement.statement},
        "fullDescription": {"text": requirement.why or requirement.statement},
        "help": {"text": "\n\n".join(help_lines)},
        "defaultConfiguration": {"level": LEVELS[profile.level(requirement)]},
        "properties": {
            "tags": [requirement.family],
            "strict": requirement.strict.name,
            "compat": requirement.compat.name,
        },
    }
    link = next((w.url for w in requirement.warrants if w.url), "")
    return rule | ({"helpUri": link} if link else {})


def _result(judged: Judged, finding: Finding, index: int) -> dict[str, Any]:
    source, where = judged.exchange.source, finding.where
    physical: dict[str, Any] = {
        "artifactLocation": {"uri": quote(os.fsencode(PurePath(source.path).as_posix()), safe="/")}
    }
    region: dict[str, int] = {}
    if line := place_in_file.line(judged, finding):
        region["startLine"] = line
    if spot := place_in_file.region(judged, finding):
        region["byteOffset"], region["byteLength"] = spot
    if region:
        physical["region"] = region
    event = "" if where.event is None else f"/events/{where.event}"
    logical = {"fullyQualifiedName": f"{judged.exchange.id}{event}{where.pointer or ''}", "kind": "element"}
    return {
        "ruleId": finding.requirement,
        "ruleIndex": index,
        "level": LEVELS[finding.level],
        "message": {"text": visible(f"expected {finding.expected}, got {finding.actual}")},
        "locations": [{"physicalLocation": physical, "logicalLocations": [logical]}],
    }


def _semantic(version: str) -> str:
    """Return a version as semantic versioning writes it: a development release is a pre-release."""
    return version.replace(".dev", "-dev.")

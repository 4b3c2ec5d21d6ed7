"""The GitHub format: workflow commands, which become annotations of a pull request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TextIO

from conformance.cli import place_in_file
from conformance.cli.judging import Judged, Summary
from conformance.judge import Finding
from conformance.report.escape import visible
from conformance.report.text import place
from conformance.warrant import Level

COMMANDS = {Level.MUST: "error", Level.SHOULD: "warning"}


@dataclass
class GitHub:
    """Writes `::error` for what fails and `::warning` for advice."""

    out: TextIO

    def begin(self) -> None:
        """Write nothing."""

    def add(self, judged: Judged) -> None:
        """Write an annotation for each finding."""
        for finding in judged.findings:
            if finding.level in COMMANDS:
                self.out.write(f"{_command(judged, finding)}\n")

    def end(self, summary: Summary) -> None:
        """Write nothing: annotations are all there is."""


def _command(judged: Judged, finding: Finding) -> str:
    source, line = judged.exchange.source, place_in_file.line(judged, finding)
    properties = {"file": source.path, **({"line": str(line)} if line else {}), "title": finding.requirement}
    spot = place(finding).partition(", ")[2]
    message = f"{judged.exchange.id}{f' ({spot})' if spot else ''}: expected {finding.expected}, got {finding.actual}"
    joined = ",".join(f"{name}={_property(visible(value))}" for name, value in properties.items())
    return f"::{COMMANDS[finding.level]} {joined}::{_data(visible(message))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

"""Profiles: at which level each requirement counts for a kind of server."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from conformance.requirement import REGISTRY, Requirement
from conformance.warrant import Level

TABLES = ("level", "unexercised", "waiver")  # whose rows name a requirement each
KEYS = frozenset({"title", "grade", *TABLES})


class ProfileError(ValueError):
    """The profile does not exist or is no profile; the message says which and why."""


@dataclass(frozen=True)
class Waiver:
    """A known deviation that is not held against a server, with its reason.

    `when` is a JSON Schema: the finding is waived where it allows the event's or the body's JSON. Without it all
    findings of the requirement are.
    """

    requirement: str
    reason: str
    when: Mapping[str, Any] | None = None

    def covers(self, document: Any) -> bool:
        """Tell whether a finding in this JSON document is waived."""
        return self.when is None or Draft202012Validator(self.when).is_valid(document)


@dataclass(frozen=True)
class Profile:
    """Which level column applies, and the exceptions to it.

    `grade` is `compat` or `strict`. `levels` overrides single requirements; `unexercised` gives the reasons why some
    cannot be exercised, which is then no failure.
    """

    name: str
    title: str
    grade: str = "compat"
    levels: Mapping[str, Level] = field(default_factory=dict)
    unexercised: Mapping[str, str] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()

    def level(self, requirement: Requirement) -> Level:
        """Return the level at which a requirement counts."""
        graded = requirement.strict if self.grade == "strict" else requirement.compat
        return self.levels.get(requirement.id, graded)

    def waiver(self, requirement: str, document: Any) -> Waiver | None:
        """Return the waiver that covers a finding of a requirement in a JSON document."""
        fitting = (waiver for waiver in self.waivers if waiver.requirement == requirement)
        return next((waiver for waiver in fitting if waiver.covers(document)), None)


def packaged() -> list[str]:
    """Return the names of the profiles that come with the suite."""
    return sorted(p.name.removesuffix(".toml") for p in _folder().iterdir() if p.name.endswith(".toml"))


def load(name: str) -> Profile:
    """Read a packaged profile by name, or a file of one's own; raises ProfileError."""
    source = _folder() / f"{name}.toml" if name in packaged() else Path(name)
    try:
        document = tomllib.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        known = ", ".join(packaged())
        raise ProfileError(f"no profile {name!r}: it is none of {known}, nor a readable file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"profile {name!r} is not TOML: {error}") from error
    try:
        profile = _profile(source.name.removesuffix(".toml"), document)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ProfileError(f"profile {name!r}: {type(error).__name__} at {error}") from error
    if unknown := sorted(document.keys() - KEYS):
        raise ProfileError(f"profile {name!r} has {unknown[0]!r}: it may have {', '.join(sorted(KEYS))}")
    if strange := _unknown(row["id"] for table in TABLES for row in document.get(table, ())):
        raise ProfileError(f"profile {name!r} names {strange!r}, which is no requirement: `conformance list` shows all")
    return profile


def _folder() -> Any:
    return files("conformance") / "profiles"


def _unknown(ids: Iterable[str]) -> str | None:
    """Return the first id that no requirement has."""
    import conformance.requirements  # noqa: F401 - fills the registry

    return next((name for name in ids if name not in REGISTRY.requirements), None)


def _profile(name: str, document: dict[str, Any]) -> Profile:
    grade = document.get("grade", "compat")
    if grade not in ("compat", "strict"):
        raise ValueError(f"grade {grade!r}, which is neither compat nor strict")
    return Profile(
        name=name,
        title=str(document.get("title", name)),
        grade=grade,
        levels={str(row["id"]): Level[str(row["level"]).upper()] for row in document.get("level", ())},
        unexercised={str(row["id"]): _reason(row) for row in document.get("unexercised", ())},
        waivers=tuple(_waiver(row) for row in document.get("waiver", ())),
    )


def _waiver(row: dict[str, Any]) -> Waiver:
    if (when := row.get("when")) is not None:
        try:
            Draft202012Validator.check_schema(when)
        except SchemaError as error:
            raise ValueError(f"the waiver of {row['id']}: {error.message}") from error
    return Waiver(str(row["id"]), _reason(row), when)


def _reason(row: dict[str, Any]) -> str:
    if not (reason := str(row["reason"]).strip()):
        raise ValueError(f"{row['id']}, which is without a reason")
    return reason

"""Profiles: at which level each requirement counts for a kind of server."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from conformance.requirement import Requirement
from conformance.warrant import Level


class ProfileError(ValueError):
    """The profile does not exist or is no profile; the message says which and why."""


@dataclass(frozen=True)
class Profile:
    """Which level column applies, and the exceptions to it.

    `grade` is `compat` or `strict`. `levels` overrides single requirements; `unexercised` gives the reasons why some
    cannot be exercised.
    """

    name: str
    title: str
    grade: str = "compat"
    levels: Mapping[str, Level] = field(default_factory=dict)
    unexercised: Mapping[str, str] = field(default_factory=dict)

    def level(self, requirement: Requirement) -> Level:
        """Return the level at which a requirement counts."""
        graded = requirement.strict if self.grade == "strict" else requirement.compat
        return self.levels.get(requirement.id, graded)


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
        return _profile(source.name.removesuffix(".toml"), document)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ProfileError(f"profile {name!r}: {type(error).__name__} at {error}") from error


def _folder() -> Any:
    return files("conformance") / "profiles"


def _profile(name: str, document: dict[str, Any]) -> Profile:
    grade = document.get("grade", "compat")
    if grade not in ("compat", "strict"):
        raise ValueError(f"grade {grade!r}, which is neither compat nor strict")
    return Profile(
        name=name,
        title=str(document.get("title", name)),
        grade=grade,
        levels={str(row["id"]): Level[str(row["level"]).upper()] for row in document.get("level", ())},
        unexercised={str(row["id"]): str(row["reason"]) for row in document.get("unexercised", ())},
    )

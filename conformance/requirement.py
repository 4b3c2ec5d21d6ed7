"""Requirements: one sentence, one warrant, one small pure function each; and the faults that prove them.

    @must("done-once", docs("chat-streaming", "a stream ends with one [DONE]"))
    def done_once(stream: Stream) -> Findings:
        \"\"\"The marker comes exactly once.\"\"\"
        for event in stream.markers[1:]:
            yield event, "no second marker", "[DONE]"

The type of the parameter is the quantifier: the function is called for every such subject of every transcript.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from conformance.place import Place, Where
from conformance.transcript import Transcript
from conformance.warrant import Level, Warrant, compat_ceiling, strict_ceiling

__all__ = ["Check", "Findings", "Place", "Requirement", "Where", "fault", "must", "observe", "should"]

ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")


class Quantifier(Protocol):
    """What a requirement ranges over: the class of a view, or a set of places in a schema."""

    def among(self, transcripts: Sequence[Transcript]) -> Iterable[Any]:
        """Return all subjects of the transcripts."""


Findings: TypeAlias = Iterator[tuple[Place, str, str]]
Check: TypeAlias = Callable[[Any], Findings]


class DeclarationError(TypeError):
    """A requirement or fault is declared wrongly; raised at import."""


@dataclass(frozen=True)
class Requirement:
    """One testable statement.

    `strict` and `compat` are its levels under these profiles. `needs` names request features without which it cannot
    be exercised. `why` is the rest of the docstring. `subject` is the view it quantifies over.
    """

    id: str
    family: str
    statement: str
    why: str
    strict: Level
    compat: Level
    warrants: tuple[Warrant, ...]
    needs: frozenset[str]
    subject: Quantifier
    check: Check
    since: str = "2026.12"

    def __post_init__(self) -> None:
        """Refuse an id, a sentence or a level that breaks the conventions."""
        if not ID.fullmatch(self.id):
            raise DeclarationError(f"{self.id!r} is not kebab-case")
        if not self.statement.endswith("."):
            raise DeclarationError(f"{self.id}: the statement is a sentence: {self.statement!r}")
        if self.strict > strict_ceiling(self.warrants):
            raise DeclarationError(f"{self.id}: {self.strict.name} is more than its warrants carry")
        if not hasattr(self.subject, "among"):
            raise DeclarationError(f"{self.id}: {self.subject!r} is no view")


@dataclass(frozen=True)
class Fault:
    """A way to spoil a correct transcript, and the requirements that must notice: these and no others.

    `beside` names further goldens that are judged together with the spoilt one.
    """

    name: str
    golden: str
    trips: frozenset[str]
    apply: Callable[[Transcript], Transcript]
    beside: tuple[str, ...] = ()

    @property
    def statement(self) -> str:
        """Return what the fault does, in one sentence."""
        return (inspect.getdoc(self.apply) or "").partition("\n\n")[0].replace("\n", " ")


@dataclass
class Registry:
    """All requirements, in report order, and all faults."""

    requirements: dict[str, Requirement] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)

    def add(self, requirement: Requirement) -> None:
        """Register a requirement; an id that is a prefix of another would confuse --deselect."""
        for other in self.requirements:
            if other.startswith(requirement.id) or requirement.id.startswith(other):
                raise DeclarationError(f"{requirement.id} and {other}: one is a prefix of the other")
        self.requirements[requirement.id] = requirement

    def add_fault(self, fault: Fault) -> None:
        """Register a fault under its name."""
        if fault.name in self.faults:
            raise DeclarationError(f"two faults are called {fault.name}")
        if not fault.statement:
            raise DeclarationError(f"fault {fault.name}: the docstring says what it does")
        self.faults[fault.name] = fault

    def arrange(self, families: Sequence[str]) -> None:
        """Sort the requirements by family; within one they keep the order of their declaration."""
        ordered = sorted(self.requirements.values(), key=lambda requirement: families.index(requirement.family))
        self.requirements = {requirement.id: requirement for requirement in ordered}


REGISTRY = Registry()


def must(id: str, *warrants: Warrant, needs: str = "", compat: Level | None = None) -> Callable[[Check], Check]:  # noqa: A002
    """Declare a requirement that fails a server which claims to be OpenAI.

    `needs`: features of the request, separated by blanks. `compat`: a level for the compat profile below what the
    warrants carry, where a table of the catalogue grades it so.
    """
    return _declare(id, Level.MUST, warrants, needs, compat)


def should(id: str, *warrants: Warrant, needs: str = "", compat: Level | None = None) -> Callable[[Check], Check]:  # noqa: A002
    """Declare a requirement whose findings are advice."""
    return _declare(id, Level.SHOULD, warrants, needs, compat)


def observe(id: str, *warrants: Warrant, needs: str = "") -> Callable[[Check], Check]:  # noqa: A002
    """Declare a fact worth reporting, which is never held against a server."""
    return _declare(id, Level.OBSERVE, warrants, needs, None)


def fault(
    name: str, *, golden: str, trips: set[str], beside: tuple[str, ...] = ()
) -> Callable[[Callable[[Transcript], Transcript]], Callable[[Transcript], Transcript]]:
    """Declare a fault: a pure function from a golden transcript to a spoilt one."""

    def register(apply: Callable[[Transcript], Transcript]) -> Callable[[Transcript], Transcript]:
        REGISTRY.add_fault(Fault(name, golden, frozenset(trips), apply, beside))
        return apply

    return register


def levels(declared: Level, warrants: tuple[Warrant, ...], compat: Level | None) -> tuple[Level, Level]:
    """Return the strict and the compat level of a declaration."""
    ceiling = min(declared, compat_ceiling(warrants))
    if compat is not None and compat >= ceiling:
        raise DeclarationError(f"compat={compat.name} changes nothing: the warrants carry {ceiling.name}")
    return declared, ceiling if compat is None else compat


def _declare(
    id: str,  # noqa: A002
    level: Level,
    warrants: tuple[Warrant, ...],
    needs: str,
    compat: Level | None,
) -> Callable[[Check], Check]:
    def register(check: Check) -> Check:
        statement, _, why = (inspect.getdoc(check) or "").partition("\n\n")
        strict_level, compat_level = levels(level, warrants, compat)
        REGISTRY.add(
            Requirement(
                id=id,
                family=check.__module__.rpartition(".")[2],
                statement=statement.replace("\n", " "),
                why=why,
                strict=strict_level,
                compat=compat_level,
                warrants=warrants,
                needs=frozenset(needs.split()),
                subject=_subject(id, check),
                check=check,
            )
        )
        return check

    return register


def _subject(id: str, check: Check) -> Quantifier:  # noqa: A002
    """Return the type of the only parameter."""
    try:
        hints = typing.get_type_hints(check)
    except NameError as error:
        raise DeclarationError(f"{id}: {error}") from error
    parameters = list(inspect.signature(check).parameters)
    if len(parameters) != 1 or parameters[0] not in hints:
        raise DeclarationError(f"{id}: a requirement has one parameter, and its type is a view")
    return typing.cast("Quantifier", hints[parameters[0]])

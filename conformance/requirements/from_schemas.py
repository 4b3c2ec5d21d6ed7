"""Requirements and faults that stand in the schemas: a place, a sentence, and a value that must not be there."""

from __future__ import annotations

from typing import Any

from conformance import mutation, warrant
from conformance.requirement import REGISTRY, Fault, Findings, Requirement, levels
from conformance.schema import WIRE_OBJECTS, annotated
from conformance.transcript import Transcript
from conformance.views.instance import Instances, Visited
from conformance.warrant import Level, Warrant


def _warrants(note: dict[str, Any]) -> tuple[Warrant, ...]:
    """Read `["schema", "Name.property", 123]` as a call of the function of that name."""
    return tuple(getattr(warrant, kind)(*arguments) for kind, *arguments in note["warrants"])


def _check(visited: Visited) -> Findings:
    for wrong in visited.wrong:
        if wrong.error:
            yield wrong, wrong.error.expected, wrong.error.actual


def _spoil(where: dict[str, Any]) -> Fault:
    pointer, number = where["pointer"], where.get("chunk")

    def edit(value: Any) -> Any:
        if where.get("missing"):
            return mutation.remove_at(value, pointer)
        return mutation.set_at(value, pointer, where["value"])

    def apply(transcript: Transcript) -> Transcript:
        if number is None:
            return mutation.edit_json(transcript, edit)
        return mutation.edit_chunk(transcript, number, edit)

    place = f"{pointer or 'the body'} of {'the answer' if number is None else f'chunk {number}'}"
    apply.__doc__ = f"{place} is missing." if where.get("missing") else f"{place} is {where['value']!r}."
    return Fault(where["name"], where["golden"], frozenset({where["trips"]}), apply)


def _register() -> None:
    found: dict[str, tuple[dict[str, Any], str]] = {}
    for name in WIRE_OBJECTS:
        for key, annotation in annotated(name).items():
            found[key] = annotation.document, annotation.family
    for key, (note, family) in found.items():
        warrants = _warrants(note)
        declared = Level[note["level"].upper()] if "level" in note else warrant.strict_ceiling(warrants)
        compat = Level[note["compat"].upper()] if "compat" in note else None
        strict_level, compat_level = levels(declared, warrants, compat)
        REGISTRY.add(
            Requirement(
                id=key,
                family=family,
                statement=note["statement"],
                why=note.get("why", ""),
                strict=strict_level,
                compat=compat_level,
                warrants=warrants,
                needs=frozenset(note.get("needs", "").split()),
                subject=Instances(key),
                check=_check,
            )
        )
        spoiled = note["fault"] | {"name": note["fault"].get("name", f"{key}-spoilt"), "trips": key}
        REGISTRY.add_fault(_spoil(spoiled))


_register()

"""Serves a fault by name: the correct answers, one of them spoilt."""

import difflib
from collections.abc import Sequence

import conformance.requirements  # noqa: F401 - fills the registry
from conformance import goldens
from conformance.requirement import REGISTRY
from conformance.transcript import Transcript
from reference_server.replay import run


class UnknownFaultError(LookupError):
    """There is no such fault; the message names similar ones."""


def serve(name: str, *, host: str, port: int) -> None:
    """Serve a fault until a signal comes; raises UnknownFaultError, and what `bind` raises."""
    run(transcripts(name), name=f"the fault {name}", host=host, port=port)


def transcripts(name: str) -> Sequence[Transcript]:
    """Return all goldens, with the one that the fault spoils first; raises UnknownFaultError."""
    fault = REGISTRY.faults.get(name)
    if fault is None:
        similar = difflib.get_close_matches(name, REGISTRY.faults, 3, 0.5)
        hint = f"did you mean {' or '.join(similar)}" if similar else "`fault --list` names them all"
        raise UnknownFaultError(f"no fault {name!r}: {hint}")
    if fault.golden not in goldens.names():
        raise UnknownFaultError(f"the golden {fault.golden!r} that {name} spoils is missing")
    spoilt = fault.apply(goldens.load(fault.golden))
    return [spoilt, *(goldens.load(other) for other in goldens.names() if other != fault.golden)]


def listing() -> str:
    """Return a line a fault: its name and what it does."""
    width = max(map(len, REGISTRY.faults), default=0)
    return "\n".join(f"{name:<{width}}  {fault.statement}" for name, fault in sorted(REGISTRY.faults.items()))

"""`conformance explain`: one requirement, with what speaks for it and the bytes that break it."""

from __future__ import annotations

import difflib
import sys
import textwrap
from collections.abc import Iterator

from conformance.cli.bytes_diff import difference
from conformance.cli.lint import all_requirements
from conformance.goldens import load
from conformance.profile import Profile
from conformance.report.escape import visible
from conformance.requirement import REGISTRY, Requirement
from conformance.warrant import Warrant

WIDTH = 100
UNKNOWN_ID = 2


def explain(name: str, profile: Profile) -> int:
    """Print all about a requirement, and return the exit code; a typo gets the ids that are near."""
    known = {requirement.id: requirement for requirement in all_requirements()}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=4, cutoff=0.5)
        near += [other for other in known if name and name in other and other not in near][: 6 - len(near)]
        hint = f"; did you mean {', '.join(near)}?" if near else "; `conformance list` names them all"
        sys.stderr.write(f"conformance: no requirement {visible(name)!r}{hint}\n")
        return UNKNOWN_ID
    sys.stdout.writelines(f"{line}\n" for line in _lines(known[name], profile))
    return 0


def _lines(requirement: Requirement, profile: Profile) -> Iterator[str]:
    yield requirement.id
    yield ""
    yield from textwrap.wrap(requirement.statement, WIDTH)
    for paragraph in filter(None, requirement.why.split("\n\n")):
        yield ""
        yield from textwrap.wrap(paragraph, WIDTH)
    yield ""
    yield f"level    {profile.level(requirement).name} under {profile.name}" + (
        f" (strict {requirement.strict.name}, compat {requirement.compat.name})"
    )
    yield f"family   {requirement.family}"
    if requirement.needs:
        yield f"needs    {', '.join(sorted(requirement.needs))}"
    yield f"since    {requirement.since}"
    for title, kinds in (("Sources", ()), ("Who breaks", ("break",)), ("Public reports", ("bug",))):
        warrants = [w for w in requirement.warrants if (w.kind in kinds if kinds else w.kind not in ("break", "bug"))]
        if warrants:
            yield from ("", f"{title}:")
            for warrant in warrants:
                yield from _warrant(warrant)
    for fault in REGISTRY.faults.values():
        if requirement.id in fault.trips:
            golden = load(fault.golden)
            yield from ("", f"Fault {fault.name}: {fault.statement}")
            yield from difference(golden, fault.apply(golden))


def _warrant(warrant: Warrant) -> Iterator[str]:
    text = str(warrant) if warrant.kind != "bug" else warrant.url
    effect = f" ({warrant.effect})" if warrant.effect else ""
    yield from textwrap.wrap(
        f"{text}{effect}", WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
    )
    if warrant.url and warrant.kind != "bug":
        yield f"    {warrant.url}"

"""A fault served over a wire and recorded trips what it trips as a file: replaying and recording lose nothing."""

import asyncio
import math

import pytest

import conformance.requirements  # noqa: F401 - fills the registry
from conformance import goldens
from conformance.judge import judge
from conformance.probe import Probe
from conformance.profile import load
from conformance.record import Limits, Recorder
from conformance.requirement import REGISTRY
from conformance.target import Target
from reference_server import faults
from reference_server.listening import bind, url
from reference_server.replay import listen

# A recording holds the body without its coding, so it cannot be put back on the wire under that header.
LOST = {"http-gzip-unasked"}
# Nor is there time to wait for what comes late: these are played at once.
LOST |= {name for name, fault in REGISTRY.faults.items() if any(each.startswith("time-") for each in fault.trips)}
STRICT = load("strict")
SPOILT = {
    name: fault.apply(goldens.load(fault.golden))
    for name, fault in REGISTRY.faults.items()
    if fault.golden in goldens.names() and name not in LOST
}


def tripped(transcript):
    verdicts = judge(REGISTRY.requirements.values(), [transcript], STRICT)
    return {verdict.requirement.id for verdict in verdicts if verdict.findings}


def probe_of(transcript):
    """Return the probe that makes the recorded request again."""
    request = transcript.request
    return Probe(
        transcript.probe,
        path=request.path.removeprefix("/v1"),
        method=request.method,
        json=request.json,
        text=request.text,
        group=transcript.group,
        fixed_model=True,
        headers=request.headers,
        literal=True,
    )


async def recorded_again(transcript):
    listener = bind("127.0.0.1", 0)
    server = await listen([transcript], listener, speed=math.inf)
    recorder = Recorder(Target(url=url(listener), model="m"), Limits(idle=0.5, total=5))
    [again] = await recorder.record([probe_of(transcript)])
    server.close()
    return again


async def in_turn():
    return {name: await recorded_again(transcript) for name, transcript in SPOILT.items()}


def test_every_fault_survives_the_wire():
    for name, again in asyncio.run(in_turn()).items():
        assert (name, again.body(), again.ending.kind) == (name, SPOILT[name].body(), SPOILT[name].ending.kind)
        assert (name, tripped(again)) == (name, tripped(SPOILT[name]))


def test_a_served_fault_stands_in_the_place_of_its_golden():
    name = next(iter(SPOILT))
    spoilt, *others = faults.transcripts(name)
    assert spoilt.body() == SPOILT[name].body()
    golden = REGISTRY.faults[name].golden
    assert [t.probe for t in others] == [other for other in goldens.names() if other != golden]


def test_an_unknown_fault_is_refused_with_the_names_of_similar_ones():
    name = next(iter(REGISTRY.faults))
    with pytest.raises(faults.UnknownFaultError, match=f"did you mean.*{name}"):
        faults.transcripts(f"{name}x")
    with pytest.raises(faults.UnknownFaultError, match="fault --list"):
        faults.transcripts("=?")


def test_the_listing_says_what_each_fault_does():
    listing = faults.listing().splitlines()
    assert len(listing) == len(REGISTRY.faults)
    assert all("  " in line for line in listing)

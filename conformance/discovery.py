"""The model to ask: what the answer to GET /models says, and what to tell a user when it says nothing."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

from conformance.json_text import parse_bytes, show
from conformance.probes.models import LIST
from conformance.record import NO_ANSWER, NO_CONNECTION, Limits, Recorder
from conformance.target import Target, TargetError
from conformance.transcript import Transcript

MAX_LISTED = 20
LOADING = 1.0  # seconds between two looks at a server that is loading its model
FIRST = 30.0  # seconds within which any server can say which models it has


@dataclass(frozen=True)
class Discovery:
    """A target that answers, with the model to ask, and what the questions said and cost."""

    target: Target
    transcript: Transcript
    requests: int


async def discover(target: Target, limits: Limits) -> Discovery:
    """Ask for the model list, under /v1 and without; raises TargetError where there is nothing to examine."""
    found: list[Discovery] = []
    requests = 0
    for candidate in target.alternatives():
        recorder = Recorder(candidate, replace(limits, retries=0, first=min(FIRST, limits.first)))
        transcript = await _ready(recorder, limits.total)
        requests += recorder.requests
        if transcript.status is None:
            raise TargetError(unreachable(transcript, candidate.label))
        found.append(Discovery(candidate, transcript, requests))
        if models(transcript) is not None:
            break
    best = found[-1] if models(found[-1].transcript) is not None else found[0]
    model = target.model or choose(best.transcript, best.target.label)
    return Discovery(replace(best.target, model=model), best.transcript, requests)


async def _ready(recorder: Recorder, patience: float) -> Transcript:
    """Return the model list of a server that may still be loading, for which 503 is the usual word."""
    deadline = time.monotonic() + patience
    while True:
        (transcript,) = await recorder.record([LIST])
        if transcript.status != 503 or time.monotonic() > deadline:
            return transcript
        await asyncio.sleep(LOADING)


def models(transcript: Transcript) -> list[str] | None:
    """Return the model ids of a model list, None where the answer is none.

    A bare array, and `models` instead of `data`, are read too: whether that is right is for the requirements to say.
    """
    if transcript.status is None or not 200 <= transcript.status < 300:
        return None
    value = parse_bytes(transcript.body()).value
    if isinstance(value, dict):
        value = next((value[key] for key in ("data", "models") if isinstance(value.get(key), list)), None)
    if not isinstance(value, list):
        return None
    entries = [entry if isinstance(entry, dict) else {"id": entry} for entry in value]
    ids = [entry.get("id", entry.get("name")) for entry in entries]
    return list(dict.fromkeys(name for name in ids if isinstance(name, str) and name))


def choose(transcript: Transcript, label: str) -> str:
    """Return the only model of a model list; raises TargetError with the way out where there is not one."""
    found = models(transcript)
    if found and len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(found[:MAX_LISTED]) + (f" and {len(found) - MAX_LISTED} more" * (len(found) > MAX_LISTED))
        raise TargetError(f"{label} has {len(found)} models: {listed}; choose one, as in --target-model={found[0]}")
    if found == []:
        raise TargetError(f"{label} lists no model: name one with --target-model=NAME")
    raise TargetError(_why_unreadable(transcript, label))


def unreachable(transcript: Transcript, label: str) -> str:
    """Return one line that says why no answer came at all, and what to do."""
    detail = transcript.ending.detail or transcript.ending.kind
    low = detail.lower()
    if label.startswith("https:") and any(word in low for word in ("wrong_version", "wrong version", "record layer")):
        return f"{label} speaks plain http: use --target-url={label.replace('https', 'http', 1)}"
    if "certificate" in low:
        return f"{label}: {detail}; name the certificate of its authority with --target-ca=FILE"
    if detail.startswith((NO_CONNECTION, NO_ANSWER)):
        return f"{label}: {detail}; check that the server is running, and its scheme, host and port"
    return f"{label} does not answer in HTTP ({detail}); is this its scheme and port?"


def _why_unreadable(transcript: Transcript, label: str) -> str:
    """Return why an answer is no model list, and what to do."""
    status, body = transcript.status, transcript.body()
    kind = (transcript.header("content-type") or "").partition(";")[0]
    asked, way_out = f"{label}: the model list", "name the model with --target-model=NAME"
    if status in (401, 403):
        way_out = "put the API key into the environment variable TARGET_API_KEY, or name one with --target-api-key-env"
        return f"{asked} is refused with status {status}; {way_out}"
    if status is not None and 300 <= status < 400:
        return f"{asked} redirects with status {status}, which is not followed; give the final address as --target-url"
    if kind == "text/html" or body[:200].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return f"{asked} is HTML instead of JSON (status {status}); is this the base URL of the API?"
    if transcript.ending.kind != "eof":
        return f"{asked} breaks off ({transcript.ending.detail or transcript.ending.kind}); {way_out}"
    return f"{asked} is none (status {status}, {show(body[:60].decode('utf-8', 'replace'))}); {way_out}"

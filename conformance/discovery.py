"""Whether a target can be examined at all: it answers, there is a model to ask, and the key is right.

Where it can't, one line says why and what to do.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

from conformance.json_text import parse_bytes, show
from conformance.probe import Probe
from conformance.probes.models import LIST
from conformance.record import NO_ANSWER, NO_CONNECTION, Limits, Recorder
from conformance.target import KEY_HINT, Target, TargetError
from conformance.transcript import Transcript

MAX_LISTED = 20  # models in a message
LOADING = 1.0  # seconds between two looks at a server that is loading its model
FIRST = 30.0  # seconds within which any server can say which models it has


@dataclass(frozen=True)
class Discovery:
    """A target that answers: the recorder to go on with, and the transcripts so far, which need no second asking."""

    recorder: Recorder
    transcripts: tuple[Transcript, ...]

    @property
    def target(self) -> Target:
        """Return the target under the spelling of its base URL that answers, and with its model."""
        return self.recorder.target


async def discover(target: Target, limits: Limits, first: Probe | None = None) -> Discovery:
    """Ask for the model list, under /v1 and without, and then the first probe.

    Raises TargetError where there is nothing to examine: no answer, no model, a model or a key that is refused.
    """
    asked: list[tuple[Target, Transcript]] = []
    requests = 0
    for candidate in target.alternatives():
        recorder = Recorder(candidate, replace(limits, retries=0, first=min(FIRST, limits.first)))
        transcript = await _ready(recorder, limits.total)
        requests += recorder.requests
        if transcript.status is None:
            raise TargetError(unreachable(transcript, candidate.label))
        asked.append((candidate, transcript))
        if models(transcript) is not None:
            break
    best, transcript = asked[-1] if models(asked[-1][1]) is not None else asked[0]
    best = replace(best, model=target.model or choose(transcript, best.label))
    recorder = Recorder(best, limits, requests=requests)
    if first is None:
        return Discovery(recorder, (transcript,))
    (answer,) = await recorder.record([first])
    if words := objection(answer, best, models(transcript)):
        raise TargetError(words)
    return Discovery(recorder, (transcript, answer))


async def _ready(recorder: Recorder, patience: float) -> Transcript:
    """Return the model list of a server that may still be loading, for which 503 is the usual word."""
    deadline = time.monotonic() + patience
    while True:
        (transcript,) = await recorder.record([LIST])
        if transcript.status != 503 or time.monotonic() > deadline:
            return transcript
        await asyncio.sleep(LOADING)


def objection(answer: Transcript, target: Target, known: list[str] | None) -> str:
    """Return why the answer to an ordinary request shows that no request can succeed, "" where it doesn't."""
    status = answer.status or 0
    words = f"{target.label}: a chat request is refused with status {status} ({show(_message(answer), 120)})"
    if status in (401, 403):
        return f"{words}; {KEY_HINT}"
    if status in (400, 404, 422) and target.model not in (known or ()) and "model" in _message(answer).lower():
        there = f"it has {listed(known)}" if known else "it lists none"
        return f"{words}; is --target-model={target.model} right? {there}"
    if status in (404, 405) and known is None:
        return f"{words}, and there is no model list; is this the base URL of the API?"
    return ""


def _message(answer: Transcript) -> str:
    """Return the words of a refusal."""
    value = parse_bytes(answer.body()).value
    error = value.get("error", value) if isinstance(value, dict) else value
    message = error.get("message", error) if isinstance(error, dict) else error
    return message if isinstance(message, str) else answer.body()[:500].decode("utf-8", "replace")


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
        raise TargetError(
            f"{label} has {len(found)} models: {listed(found)}; choose one, as in --target-model={found[0]}"
        )
    if found == []:
        raise TargetError(f"{label} lists no model: name one with --target-model=NAME")
    raise TargetError(_why_unreadable(transcript, label))


def listed(names: list[str]) -> str:
    """Return the names on one line, not too many."""
    return ", ".join(names[:MAX_LISTED]) + (f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else "")


def _why_unreadable(transcript: Transcript, label: str) -> str:
    """Return why an answer is no model list, and what to do."""
    status, body = transcript.status, transcript.body()
    kind = (transcript.header("content-type") or "").partition(";")[0]
    asked, way_out = f"{label}: the model list", "name the model with --target-model=NAME"
    if status in (401, 403):
        return f"{asked} is refused with status {status}; {KEY_HINT}"
    if status is not None and 300 <= status < 400:
        return f"{asked} redirects with status {status}, which is not followed; give the final address as --target-url"
    if kind == "text/html" or body[:200].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return f"{asked} is HTML instead of JSON (status {status}); is this the base URL of the API?"
    if transcript.ending.kind != "eof":
        return f"{asked} breaks off ({transcript.ending.detail or transcript.ending.kind}); {way_out}"
    return f"{asked} is none (status {status}, {show(body[:60].decode('utf-8', 'replace'))}); {way_out}"

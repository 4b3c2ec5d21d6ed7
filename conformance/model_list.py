"""The model to ask: what the answer to GET /models says, and what to tell a user when it says nothing."""

from __future__ import annotations

from conformance.json_text import parse_bytes, show
from conformance.target import KEY_HINT, TargetError
from conformance.transcript import Transcript

MAX_LISTED = 20


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

"""Single exchanges as JSON: what one object, or one line of a file of lines, is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from conformance import shapes
from conformance.exchange import LIMIT, Exchange, ExchangeError, NoBodyError, Source, from_bytes, from_json
from conformance.reading.found import Batch, Item, Skipped, Tally, Trouble
from conformance.transcript import FORMAT, Transcript, TranscriptError

TOO_LONG = f"more than {LIMIT >> 20} MiB, the limit for one exchange"
OURS = "openai-conformance/"
Line = tuple[int, bytes | None]  # number and text, None where it is too long to keep


def parsed(text: bytes) -> Any:
    """Return the value of a JSON text; raises ValueError, in words of one line, where it is none."""
    try:
        return json.loads(text.removeprefix(b"\xef\xbb\xbf"))
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"invalid UTF-8 at byte {error.start}") from error


def is_exchange(value: Any) -> bool:
    """Tell whether a JSON value is an exchange, its body kept or not, rather than a body."""
    if not isinstance(value, dict):
        return False
    nested = (value.get(key) for key in ("wire", "response"))
    return (
        "body" in value
        or "body_base64" in value
        or ("status" in value and "request" in value)
        or any(isinstance(part, dict) and "status" in part and "object" not in part for part in nested)
        or isinstance(value.get("wire"), dict)
    )


def transcript_of(value: dict[str, Any], text: bytes, default_endpoint: str) -> Transcript:
    """Return the transcript of an object: one of ours, an exchange, or a bare body. Raises ExchangeError."""
    form = value.get("format")
    if form == FORMAT:
        try:
            return Transcript.from_json(value)
        except TranscriptError as error:
            raise ExchangeError(str(error)) from error
    if isinstance(form, str) and form.startswith(OURS):
        raise ExchangeError(f"a document of ours, but no transcript: {form[:60]!r}")
    if is_exchange(value):
        return from_json(value, default_endpoint=default_endpoint)
    if value.get("object") == "chat.completion.chunk":
        raise ExchangeError("a chunk without its stream")
    if default_endpoint or "error" in value or shapes.value(value) != shapes.UNKNOWN:
        return from_bytes(text, default_endpoint=default_endpoint)
    raise ExchangeError("neither an exchange nor an answer of a known endpoint (--endpoint names it)")


def read_rows(lines: Iterable[Line], name: str, default_endpoint: str) -> Iterator[Item]:
    """Yield the exchange of each line, then what was wrong with others."""
    broken, left_out, judged = Tally(name, "line"), Tally(name, "line"), 0
    for number, line in lines:
        if line is not None and not line.strip():
            continue
        place = f"line {number}"
        if line is None:
            broken.add(TOO_LONG, place)
            continue
        try:
            value = parsed(line)
            if not isinstance(value, dict):
                raise ExchangeError("no JSON object")
            transcript = transcript_of(value, line.rstrip(b"\r\n"), default_endpoint)
        except NoBodyError as error:
            left_out.add(str(error), place)
        except ExchangeError as error:
            broken.add(str(error), place)
        except ValueError as error:
            broken.add(f"not JSON: {error}", place)
        else:
            judged += 1
            yield Batch((Exchange(_id(value, f"{name}:{number}"), transcript, Source(name, number)),))
    if broken.first:
        yield Trouble(name, broken.words())
    elif not judged:
        yield Trouble(name, f"nothing to judge: {left_out.words()}")
    if left_out.first and (judged or broken.first):
        yield Skipped(name, left_out.words())


def _id(value: dict[str, Any], default: str) -> str:
    """Return the id of a row; without one, the name of its case, or its place."""
    if is_exchange(value):
        for key in ("id", "case"):
            if isinstance(value.get(key), str | int):
                return str(value[key])
    return default


def exchange_of(value: dict[str, Any], text: bytes, name: str, default_endpoint: str) -> Exchange:
    """Return the exchange that a whole file is; raises ExchangeError."""
    found = transcript_of(value, text, default_endpoint)
    verbatim = value.get("format") != FORMAT and not is_exchange(value)
    return Exchange(_id(value, name), found, Source(name, offset=0 if verbatim else None))

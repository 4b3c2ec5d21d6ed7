"""One file, recognised by its content and never by its name."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO

from conformance import shapes
from conformance.exchange import LIMIT, Exchange, ExchangeError, Source, from_bytes
from conformance.reading import curl, har, rows
from conformance.reading.found import Batch, Item, Trouble
from conformance.transcript import FORMAT

GZIP = b"\x1f\x8b"
KINDS = "a server-sent event stream, curl -i output, a transcript, HAR, exchanges, or a JSON answer"
_FIELD = re.compile(rb"^(?:data|event|id|retry):", re.MULTILINE)
_OBJECT = re.compile(rb'"object"\s*:\s*"(?:chat\.completion|text_completion|embedding|model|list|response)')
_SEARCHED = 1 << 16


def read_stream(file: BinaryIO, name: str, default_endpoint: str = "") -> Iterator[Item]:
    """Yield what is in a file, compressed or not; a file that breaks off gives what came before, and a trouble."""
    buffered = file if isinstance(file, io.BufferedReader) else io.BufferedReader(_raw(file))
    try:
        if buffered.peek(2)[:2] == GZIP:
            with gzip.open(buffered) as unpacked:
                yield from _recognised(io.BufferedReader(_raw(unpacked)), name, default_endpoint)
        else:
            yield from _recognised(buffered, name, default_endpoint)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        yield Trouble(name, f"broken gzip: {str(error).rstrip('.')}")
    except OSError as error:
        yield Trouble(name, error.strerror or str(error))


def _raw(file: Any) -> Any:
    """Return the file: everything with `readinto` can be buffered, whatever its type says."""
    return file


def _lines(file: BinaryIO) -> Iterator[rows.Line]:
    """Yield the lines with their numbers; of one that is too long nothing is kept."""
    number = 0
    while line := file.readline(LIMIT + 1):
        number += 1
        if len(line) <= LIMIT:
            yield number, line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(1 << 20)
        yield number, None


def _recognised(file: BinaryIO, name: str, endpoint: str) -> Iterator[Item]:
    lines = _lines(file)
    held = [*_to_next_text(lines)]
    first = held[-1][1] if held else b""
    if first == b"" or (first is not None and not first.strip()):
        yield Trouble(name, "empty")
        return
    if first is None or first.lstrip(b"\xef\xbb\xbf \t").startswith(b"{"):
        more = [*_to_next_text(lines)]
        if more and _are_rows(first, more[-1][1]):
            yield from rows.read_rows(chain(held, more, lines), name, endpoint)
            return
        held += more
    if any(line is None for _, line in held):
        yield Trouble(name, rows.TOO_LONG)
        return
    start = b"".join(line or b"" for _, line in held)
    data = start + file.read(max(0, LIMIT + 1 - len(start)))
    if len(data) > LIMIT:
        yield Trouble(name, rows.TOO_LONG)
    else:
        yield from _whole(data, name, endpoint)


def _to_next_text(lines: Iterator[rows.Line]) -> Iterator[rows.Line]:
    """Yield lines up to the next that is not blank."""
    for number, line in lines:
        yield number, line
        if line is None or line.strip():
            return


def _are_rows(first: bytes | None, second: bytes | None) -> bool:
    """Tell whether a file is an object a line, by two of them, of which one may be spoilt."""
    if first is not None and _is_object(first):
        return second is None or second.lstrip().startswith(b"{")
    return second is not None and _is_object(second)


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(rows.parsed(line), dict)
    except ValueError:
        return False


def _whole(data: bytes, name: str, endpoint: str) -> Iterator[Item]:
    """Yield what the bytes of a whole file are."""
    try:
        if curl.begins_with_head(data):
            yield _curl(data, name, endpoint)
        elif data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
            yield from _json(data, name, endpoint)
        else:
            yield _other(data, name, endpoint)
    except ExchangeError as error:
        yield Trouble(name, str(error))


def _curl(data: bytes, name: str, endpoint: str) -> Item:
    head = curl.final_head(data)
    if head is None:
        return Trouble(name, "the head of an answer without the blank line that ends it")
    transcript = curl.transcript(data, head, default_endpoint=endpoint)
    return Batch((Exchange(name, transcript, Source(name, None, head.stop, data.count(b"\n", 0, head.stop))),))


def _json(data: bytes, name: str, endpoint: str) -> Iterator[Item]:
    try:
        value = rows.parsed(data)
    except ValueError as error:
        yield _broken_json(data, name, endpoint, str(error))
        return
    if har.is_har(value):
        yield from har.read_har(value, name, endpoint)
    elif isinstance(value, list) and value and all(rows.is_exchange(row) for row in value):
        for number, row in enumerate(value, 1):
            found = rows.exchange_of(row, b"", f"{name}#{number}", endpoint)
            yield Batch((Exchange(found.id, found.transcript, Source(name)),))
    elif isinstance(value, dict):
        yield Batch((rows.exchange_of(value, data, name, endpoint),))
    else:
        yield _other(data, name, endpoint)


def _broken_json(data: bytes, name: str, endpoint: str, reason: str) -> Item:
    """Judge what begins like an answer, for that it does not parse is a finding; what is a file of ours is not."""
    start = data[:_SEARCHED]
    if FORMAT.encode() in start[:4096]:
        return Trouble(name, f"a transcript that does not parse: {reason}")
    if b'"log"' in start[:200] and b'"entries"' in start:
        return Trouble(name, f"HAR that does not parse: {reason}")
    if _FIELD.search(start) or _OBJECT.search(start):
        return _other(data, name, endpoint, answer=True)
    return _other(data, name, endpoint) if endpoint else Trouble(name, f"JSON that does not parse: {reason}")


def _other(data: bytes, name: str, endpoint: str, *, answer: bool = False) -> Item:
    """Return a stream, or what else is a body if somebody says so."""
    stream = shapes.looks_like_events(data) or _FIELD.search(data[:_SEARCHED]) is not None
    if b"\0" in data[:_SEARCHED] and not stream:
        return Trouble(name, f"binary, not {KINDS}")
    if not stream and not endpoint and not answer:
        return Trouble(name, f"not {KINDS}")
    transcript = from_bytes(data, default_endpoint=endpoint, stream=stream)
    return Batch((Exchange(name, transcript, Source(name, offset=0)),))

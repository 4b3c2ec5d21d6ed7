"""Content codings: undone for reading, bounded, where a server compresses though it was asked not to."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import replace

from conformance.transcript import Read, Transcript

STEP = 1 << 20
WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


def decoded(transcript: Transcript, limit: int) -> Transcript:
    """Return the transcript with its body decoded, up to a limit of bytes; unchanged where it has no coding.

    Framing and bytes are then no longer known, and with a coding we can't undo the contents are not either.
    """
    coding = (transcript.header("content-encoding") or "").strip().lower()
    if coding in ("", "identity") or not transcript.reads:
        return transcript
    knows = transcript.knows - {"framing", "bytes"}
    if coding not in WINDOWS:
        note = f"the body has the content coding {coding!r}, which we did not ask for and do not undo"
        return replace(transcript, knows=knows - {"chunks", "ids"}, notes=(*transcript.notes, note))
    reads, trouble = list[Read](), ""
    decoder = _Decoder(WINDOWS[coding])
    size = 0
    try:
        for read in transcript.reads:
            for data in decoder.feed(read.data):
                size += len(data)
                if size > limit:
                    raise zlib.error(f"more than {limit} bytes when decoded")
                reads.append(Read(read.at, data))
    except zlib.error as error:
        trouble = f"; it ends early: {error}"
    note = f"the body came with the content coding {coding!r} and was decoded{trouble}"
    ending = transcript.ending
    if trouble and ending.kind == "eof":
        ending = replace(ending, kind="open", detail=f"the {coding} body could not be decoded{trouble[1:]}")
    return replace(transcript, reads=tuple(reads), knows=knows, ending=ending, notes=(*transcript.notes, note))


class _Decoder:
    """A zlib decoder that gives its output in bounded steps, takes several members, and deflate without a header."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._zlib = zlib.decompressobj(window)
        self._head: bytes | None = b""  # what was fed before anything came out: perhaps it has no header

    def feed(self, data: bytes) -> Iterable[bytes]:
        """Decode the next bytes as they came."""
        while data:
            if self._zlib.eof:
                self._zlib = zlib.decompressobj(self._window)
            piece = self._decode(data)
            data = self._zlib.unconsumed_tail or self._zlib.unused_data
            if piece:
                yield piece

    def _decode(self, data: bytes) -> bytes:
        try:
            piece = self._zlib.decompress(data, STEP)
        except zlib.error:
            if self._head is None or self._window != WINDOWS["deflate"]:
                raise
            data, self._head, self._window = self._head + data, None, -self._window
            self._zlib = zlib.decompressobj(self._window)
            return self._zlib.decompress(data, STEP)
        if self._head is not None:
            self._head = None if piece else self._head + data
        return piece

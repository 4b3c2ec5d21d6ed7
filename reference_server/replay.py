"""Puts recorded answers back on a wire: the same bytes in the same pieces, the same pauses, the same end."""

import asyncio
import contextlib
import json
import re
import signal
import socket
import struct
import sys
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Literal, NoReturn

import h11

from conformance.features import endpoint
from conformance.transcript import Read, Transcript
from reference_server.errors import Error
from reference_server.listening import announce, bind
from reference_server.recordings import NoAnswerError, Recordings, read

Framing = Literal["chunked", "length", "close", "none"]

LARGEST_REQUEST = 64 * 1024 * 1024
_PIECE = 65_536
_FRAMING_HEADERS = frozenset({"transfer-encoding", "content-length", "keep-alive", "trailer"})


def serve(files: Iterable[Path], *, host: str, port: int, speed: float = 1.0) -> None:
    """Serve transcript files, or folders of them, until a signal comes.

    `speed` divides the pauses; infinity means none. Raises OSError and TranscriptError for the files, and what `bind`
    raises for the address.
    """
    run(read(files), name="a recording", host=host, port=port, speed=speed)


def run(transcripts: Sequence[Transcript], *, name: str, host: str, port: int, speed: float = 1.0) -> None:
    """Serve transcripts until a signal comes; raises what `bind` raises before it listens."""
    listener = bind(host, port)
    with contextlib.suppress(ValueError):  # in a thread, signals are the caller's business
        signal.signal(signal.SIGTERM, _leave)
    asyncio.run(_run(transcripts, name, listener, speed))


async def listen(transcripts: Sequence[Transcript], listener: socket.socket, *, speed: float = 1.0) -> asyncio.Server:
    """Start to answer on a listening socket from these transcripts."""
    recordings = Recordings(transcripts)
    return await asyncio.start_server(lambda r, w: _Connection(r, w, recordings, speed).run(), sock=listener)


async def _run(transcripts: Sequence[Transcript], name: str, listener: socket.socket, speed: float) -> None:
    server = await listen(transcripts, listener, speed=speed)
    announce(name, listener)
    await server.serve_forever()


@dataclass
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    recordings: Recordings
    speed: float

    async def run(self) -> None:
        """Answer requests until one side closes; whatever the client does, only its own connection ends."""
        self.writer.transport.set_write_buffer_limits(0)  # drain() then waits until the kernel has every byte
        rest, more = b"", True
        try:
            while more:
                try:
                    request, body, rest = await self._request(rest)
                except h11.RemoteProtocolError as error:
                    await self._refuse(f"Bad request: {error}", error.error_status_hint)
                    return
                more = await self._answer(request, body)
        except (OSError, EOFError):
            pass  # the client left
        except asyncio.CancelledError:
            pass  # the server stops; to raise it would only make asyncio complain
        finally:
            self.writer.close()

    async def _request(self, rest: bytes) -> tuple[h11.Request, bytes, bytes]:
        """Read one request, its body, and what was sent behind it."""
        parser, request, body = h11.Connection(h11.SERVER), None, bytearray()
        if rest:
            parser.receive_data(rest)
        while True:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                if parser.they_are_waiting_for_100_continue:
                    await self._send(b"HTTP/1.1 100 Continue\r\n\r\n")
                    parser.send(h11.InformationalResponse(status_code=100, headers=[]))
                data = await self.reader.read(_PIECE)
                if not data and request is None:
                    raise EOFError
                parser.receive_data(data)
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > LARGEST_REQUEST:
                    raise h11.RemoteProtocolError("the body is too large", 413)
            elif isinstance(event, h11.EndOfMessage):
                assert request is not None
                return request, bytes(body), parser.trailing_data[0]
            else:
                raise EOFError

    async def _answer(self, request: h11.Request, body: bytes) -> bool:
        """Answer one request; tell whether the connection can be used again."""
        asked_at = asyncio.get_running_loop().time()
        method, path = request.method.decode("ascii"), request.target.decode("latin-1")
        try:
            transcript = encoded(self.recordings.answer(method, path, body))
        except NoAnswerError as error:
            if endpoint(path) == "models" and method == "GET":
                await self._whole(200, self.recordings.models())
            else:
                allow = [f"Allow: {', '.join(error.allowed)}"] if error.allowed else []
                await self._whole(error.status, Error(str(error)).body(), allow, bodiless=method == "HEAD")
            return True
        framing = framing_of(transcript)
        if transcript.status is not None:
            await self._send(head(transcript, framing))
        if framing != "none" and method != "HEAD":
            for piece in transcript.reads:
                await self._until(asked_at, piece.at, transcript)
                await self._send(_chunk(piece.data) if framing == "chunked" else piece.data)
        if transcript.ending.at is not None:
            await self._until(asked_at, transcript.ending.at, transcript)
        return await self._end(transcript, framing)

    async def _end(self, transcript: Transcript, framing: Framing) -> bool:
        """End as the recording did; tell whether the connection can be used again."""
        kind = transcript.ending.kind
        if kind == "reset":
            await _received(self.writer)
            once = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, once)
            self.writer.transport.abort()
        elif kind in ("timeout", "open", "cancelled"):
            while await self.reader.read(_PIECE):
                pass  # until the client leaves
        elif kind == "eof" and framing == "chunked":
            await self._send(b"0\r\n\r\n")
        stays = kind == "eof" and framing in ("chunked", "length", "none") and transcript.status is not None
        return stays and "close" not in (transcript.header("connection") or "").lower()

    async def _until(self, asked_at: float, at: float, transcript: Transcript) -> None:
        if "times" in transcript.knows:
            await asyncio.sleep(asked_at + at / self.speed - asyncio.get_running_loop().time())

    async def _refuse(self, message: str, status: int) -> None:
        """Refuse what is no HTTP, and let the client read it: to close at once would break the connection off."""
        await self._whole(status, Error(message).body(), ["Connection: close"])
        if self.writer.can_write_eof():
            self.writer.write_eof()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                while await self.reader.read(_PIECE):
                    pass

    async def _whole(
        self, status: int, document: object, headers: Sequence[str] = (), *, bodiless: bool = False
    ) -> None:
        body = json.dumps(document).encode()
        lines = [f"HTTP/1.1 {status} {_phrase(status)}", "Content-Type: application/json"]
        lines += [f"Content-Length: {len(body)}", *headers, "", ""]
        await self._send("\r\n".join(lines).encode("ascii") + (b"" if bodiless else body))

    async def _send(self, data: bytes) -> None:
        if data:
            self.writer.write(data)
            await self.writer.drain()


def encoded(transcript: Transcript) -> Transcript:
    """Return the transcript with its body as it was sent: recorders undo the content coding that the headers name."""
    coding = (transcript.header("content-encoding") or "").strip().lower()
    body = transcript.body()
    if coding not in ("gzip", "x-gzip") or body.startswith(b"\x1f\x8b") or not body:
        return transcript
    gzip = zlib.compressobj(wbits=31)
    reads = [Read(read.at, gzip.compress(read.data) + gzip.flush(zlib.Z_SYNC_FLUSH)) for read in transcript.reads]
    reads[-1] = Read(reads[-1].at, reads[-1].data + gzip.flush())
    return replace(transcript, reads=tuple(reads))


def framing_of(transcript: Transcript) -> Framing:
    """Return how the body is delimited: as it was recorded, where that is known and can be repeated."""
    if transcript.status is None or transcript.status in (204, 304):
        return "none"
    if "chunked" in (transcript.header("transfer-encoding") or "").lower():
        return "chunked"
    if _length(transcript) is not None:
        return "length"
    if transcript.ending.kind == "truncated" or transcript.http_version.startswith("HTTP/2"):
        return "chunked"  # an end by closing can't come too early
    if "framing" in transcript.knows:
        return "close"
    return "chunked" if transcript.request.asks_for_stream() or transcript.ending.kind != "eof" else "length"


def head(transcript: Transcript, framing: Framing) -> bytes:
    """Return status line and headers: the raw ones where they were recorded and say how the body is delimited."""
    if transcript.head is not None and framing_of(transcript) == framing and transcript.head.strip():
        return transcript.head if transcript.head.endswith(b"\n\r\n") else transcript.head.rstrip() + b"\r\n\r\n"
    lengths = {"content-length", "transfer-encoding"}
    recorded = {name.lower() for name, _ in transcript.headers} & lengths
    says = {"chunked": "transfer-encoding", "length": "content-length"}.get(framing)
    # Both at once are wrong, and repeated; a length that contradicts a recorded body, or a coding not ours, is not.
    dropped = set[str]() if says == "transfer-encoding" and recorded == lengths else lengths - {says}
    if framing == "length" and _length(transcript) != _number(transcript.header("content-length")):
        dropped.add("content-length")
    if framing == "close":
        dropped.add("connection")
    if "framing" not in transcript.knows and not transcript.body().startswith(b"\x1f\x8b"):
        dropped.add("content-encoding")
    lines = [f"HTTP/1.1 {transcript.status} {_phrase(transcript.status)}"]
    lines += [f"{name}: {value}" for name, value in transcript.headers if name.lower() not in dropped]
    if says and (says not in recorded or says in dropped):
        lines.append(
            "Transfer-Encoding: chunked" if framing == "chunked" else f"Content-Length: {len(transcript.body())}"
        )
    elif framing == "close":
        lines.append("Connection: close")
    return b"".join(_line(line) + b"\r\n" for line in [*lines, ""] if not line.startswith(":"))


def _line(text: str) -> bytes:
    """Return a line of the head; what would end it becomes a blank."""
    text = re.sub(r"[\r\n\0]", " ", text)
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def _length(transcript: Transcript) -> int | None:
    """Return the length to announce, None where none was: a body that came to its end is as long as it is."""
    announced = _number(transcript.header("content-length"))
    size = len(transcript.body())
    if announced is None or (announced != size and "framing" not in transcript.knows):
        return None
    return size if transcript.ending.kind == "eof" else announced


def _number(value: str | None) -> int | None:
    value = (value or "").strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


def _phrase(status: int | None) -> str:
    return next((known.phrase for known in HTTPStatus if known == status), "")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


async def _received(writer: asyncio.StreamWriter) -> None:
    """Wait, at most some seconds, until the client's machine has all bytes: a reset drops those on the way."""
    for _ in range(400):
        if not _on_the_way(writer.get_extra_info("socket")):
            break
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.02)


def _on_the_way(connection: socket.socket) -> int:
    if sys.platform != "linux":
        return 0
    import fcntl
    import termios

    return int(struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))[0])


def _leave(*_: object) -> NoReturn:
    sys.exit(0)

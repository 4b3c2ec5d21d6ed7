"""Bytes that are no HTTP, or come too slowly: the server says so or waits, and serves the next one."""

import contextlib
import json
import socket
from urllib.parse import urlsplit

import pytest

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
GOOD = b'{"model": "scripted", "messages": [{"role": "user", "content": "hello"}]}'


@pytest.fixture
def wire(server, http):
    """A connection to the server; in the end a good request on another one is served."""
    where = urlsplit(server.url)
    with socket.create_connection((where.hostname, where.port), timeout=20) as connection:
        yield connection
    assert http.post("/chat/completions", content=GOOD, headers={"content-type": "application/json"}).status_code == 200


def answer(connection):
    """The first line of what comes, or nothing where the connection ends without a word."""
    with connection.makefile("rb") as reader:
        try:
            return reader.readline().decode("latin-1")
        except ConnectionResetError:
            return ""


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),  # TLS
        b"hello\r\n\r\n",
        b"GET /v1/models HTTP/one\r\n\r\n",
        b"GET /v1/mod els HTTP/1.1\r\nhost: x\r\n\r\n",
        HEAD + b"content-length: many\r\n\r\n" + GOOD,
        HEAD + b"content-length: -5\r\n\r\n" + GOOD,
        HEAD + b"content-length: 5\r\ncontent-length: 7\r\n\r\n" + GOOD,
        HEAD + b"content-length: 99999999999999999999999\r\n\r\n" + GOOD,
        HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhellotoolong\r\n0\r\n\r\n",
        HEAD + b"no colon here\r\n\r\n",
        HEAD + b"bad name : x\r\n\r\n",
        HEAD + b"x: " + b"y" * 200_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"\0" * 100_000,
    ],
)
def test_what_is_no_http_is_refused_or_hung_up_on(wire, sent):
    with contextlib.suppress(OSError):  # it may have hung up before the end
        wire.sendall(sent)
        wire.shutdown(socket.SHUT_WR)
    line = answer(wire)
    assert not line or line.split()[1] in ("400", "404", "405", "413", "414", "431"), line


def test_what_is_no_http_is_refused_by_json(wire):
    wire.sendall(b"hello\r\n\r\n")
    with wire.makefile("rb") as reader:
        head, _, body = reader.read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n")
    assert json.loads(body)["error"].keys() == {"message", "type", "param", "code"}


@pytest.mark.parametrize("sent", [b"", HEAD, HEAD + b"content-length: 999\r\n\r\n" + GOOD[:20]])
def test_half_a_request_is_forgotten_with_its_client(wire, sent):
    wire.sendall(sent)


def test_a_body_byte_by_byte_is_waited_for(wire):
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire.sendall(HEAD + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(GOOD))
    for byte in GOOD:
        wire.sendall(bytes([byte]))
    assert answer(wire).split()[1] == "200"


def test_a_body_in_chunks_is_read(wire):
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (GOOD[:9], GOOD[9:10], GOOD[10:]))
    wire.sendall(HEAD + b"connection: close\r\ntransfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
    assert answer(wire).split()[1] == "200"


def test_many_slow_clients_hold_nobody_up(server, http):
    where = urlsplit(server.url)
    waiting = [socket.create_connection((where.hostname, where.port), timeout=20) for _ in range(64)]
    try:
        for connection in waiting:
            connection.sendall(HEAD + b"content-length: 999\r\n\r\n{")
        assert http.get("/models").status_code == 200
        assert http.post("/chat/completions", content=GOOD, headers={"content-type": "application/json"}).is_success
    finally:
        for connection in waiting:
            connection.close()

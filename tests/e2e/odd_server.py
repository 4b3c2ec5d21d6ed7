"""Servers for tests, made of bare sockets, so that they can do what no HTTP library would."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

MODELS = {"object": "list", "data": [{"id": "tiny", "object": "model", "created": 1, "owned_by": "tests"}]}


@dataclass
class Exchange:
    """A request that came in, and the connection to answer it on."""

    connection: socket.socket
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    stopping: threading.Event

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):  # one probe nests its body too deep
            return None

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def answer(self, status: str, body: bytes, kind: str = "application/json", *headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers, "", ""]
        self.send("\r\n".join(lines).encode() + body)

    def answer_json(self, value: Any, status: str = "200 OK", *headers: str) -> None:
        self.answer(status, json.dumps(value).encode(), "application/json", *headers)

    def error(self, status: str, message: str, **more: Any) -> None:
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": None} | more
        self.answer_json({"error": error}, status)

    def stream_head(self, *headers: str) -> None:
        lines = ["HTTP/1.1 200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked", *headers, "", ""]
        self.send("\r\n".join(lines).encode())

    def chunk(self, data: bytes) -> None:
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def event(self, value: Any) -> None:
        self.chunk(b"data: " + (value.encode() if isinstance(value, str) else json.dumps(value).encode()) + b"\n\n")

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


Handler = Callable[[Exchange], None]


@dataclass
class Server:
    """A server on a free port of this machine; `seen` lists the requests."""

    handler: Handler
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    seen: list[Exchange] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.listener.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def accept(self) -> None:
        self.listener.settimeout(0.05)
        while not self.stopping.is_set():
            try:
                connection, _ = self.listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            thread = threading.Thread(target=self.talk, args=(connection,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def talk(self, connection: socket.socket) -> None:
        connection.settimeout(20)
        with connection, suppress(OSError, ValueError):
            exchange = read_request(connection, self.stopping)
            if exchange is None:
                return
            self.seen.append(exchange)
            self.handler(exchange)

    def die(self) -> None:
        self.stopping.set()
        self.listener.close()


def read_request(connection: socket.socket, stopping: threading.Event) -> Exchange | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return None
        data += piece
        if not data[:1].isalpha():  # TLS, say
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return None
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    return Exchange(connection, method, target, headers, body, stopping)


@contextmanager
def serve(handler: Handler) -> Iterator[Server]:
    server = Server(handler)
    acceptor = threading.Thread(target=server.accept, daemon=True)
    acceptor.start()
    try:
        yield server
    finally:
        server.die()
        acceptor.join(5)
        for thread in server.threads:
            thread.join(5)


def well_behaved(exchange: Exchange) -> None:
    """Answer as OpenAI would, as far as the tests need it."""
    if exchange.path == "/v1/models":
        exchange.answer_json(MODELS)
    elif exchange.path != "/v1/chat/completions":
        exchange.error("404 Not Found", f"Unknown request URL: {exchange.path}")
    elif not isinstance(exchange.json, dict) or not exchange.json.get("messages"):
        exchange.error("400 Bad Request", "a request has messages")
    elif exchange.json.get("model") != "tiny":
        exchange.error("404 Not Found", "no such model", code="model_not_found")
    elif exchange.json.get("stream"):
        exchange.stream_head()
        for delta, finish in (({"role": "assistant", "content": "Hel"}, None), ({"content": "lo"}, None), ({}, "stop")):
            exchange.event(chunk(delta, finish))
        exchange.event("[DONE]")
        exchange.send(b"0\r\n\r\n")
    else:
        message = {"role": "assistant", "content": "Hello", "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
        answer = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "tiny"}
        exchange.answer_json(answer | {"choices": [choice], "usage": usage})


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "tiny",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}],
    }

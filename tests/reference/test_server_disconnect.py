"""Clients that go away, and streams beside each other."""

import asyncio
import contextlib
import json
import socket
import struct
import threading
import time

import httpx
import pytest

REQUEST = {"model": "scripted", "messages": [{"role": "user", "content": "count"}], "stream": True}
LONG = {**REQUEST, "messages": [{"role": "user", "content": "x" * 3000 + " count"}]}


def connect(server):
    host, port = httpx.URL(server.url).host, httpx.URL(server.url).port
    return socket.create_connection((host, port), timeout=10)


def send(connection, request):
    raw = json.dumps(request).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(raw)}"
    )
    connection.sendall(head.encode() + b"\r\n\r\n" + raw)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def finish(connection):
    connection.close()


def first_token_after(http):
    began = time.monotonic()
    with http.stream("POST", "/chat/completions", json=REQUEST | {"max_tokens": 3}) as reply:
        assert reply.status_code == 200
        text = "".join(reply.iter_text())
    assert text.endswith("data: [DONE]\n\n")
    return time.monotonic() - began


@pytest.mark.parametrize("leave", [finish, reset])
@pytest.mark.parametrize(("request_body", "read"), [(REQUEST, True), (LONG, False)], ids=["streaming", "in-prefill"])
def test_aborted_streams_free_their_places(server, http, leave, request_body, read):
    for _ in range(20):
        connection = connect(server)
        send(connection, request_body)
        if read:
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        else:
            time.sleep(0.01)
        leave(connection)
    assert first_token_after(http) < 2  # 20 streams of 1,000 tokens would keep four places busy for longer


def test_a_whole_answer_nobody_waits_for_is_not_made(server, http):
    for _ in range(20):
        connection = connect(server)
        send(connection, {**REQUEST, "stream": False, "n": 4})
        time.sleep(0.01)
        connection.close()
    assert first_token_after(http) < 2


def test_a_client_that_reads_slowly_holds_nobody_up(server, http):
    connections = [connect(server) for _ in range(3)]
    with contextlib.ExitStack() as stack:
        for connection in connections:
            stack.callback(connection.close)
            send(connection, REQUEST)
        assert first_token_after(http) < 5


def test_eight_streams_at_once_give_what_each_gives_alone(server):
    async def read(client, prompt):
        body = {"model": "scripted", "messages": [{"role": "user", "content": prompt}], "temperature": 0}
        reply = await client.post("/chat/completions", json=body)
        return reply.json()["choices"][0]["message"]["content"]

    async def run():
        prompts = ["hello", "count", "emoji", "prefix"]
        async with httpx.AsyncClient(base_url=server.url, timeout=30, trust_env=False) as client:
            alone = [await read(client, prompt) for prompt in prompts]
            together = await asyncio.gather(*(read(client, prompt) for prompt in prompts * 2))
        assert together == alone * 2

    asyncio.run(run())


def test_models_are_listed_while_a_stream_runs(server, http):
    connection = connect(server)
    with contextlib.closing(connection):
        send(connection, REQUEST)
        connection.recv(100)
        began = time.monotonic()
        assert http.get("/models").status_code == 200
        assert time.monotonic() - began < 1


def test_no_thread_stays_behind_on_our_side():
    assert [thread.name for thread in threading.enumerate() if thread.name == "decode"] == []

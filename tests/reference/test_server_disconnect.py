"""Clients that go away, and streams beside each other."""

import asyncio
import contextlib
import json
import re
import socket
import struct
import threading
import time
from pathlib import Path

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


def in_prefill(connection, metrics):
    before = metrics()["prompt_tokens_total"]
    send(connection, LONG)
    while metrics()["prompt_tokens_total"] == before:
        pass  # the numbers are asked for over HTTP: no busy loop


def in_the_middle(connection, metrics):
    send(connection, REQUEST)
    assert connection.recv(4096).startswith(b"HTTP/1.1 200")


def while_it_is_made(connection, metrics):
    before = metrics()["completion_tokens_total"]
    send(connection, {**REQUEST, "stream": False, "n": 4})
    while metrics()["completion_tokens_total"] == before:
        pass


def abort(server, metrics, at_rest, times, reach, leave):
    """Leave in the same way many times; gives how many tokens were made for nobody."""
    before = at_rest()["completion_tokens_total"]
    for _ in range(times):
        connection = connect(server)
        reach(connection, metrics)
        leave(connection)
    return at_rest()["completion_tokens_total"] - before


def threads(server):
    return len(list(Path(f"/proc/{server.pid}/task").iterdir()))


@pytest.mark.parametrize("leave", [finish, reset])
@pytest.mark.parametrize("reach", [in_prefill, in_the_middle, while_it_is_made])
def test_what_nobody_waits_for_is_not_made(server, metrics, at_rest, reach, leave):
    made = abort(server, metrics, at_rest, 20, reach, leave)
    whole = 20 * 1000 * (4 if reach is while_it_is_made else 1)
    assert made < whole / 2, "20 answers went on for longer than it takes to notice that nobody listens"
    assert reach is not in_prefill or made < 20 * 50  # none, unless this process was held up


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="there is no /proc to count threads in")
def test_a_hundred_aborted_streams_leave_nothing_behind(server, metrics, at_rest):
    def round_of_ways(times):
        for reach in (in_prefill, in_the_middle):
            for leave in (finish, reset):
                abort(server, metrics, at_rest, times, reach, leave)

    round_of_ways(5)  # what is allocated once
    before, threads_before = at_rest(), threads(server)
    round_of_ways(25)
    deadline = time.monotonic() + 20  # the last connection closes a moment after its generation
    # Fewer may be open than before: an idle connection of another test has been closed meanwhile.
    while (after := metrics())["process_open_fds"] > before["process_open_fds"]:
        assert time.monotonic() < deadline, "connections stay open"
    assert threads(server) == threads_before
    grown = after["process_resident_memory_bytes"] - before["process_resident_memory_bytes"]
    assert grown < 100 * 20_000, "a stream that was left costs memory for good"
    time.sleep(0.1)
    assert metrics()["completion_tokens_total"] == after["completion_tokens_total"]


def test_a_client_that_reads_slowly_holds_nobody_up(server, http):
    connections = [connect(server) for _ in range(3)]
    with contextlib.ExitStack() as stack:
        for connection in connections:
            stack.callback(connection.close)
            send(connection, REQUEST)
        assert first_token_after(http) < 15


FORECAST = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
ANSWER = {"type": "object", "properties": {"days": {"type": "array", "items": {"type": "integer"}}}}
FOUR = (
    {"messages": [{"role": "user", "content": "count"}], "max_tokens": 300, "stop": ["299"]},
    {"messages": [{"role": "user", "content": "emoji"}], "n": 2},
    {"messages": [{"role": "user", "content": "weather"}], "tools": [FORECAST], "temperature": 0},
    {
        "messages": [{"role": "user", "content": "x" * 500 + " hello"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": ANSWER}},
        "temperature": 1.5,
        "seed": 7,
    },
)


def test_four_streams_at_once_are_byte_for_byte_what_each_is_alone(server):
    async def read(client, part):
        body = {"model": "scripted", "stream": True, "stream_options": {"include_usage": True}, **part}
        reply = await client.post("/chat/completions", json=body)
        assert reply.status_code == 200, reply.text
        return re.sub(rb'"id":"(chatcmpl-|call_)\w+",|"created":\d+,', b"", reply.content)

    async def run():
        async with httpx.AsyncClient(base_url=server.url, timeout=30, trust_env=False) as client:
            alone = [await read(client, part) for part in FOUR]
            for _ in range(3):
                assert await asyncio.gather(*(read(client, part) for part in FOUR)) == alone
            # And with as many again in the queue.
            assert await asyncio.gather(*(read(client, part) for part in FOUR * 2)) == alone * 2

    asyncio.run(run())


def test_log_probabilities_are_the_same_beside_others_but_for_the_last_digits(server, http):
    # llama.cpp adds in another order where it decodes several rows at once.
    body = {"model": "scripted", "messages": [{"role": "user", "content": "emoji"}], "logprobs": True}

    def scores():
        tokens = http.post("/chat/completions", json=body).json()["choices"][0]["logprobs"]["content"]
        return [token["token"] for token in tokens], [token["logprob"] for token in tokens]

    alone = scores()
    connection = connect(server)
    with contextlib.closing(connection):
        send(connection, REQUEST)
        connection.recv(100)
        beside = scores()
    assert beside[0] == alone[0]
    assert beside[1] == pytest.approx(alone[1], abs=1e-3)


def test_models_are_listed_while_a_stream_runs(server, http):
    connection = connect(server)
    with contextlib.closing(connection):
        send(connection, REQUEST)
        connection.recv(100)
        began = time.monotonic()
        assert http.get("/models").status_code == 200
        assert time.monotonic() - began < 5


def test_no_thread_stays_behind_on_our_side():
    assert [thread.name for thread in threading.enumerate() if thread.name == "decode"] == []

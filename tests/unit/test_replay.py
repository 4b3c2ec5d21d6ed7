"""What a client reads from the replay server is what was recorded, byte for byte, and it ends in the same way."""

import asyncio
import json
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.transcript import EVERY_FACET, Ending, Read, Request, Transcript, TranscriptError, dumps
from reference_server.listening import bind, url
from reference_server.recordings import NoAnswerError, Recordings, read
from reference_server.replay import framing_of, head, listen

CHAT = Request("POST", "/v1/chat/completions", json={"model": "m", "stream": True, "messages": [1]})
STREAM = Transcript(
    CHAT,
    status=200,
    headers=(("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"), ("X-Request-Id", "r1")),
    reads=(Read(0.0, b"data: 1\n\n"), Read(0.0, b"data: [DO"), Read(0.0, b"NE]\n\n")),
    ending=Ending("eof", 0.0),
    probe="chat-stream",
)
PLAIN = replace(
    STREAM,
    request=replace(CHAT, json={"model": "m", "messages": [1]}),
    headers=(("Content-Type", "application/json"), ("Content-Length", "2")),
    reads=(Read(0.0, b"{}"),),
    probe="chat-whole",
)


@asynccontextmanager
async def replaying(*transcripts, speed=1.0):
    listener = bind("127.0.0.1", 0)
    server = await listen(transcripts, listener, speed=speed)
    try:
        yield url(listener)
    finally:
        server.close()


def asked(base, request, path="/chat/completions"):
    return httpx.Request(request.method, f"{base}{path}", json=request.json)


async def heard(base, request, *, idle=5.0):
    """Send a request; give the response, the body, and how it ended in the words of a transcript."""
    body, response = b"", None
    async with httpx.AsyncHTTPTransport() as transport:
        sent = asked(base, request)
        sent.extensions = {"timeout": {"read": idle}}
        try:
            response = await transport.handle_async_request(sent)
            async for piece in response.stream:
                body += piece
            ending = "eof"
        except httpx.RemoteProtocolError:
            ending = "truncated"
        except httpx.ReadError:
            ending = "reset"
        except httpx.ReadTimeout:
            ending = "timeout"
        if response is not None:
            await response.aclose()
    return response, body, ending


FRAMINGS = {
    "chunked": lambda body: (("Transfer-Encoding", "chunked"),),
    "length": lambda body: (("Content-Length", str(len(body))),),
    "longer": lambda body: (("Content-Length", str(len(body) + 1)),),
    "close": lambda body: (),
}


@settings(max_examples=60)
@given(
    st.lists(st.binary(max_size=2000), max_size=8),
    st.sampled_from([("chunked", "eof"), ("chunked", "truncated"), ("chunked", "reset"), ("chunked", "timeout")])
    | st.sampled_from([("length", "eof"), ("longer", "truncated"), ("longer", "reset"), ("longer", "timeout")])
    | st.sampled_from([("close", "eof"), ("close", "truncated"), ("close", "reset"), ("close", "timeout")]),
)
def test_a_replayed_answer_has_the_recorded_body_and_ending(reads, shape):
    framing, ending = shape
    body = b"".join(reads)
    headers = (("Content-Type", "text/event-stream"), *FRAMINGS[framing](body))
    recorded = replace(
        STREAM, headers=headers, reads=tuple(Read(0.0, data) for data in reads), ending=Ending(ending, 0.0)
    )

    async def scenario():
        async with replaying(recorded) as base:
            return await heard(base, CHAT, idle=0.15 if ending == "timeout" else 5.0)

    response, got, how = asyncio.run(scenario())
    assert (response.status_code, got, how) == (200, body, ending)


@pytest.mark.parametrize("kind", ["reset", "truncated", "timeout", "eof"])
def test_an_answer_that_never_came_does_not_come_again(kind):
    recorded = replace(STREAM, status=None, headers=(), reads=(), ending=Ending(kind, 0.0))

    async def scenario():
        async with replaying(recorded) as base:
            return await heard(base, CHAT, idle=0.2)

    response, body, how = asyncio.run(scenario())
    assert (response, body) == (None, b"")
    assert how == ("truncated" if kind == "eof" else kind)


def test_headers_come_as_recorded():
    async def scenario():
        async with replaying(STREAM) as base:
            return await heard(base, CHAT)

    response, _, _ = asyncio.run(scenario())
    assert [(n.decode(), v.decode()) for n, v in response.headers.raw] == [
        ("Content-Type", "text/event-stream"),
        ("Transfer-Encoding", "chunked"),
        ("X-Request-Id", "r1"),
    ]


def test_every_recorded_read_is_one_chunk():
    async def scenario():
        async with replaying(STREAM) as base:
            _, port = base.removeprefix("http://").removesuffix("/v1").split(":")
            reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
            body = json.dumps(CHAT.json).encode()
            writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(body))
            writer.write(body)
            got = await reader.readuntil(b"\r\n0\r\n\r\n")
            writer.close()
            return got

    assert asyncio.run(scenario()).endswith(b"\r\n\r\n9\r\ndata: 1\n\n\r\n9\r\ndata: [DO\r\n5\r\nNE]\n\n\r\n0\r\n\r\n")


def test_pauses_are_kept_and_scaled():
    recorded = replace(STREAM, reads=(Read(0.0, b"data: 1\n\n"), Read(1.0, b"data: 2\n\n")), ending=Ending("eof", 2.0))

    async def scenario():
        async with replaying(recorded, speed=10.0) as base:
            began = time.monotonic()
            await heard(base, CHAT)
            return time.monotonic() - began

    assert 0.19 < asyncio.run(scenario()) < 1.5


def test_a_connection_is_used_again_after_a_complete_answer():
    async def scenario():
        async with replaying(STREAM, PLAIN) as base, httpx.AsyncClient() as client:
            streams = [(await client.send(asked(base, PLAIN.request))).extensions["network_stream"] for _ in range(3)]
            return {stream.get_extra_info("client_addr") for stream in streams}

    assert len(asyncio.run(scenario())) == 1


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"\x16\x03\x01\x02\x00\r\n\r\n", b" 400 "),
        (b"GET /v1/models\r\n\r\n", b" 400 "),
        (b"GET /" + b"x" * 200_000, b" 431 "),
        (b"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", b" 400 "),
        (b"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b" 400 "),
    ],
)
def test_what_is_no_http_request_is_refused_in_words_and_the_server_goes_on(request_bytes, status):
    async def scenario():
        async with replaying(STREAM) as base:
            port = int(base.removesuffix("/v1").rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request_bytes)
            writer.write_eof()
            answer = await reader.read()
            writer.close()
            return answer, await heard(base, CHAT)

    answer, (response, body, _) = asyncio.run(scenario())
    assert status in answer.splitlines()[0]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["type"] == "invalid_request_error"
    assert (response.status_code, body) == (200, STREAM.body())


def test_a_client_that_waits_to_be_told_may_go_on():
    async def scenario():
        async with replaying(STREAM) as base:
            port = int(base.removesuffix("/v1").rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
            )
            first = await reader.readuntil(b"\r\n\r\n")
            writer.write(b"{}")
            second = await reader.readline()
            writer.close()
            return first, second

    assert asyncio.run(scenario()) == (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n")


def test_what_was_asked_in_another_way_is_told_which_one_would_do_and_a_head_request_gets_no_body():
    requests = b"".join(
        b"%s HTTP/1.1\r\nHost: h\r\n\r\n" % line
        for line in (b"HEAD /v1/chat/completions", b"HEAD /v1/nope", b"DELETE /v1/chat/completions")
    )

    async def scenario():
        async with replaying(STREAM) as base:
            port = int(base.removesuffix("/v1").rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(requests)
            writer.write_eof()
            answers = await reader.read()
            writer.close()
            return answers

    head, nope, deleted, body = asyncio.run(scenario()).split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 405 ")
    assert nope.startswith(b"HTTP/1.1 404 ")
    assert deleted.startswith(b"HTTP/1.1 405 ")
    for each, told in ((head, True), (nope, False), (deleted, True)):
        assert (b"\r\nAllow: POST" in each) == told
    assert json.loads(body)["error"]["message"] == "Not allowed to DELETE on /v1/chat/completions"


def test_models_are_listed_from_the_recordings_where_no_list_was_recorded():
    async def scenario():
        async with replaying(STREAM) as base, httpx.AsyncClient() as client:
            return (await client.get(f"{base}/models")).json(), await client.get(f"{base}/nope")

    models, nope = asyncio.run(scenario())
    assert models == {"object": "list", "data": [{"id": "m", "object": "model", "created": 0, "owned_by": "replay"}]}
    assert nope.status_code == 404
    assert nope.json()["error"] == {
        "message": "Invalid URL (GET /v1/nope)",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }


def named(*transcripts):
    recordings = Recordings(transcripts)
    return lambda body, path="/v1/chat/completions", method="POST": (
        recordings.answer(method, path, body if isinstance(body, bytes) else json.dumps(body).encode()).probe
    )


def test_the_answer_to_the_same_request_is_preferred_then_the_same_but_for_the_model_then_the_most_alike():
    usage = replace(
        STREAM, request=replace(CHAT, json=CHAT.json | {"stream_options": {"include_usage": True}}), probe="usage"
    )
    unknown = replace(PLAIN, request=replace(CHAT, json=PLAIN.request.json | {"model": "?"}), status=404, probe="no")
    malformed = replace(PLAIN, request=Request("POST", "/v1/chat/completions", text="{"), status=400, probe="malformed")
    answer = named(malformed, unknown, PLAIN, usage, STREAM)
    assert answer(CHAT.json) == "chat-stream"
    assert answer(PLAIN.request.json | {"model": "?"}) == "no"
    assert answer(PLAIN.request.json | {"model": "another"}) == "chat-whole"
    assert answer(usage.request.json | {"model": "another", "seed": 3}) == "usage"
    assert answer(CHAT.json | {"seed": 3, "messages": []}) == "chat-stream"
    assert answer(b"{") == "malformed"
    assert answer(b"[" * 100_000) == "malformed"
    assert answer(b"") in {"chat-whole", "chat-stream", "usage"}


def test_equal_requests_are_answered_in_turn():
    answer = named(STREAM, replace(STREAM, probe="second"))
    assert [answer(CHAT.json) for _ in range(3)] == ["chat-stream", "second", "chat-stream"]


@pytest.mark.parametrize(
    ("recorded", "path"),
    [
        ("/v1/chat/completions", "/v1/chat/completions?x=1"),
        ("/openai/deployments/d/chat/completions?api-version=...", "/v1/chat/completions"),
        ("/v1/nope-conformance", "/v1/nope-conformance"),
        ("/api/nope-conformance", "/v1/nope-conformance"),
        ("/v1/models/a", "/v1/models/a"),
    ],
)
def test_a_recording_answers_under_another_prefix(recorded, path):
    assert named(replace(STREAM, request=replace(CHAT, path=recorded)))(CHAT.json, path) == "chat-stream"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/completions", 404),
        ("POST", "/v1/x", 404),
        ("POST", "/v1/", 404),
        ("DELETE", "/v1/chat/completions", 405),
    ],
)
def test_what_was_not_recorded_is_refused(method, path, status):
    with pytest.raises(NoAnswerError) as refused:
        named(STREAM)({}, path, method)
    assert refused.value.status == status


def test_a_body_that_recorders_decoded_is_not_called_encoded_where_we_cannot_encode_it():
    recorded = replace(
        STREAM,
        headers=(("Content-Encoding", "br"), ("Content-Length", "7")),
        knows=EVERY_FACET - {"framing"},
    )
    text = head(recorded, framing_of(recorded)).lower()
    assert b"content-encoding" not in text
    assert b"content-length" not in text


def test_a_body_that_recorders_decoded_is_encoded_again():
    recorded = replace(
        STREAM, headers=(("Content-Encoding", "gzip"), ("Content-Length", "7")), knows=EVERY_FACET - {"framing"}
    )

    async def scenario():
        async with replaying(recorded) as base, httpx.AsyncClient() as client:
            return await client.send(asked(base, CHAT))

    answer = asyncio.run(scenario())
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.content == STREAM.body()


@pytest.mark.parametrize(("kind", "length"), [("eof", 2), ("truncated", 9), ("reset", 9)])
def test_a_length_that_contradicts_a_complete_body_is_not_repeated(kind, length):
    recorded = replace(PLAIN, headers=(("Content-Length", "9"),), ending=Ending(kind))
    assert f"Content-Length: {length}\r\n".encode() in head(recorded, framing_of(recorded))


def test_length_and_chunks_at_once_are_repeated():
    recorded = replace(STREAM, headers=(*STREAM.headers, ("Content-Length", "9")))
    text = head(recorded, framing_of(recorded))
    assert b"Content-Length: 9\r\n" in text
    assert text.count(b"Transfer-Encoding: chunked\r\n") == 1


def test_a_recorded_head_is_sent_as_it_was():
    raw = b"HTTP/1.1 200 Fine\r\nContent-type:text/event-stream\r\ntransfer-encoding:chunked\r\n\r\n"
    assert head(replace(STREAM, head=raw), "chunked") == raw


def test_line_ends_in_a_recorded_header_add_no_header():
    recorded = replace(STREAM, headers=(("X", "a\r\nSet-Cookie: b\0"), (":status", "200"), ("Y", "\u202e")))
    assert b"\nSet-Cookie" not in head(recorded, "close")


def test_files_and_folders_are_read_and_what_is_no_transcript_is_named(tmp_path):
    (tmp_path / "2.json").write_text(dumps(PLAIN))
    (tmp_path / "1.json").write_text(dumps(STREAM))
    assert [t.probe for t in read([tmp_path, tmp_path / "2.json"])] == ["chat-stream", "chat-whole", "chat-whole"]
    (tmp_path / "3.json").write_text("{}")
    with pytest.raises(TranscriptError, match=r"3\.json: not a transcript"):
        read([tmp_path])
    with pytest.raises(TranscriptError, match="no transcripts"):
        read([])


def test_the_server_says_where_it_is_and_stops_when_told(tmp_path):
    file = tmp_path / "stream.json"
    file.write_text(dumps(STREAM))
    code = "import sys; from pathlib import Path; from reference_server.replay import serve; "
    code += "serve([Path(sys.argv[1])], host='127.0.0.1', port=0)"
    with subprocess.Popen([sys.executable, "-c", code, str(file)], stdout=subprocess.PIPE, text=True) as server:
        line = server.stdout.readline()
        base = line.split()[-1]
        answer = httpx.post(f"{base}/chat/completions", json=CHAT.json, trust_env=False)
        server.terminate()
        assert server.wait(10) == 0
    assert line.startswith("Serving a recording at http://127.0.0.1:")
    assert base.endswith("/v1")
    assert answer.content == STREAM.body()

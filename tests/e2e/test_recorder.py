"""The recorder against servers that do what servers do on bad days."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from odd_server import MODELS, serve, well_behaved

from conformance.discovery import discover
from conformance.probe import Probe
from conformance.probes import PROBES
from conformance.probes.chat import body
from conformance.record import Limits, Recorder
from conformance.target import Target, TargetError, parse

PATIENT = Limits(connect=5, first=10, idle=10, total=10)
STREAM = Probe("stream", json=body("hello", stream=True))
WHOLE = Probe("whole", json=body("hello"))


def target(url, environment=None, **options) -> Target:
    return replace(parse(url, environment=environment or {}, **options), model="tiny")


def record(where, *probes, limits=PATIENT, **options):
    recorder = Recorder(where if isinstance(where, Target) else target(where, **options), limits)
    return asyncio.run(recorder.record(probes or [STREAM])), recorder


def one(handler, *probes, limits=PATIENT, **options):
    with serve(handler) as server:
        (transcript,), _ = record(server.url, *probes, limits=limits, **options)
    return transcript


def test_a_good_stream_is_recorded_whole_and_on_a_clock():
    transcript = one(well_behaved)
    assert transcript.status == 200
    assert transcript.http_version == "HTTP/1.1"
    assert transcript.header("content-type") == "text/event-stream"
    assert transcript.body().endswith(b"data: [DONE]\n\n")
    assert transcript.ending.kind == "eof"
    times = [read.at for read in transcript.reads]
    assert times == sorted(times)
    assert times[0] >= 0
    assert transcript.ending.at >= times[-1]
    assert {"head", "framing", "bytes", "times"} <= transcript.knows
    assert transcript.request.json["model"] == "tiny"
    assert transcript.endpoint == "chat"


def test_all_probes_come_back_in_their_order():
    with serve(well_behaved) as server:
        transcripts, recorder = record(server.url, *PROBES)
    assert [transcript.probe for transcript in transcripts] == [probe.name for probe in PROBES]
    assert recorder.requests == len(PROBES) == len(server.seen)
    assert all(transcript.status for transcript in transcripts)


def test_each_transcript_is_handed_over_as_it_ends():
    taken = []
    with serve(well_behaved) as server:
        recorder = Recorder(target(server.url), PATIENT, taken.append)
        transcripts = asyncio.run(recorder.record([STREAM, WHOLE]))
    assert sorted(t.probe for t in taken) == sorted(t.probe for t in transcripts)


def test_no_coding_is_asked_for_and_the_key_is_sent_but_not_kept():
    with serve(well_behaved) as server:
        where = target(
            f"{server.url}?sig=query-secret", {"TARGET_API_KEY": "sk-secret-1"}, headers=["X-Team: blue-team"]
        )
        (transcript,), _ = record(where)
    (seen,) = server.seen
    assert seen.headers["accept-encoding"] == "identity"
    assert seen.headers["authorization"] == "Bearer sk-secret-1"
    assert seen.headers["x-team"] == "blue-team"
    assert seen.target == "/v1/chat/completions?sig=query-secret"
    kept = repr(transcript) + repr(transcript.to_json())
    assert not any(secret in kept for secret in ("sk-secret-1", "blue-team", "query-secret"))
    assert ("X-Team", "***") in transcript.request.headers
    assert transcript.request.path == "/v1/chat/completions?sig=***"


def test_a_key_that_the_server_echoes_is_not_kept():
    def handler(exchange):
        exchange.error("401 Unauthorized", f"wrong key: {exchange.headers['authorization']}")

    transcript = one(handler, environment={"TARGET_API_KEY": "sk-secret-1"})
    assert "sk-secret-1" not in repr(transcript)
    assert b"wrong key: ***" in transcript.body()


@pytest.mark.parametrize("status", ["401 Unauthorized", "429 Too Many Requests", "503 Service Unavailable"])
def test_a_wrong_key_goes_out_once_in_place_of_the_right_one(status):
    probe = Probe("key", json=body("hello"), key="wrong-on-purpose")

    def handler(exchange):
        exchange.error(status, f"unsupported max_tokens, and a bad key: {exchange.headers['authorization']}")

    with serve(handler) as server:
        where = target(server.url, {"TARGET_API_KEY": "sk-secret-1"}, headers=["X-Team: blue-team"])
        (transcript,), _ = record(where, probe)
    (seen,) = server.seen
    assert (seen.headers["authorization"], seen.headers["x-team"]) == ("Bearer wrong-on-purpose", "blue-team")
    assert b"bad key: Bearer wrong-on-purpose" in transcript.body()  # it is no secret, and kept as it was sent
    assert {"bytes", "framing"} <= transcript.knows
    assert transcript.notes == ("sent with a wrong key in place of the target's",)
    assert "authorization" not in repr(transcript.to_json()["request"]["headers"]).lower()


def test_the_users_own_fields_are_merged_into_each_request():
    with serve(well_behaved) as server:
        record(server.url, WHOLE, body='{"reasoning_effort": "low", "seed": 5}')
    assert server.seen[0].json["reasoning_effort"] == "low"
    assert server.seen[0].json["seed"] == 5


def truncated_chunks(exchange):
    exchange.stream_head()
    exchange.event({"id": "x"})
    exchange.send(b"40\r\ndata: ")


def truncated_length(exchange):
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


def bad_framing(exchange):
    exchange.stream_head()
    exchange.send(b"zz\r\nnot a chunk\r\n")


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (truncated_chunks, "incomplete chunked read"),
        (truncated_length, "received 1 bytes, expected 100"),
        (bad_framing, "chunk"),
    ],
)
def test_a_body_that_is_not_complete_by_its_framing_is_truncated(handler, words):
    transcript = one(handler)
    assert transcript.status == 200
    assert transcript.ending.kind == "truncated"
    assert words in transcript.ending.detail


def test_a_connection_broken_off_by_the_server_is_a_reset():
    def handler(exchange):
        exchange.stream_head()
        exchange.event({"id": "x"})
        exchange.stopping.wait(0.2)
        exchange.reset()

    transcript = one(handler)
    assert (transcript.status, transcript.ending.kind) == (200, "reset")
    assert "reset" in transcript.ending.detail
    assert transcript.body().startswith(b"data:")


def test_an_answer_without_length_ends_with_its_connection():
    transcript = one(lambda exchange: exchange.send(b"HTTP/1.0 200 OK\r\n\r\ndata: x\n\n"))
    assert transcript.body() == b"data: x\n\n"
    assert transcript.ending.kind == "eof"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "disconnected"),
        (b"\x15\x03\x01\x00\x02\x02\x50", "illegal"),
        (b"HTTP/1.1 200 OK\r\n" + b"X-Flood: yes\r\n" * 100_000, "too long"),
        (b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n", "illegal"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "content-length"),
    ],
)
def test_what_is_no_http_ends_as_a_transcript_without_status(answer, words):
    transcript = one(lambda exchange: exchange.send(answer))
    assert transcript.status is None
    assert transcript.ending.kind in ("truncated", "reset")
    assert words in transcript.ending.detail.lower()


def test_a_server_that_never_answers_ends_in_a_timeout():
    transcript = one(lambda exchange: exchange.stopping.wait(10), limits=replace(PATIENT, first=0.3))
    assert (transcript.status, transcript.ending.kind) == (None, "timeout")
    assert "no answer within 0.3 s" in transcript.ending.detail


def test_a_silence_within_an_answer_ends_in_a_timeout_with_what_came_before():
    def handler(exchange):
        exchange.stream_head()
        exchange.event({"id": "x"})
        exchange.stopping.wait(10)

    transcript = one(handler, limits=replace(PATIENT, idle=0.3))
    assert (transcript.status, transcript.ending.kind) == (200, "timeout")
    assert "nothing for 0.3 s" in transcript.ending.detail
    assert transcript.body()


def test_a_slow_drip_ends_at_the_total_deadline():
    def handler(exchange):
        exchange.stream_head()
        while not exchange.stopping.wait(0.05):
            exchange.chunk(b":")

    transcript = one(handler, limits=replace(PATIENT, total=1.2))
    assert transcript.ending.kind == "timeout"
    assert "1.2 s" in transcript.ending.detail


def test_headers_that_drip_end_at_the_deadline_for_the_answer():
    def handler(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\n")
        while not exchange.stopping.wait(0.05):
            exchange.send(b"X: y\r\n")

    transcript = one(handler, limits=replace(PATIENT, first=0.4))
    assert (transcript.status, transcript.ending.kind) == (None, "timeout")


@pytest.mark.parametrize("piece", [b"data: x\n\n" * 5000, b"."])
def test_an_endless_stream_is_left_at_the_bound(piece):
    def handler(exchange):
        exchange.stream_head()
        while not exchange.stopping.is_set():
            exchange.chunk(piece)

    transcript = one(handler, limits=replace(PATIENT, size=1 << 19))
    assert transcript.ending.kind == "open"
    assert "stopped listening" in transcript.ending.detail
    assert len(transcript.body()) < 3 << 20


def test_a_compressed_stream_is_read_and_its_framing_is_not_known():
    def handler(exchange):
        exchange.stream_head("Content-Encoding: gzip")
        exchange.chunk(gzip.compress(b"data: [DONE]\n\n"))
        exchange.send(b"0\r\n\r\n")

    transcript = one(handler)
    assert transcript.body() == b"data: [DONE]\n\n"
    assert not transcript.knows & {"framing", "bytes"}
    assert any("gzip" in note for note in transcript.notes)


def test_a_redirect_is_recorded_and_not_followed():
    with serve(well_behaved) as elsewhere:

        def handler(exchange):
            exchange.answer("307 Temporary Redirect", b"", "text/plain", f"Location: {elsewhere.url}")

        transcript = one(handler, environment={"TARGET_API_KEY": "sk-secret-1"})
        assert transcript.status == 307
        assert elsewhere.seen == []


def test_cookies_are_not_sent_back():
    def handler(exchange):
        exchange.answer("200 OK", b"{}", "application/json", "Set-Cookie: a=b; Path=/")

    with serve(handler) as server:
        record(server.url, WHOLE, STREAM)
    assert all("cookie" not in exchange.headers for exchange in server.seen)


def test_leaving_after_some_events_is_noted():
    def handler(exchange):
        exchange.stream_head()
        while not exchange.stopping.wait(0.01):
            exchange.event({"id": "x"})

    transcript = one(handler, replace(STREAM, cancel_after=3))
    assert transcript.ending.kind == "cancelled"
    assert [event.kind for event in transcript.client_events] == ["cancel"]
    assert transcript.body().count(b"\n\n") >= 3


def test_a_busy_server_is_asked_again_in_time():
    answers = ["429 Too Many Requests", "503 Service Unavailable"]

    def handler(exchange):
        if answers:
            exchange.answer(answers.pop(0), b"{}", "application/json", "Retry-After: 0")
        else:
            well_behaved(exchange)

    with serve(handler) as server:
        (transcript,), recorder = record(server.url)
    assert transcript.status == 200
    assert recorder.requests == 3
    assert [note for note in transcript.notes if "429" in note]
    assert [note for note in transcript.notes if "503" in note]


@pytest.mark.parametrize("status", ["500 Internal Server Error", "502 Bad Gateway", "524 A Timeout Occurred"])
def test_a_server_that_failed_is_asked_once_more(status):
    for failures, asked in ((1, 2), (5, 2)):
        answers = [status] * failures

        def handler(exchange, answers=answers):
            if answers:
                exchange.answer(answers.pop(0), b"{}", "application/json")
            else:
                well_behaved(exchange)

        with serve(handler) as server:
            (transcript,), recorder = record(server.url)
        assert recorder.requests == asked
        assert transcript.status == (200 if failures == 1 else int(status[:3]))
        assert [note for note in transcript.notes if status[:3] in note]


def in_seconds(seconds):
    return f"Retry-After: {format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)}"


@pytest.mark.parametrize(
    ("header", "asked"),
    [
        ("retry-after-ms: 10", 3),
        ("retry-after-ms: 60000", 1),
        ("retry-after-ms: 10\r\nRetry-After: 3600", 3),
        (in_seconds(-5), 3),
        (in_seconds(3600), 1),
        ("Retry-After: inf", 3),
    ],
)
def test_the_time_to_come_back_is_read_in_all_its_forms(header, asked):
    def handler(exchange):
        exchange.answer("429 Too Many Requests", b"{}", "application/json", header)

    with serve(handler) as server:
        _, recorder = record(server.url)
    assert recorder.requests == asked


def test_a_server_that_hangs_is_waited_for_long_once_only():
    def handler(exchange):
        exchange.stream_head()
        exchange.event({"id": "x"})
        exchange.stopping.wait(10)

    limits = replace(PATIENT, idle=0.2, hang=3.0, at_once=1)
    with serve(handler) as server:
        transcripts, _ = record(server.url, STREAM, replace(STREAM, name="again"), limits=limits)
    silences = [transcript.ending.at - transcript.reads[-1].at for transcript in transcripts]
    assert silences[0] > 2.9
    assert silences[1] < 2


@pytest.mark.parametrize("after", ["0", "3600"])
def test_a_server_that_stays_busy_is_left_alone(after):
    def handler(exchange):
        exchange.answer("429 Too Many Requests", b"{}", "application/json", f"Retry-After: {after}")

    with serve(handler) as server:
        (transcript,), recorder = record(server.url)
    assert transcript.status == 429
    assert recorder.requests == (3 if after == "0" else 1)


def test_a_model_that_refuses_parameters_is_asked_without_them():
    def handler(exchange):
        for name in ("max_tokens", "temperature", "seed"):
            if name in exchange.json:
                message = f"Unsupported parameter: '{name}' is not supported with this model."
                exchange.error("400 Bad Request", message, param=name, code="unsupported_parameter")
                return
        well_behaved(exchange)

    with serve(handler) as server:
        transcripts, recorder = record(server.url, STREAM, WHOLE)
    assert [transcript.status for transcript in transcripts] == [200, 200]
    assert recorder.requests == 5  # what the first probe learnt is not asked again
    assert "max_completion_tokens" in transcripts[1].request.json
    assert all(any("refused" in note for note in transcript.notes) for transcript in transcripts)


def test_a_server_that_dies_costs_a_few_requests_and_no_false_verdict():
    def handler(exchange):
        well_behaved(exchange)
        server.die()

    probes = [replace(WHOLE, name=f"probe-{number}") for number in range(20)]
    with serve(handler) as server:
        transcripts, recorder = record(server.url, *probes, limits=replace(PATIENT, at_once=2))
    assert len(transcripts) == 20
    assert recorder.requests < 10
    lost = [transcript for transcript in transcripts if transcript.status is None]
    assert len(lost) >= 16
    assert "the server is gone" in lost[-1].ending.detail
    assert "refused" in lost[-1].ending.detail


def test_no_more_requests_are_sent_than_allowed():
    with serve(well_behaved) as server:
        transcripts, recorder = record(server.url, STREAM, WHOLE, STREAM, limits=replace(PATIENT, requests=2))
    assert recorder.requests == len(server.seen) == 2
    assert "--conformance-max-requests=2" in transcripts[2].ending.detail


def test_no_more_requests_run_at_once_than_allowed():
    running, most, lock = 0, 0, threading.Lock()

    def handler(exchange):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        exchange.stopping.wait(0.05)
        with lock:
            running -= 1
        well_behaved(exchange)

    with serve(handler) as server:
        record(server.url, *[WHOLE] * 12, limits=replace(PATIENT, at_once=3))
    assert 1 < most <= 3


def test_the_proxy_that_is_named_is_used_and_that_of_the_environment_is_not(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with serve(well_behaved) as server:
        (transcript,), _ = record(server.url)
        assert transcript.status == 200
        record(target("http://example.test/v1", proxy=f"http://127.0.0.1:{server.port}"))
        assert server.seen[1].target.startswith("http://example.test")


@pytest.mark.parametrize(("option", "value"), [("ca", "/nowhere/ca.pem"), ("ca", __file__), ("proxy", "what://ever")])
def test_certificates_and_proxies_that_cannot_be_used_are_said_so(option, value):
    with pytest.raises(TargetError, match=f"--target-{option}"):
        record("https://127.0.0.1:1/v1", **{option: value})


def find(url, **limits):
    return asyncio.run(discover(parse(url, environment={}), replace(PATIENT, **limits)))


def test_the_only_model_is_found_with_and_without_v1():
    with serve(well_behaved) as server:
        for url in (server.url, server.url.removesuffix("/v1")):
            found = find(url)
            assert (found.target.model, found.target.url, found.recorder.requests) == ("tiny", server.url, 1)


@pytest.mark.parametrize(("where", "given"), [("/models", ""), ("/api/v1/models", "/api"), ("/api/models", "/api")])
def test_the_other_spelling_of_the_base_url_is_tried(where, given):
    def handler(exchange):
        exchange.answer_json(MODELS) if exchange.path == where else exchange.error("404 Not Found", "no")

    with serve(handler) as server:
        found = find(f"http://127.0.0.1:{server.port}{given}")
    assert found.target.prefix == where.removesuffix("/models")


def test_a_server_that_loads_its_model_is_waited_for(monkeypatch):
    monkeypatch.setattr("conformance.discovery.LOADING", 0.01)
    answers = ["503 Service Unavailable"] * 3

    def handler(exchange):
        exchange.error(answers.pop(), "Loading model") if answers else well_behaved(exchange)

    with serve(handler) as server:
        assert find(server.url).target.model == "tiny"


def test_a_target_without_model_list_is_examined_under_the_model_that_is_named():
    with serve(lambda exchange: exchange.error("404 Not Found", "no")) as server:
        found = asyncio.run(discover(parse(server.url, environment={}, model="mine"), PATIENT))
        assert (found.target.model, found.target.url) == ("mine", server.url)


def refused(exchange):
    if exchange.path == "/v1/models":
        exchange.answer_json(MODELS)
    elif "authorization" not in exchange.headers:
        exchange.error("401 Unauthorized", "no key")
    else:
        exchange.error("404 Not Found", "The model does not exist", code="model_not_found")


def nowhere(exchange):
    exchange.error("404 Not Found", "nothing here")


@pytest.mark.parametrize(
    ("handler", "environment", "words"),
    [
        (refused, {}, 'status 401 \\("no key"\\); put the API key into'),
        (refused, {"TARGET_API_KEY": "sk-1234567"}, "is --target-model=mine right\\? it has tiny"),
        (nowhere, {}, "no model list; is this the base URL"),
    ],
)
def test_a_target_that_refuses_ordinary_requests_is_unusable(handler, environment, words):
    with serve(handler) as server, pytest.raises(TargetError, match=words):
        asyncio.run(discover(parse(server.url, environment=environment, model="mine"), PATIENT, STREAM))


def test_a_model_that_is_not_listed_may_be_known_all_the_same():
    def handler(exchange):
        exchange.answer_json(MODELS if exchange.path == "/v1/models" else {"id": "x"})

    with serve(handler) as server:
        found = asyncio.run(discover(parse(server.url, environment={}, model="alias"), PATIENT, STREAM))
        assert [transcript.probe for transcript in found.transcripts] == ["models", "stream"]
        assert found.recorder.requests == len(server.seen) == 2


def free_port():
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return listener.getsockname()[1]


def test_a_target_that_refuses_is_unusable():
    with pytest.raises(TargetError, match="connection refused; check that the server is running"):
        find(f"http://127.0.0.1:{free_port()}/v1")


def test_https_to_a_server_of_plain_http_is_told_from_other_troubles():
    with serve(well_behaved) as server, pytest.raises(TargetError, match="--target-url=http://"):
        find(server.url.replace("http:", "https:"))


def test_a_connection_that_gets_no_further_ends_in_time():
    listener = socket.create_server(("127.0.0.1", 0))
    with closing(listener):
        port = listener.getsockname()[1]
        with pytest.raises(TargetError, match=r"no (answer|connection) within 0\.3 s"):
            find(f"http://127.0.0.1:{port}/v1", first=0.3)
        with pytest.raises(TargetError, match=r"no connection within 0\.3 s"):
            find(f"https://127.0.0.1:{port}/v1", connect=0.3)

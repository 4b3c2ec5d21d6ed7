"""Files are recognised by what is in them, whatever they are called."""

import base64
import gzip
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance import goldens
from conformance.reading import Batch, Skipped, Trouble, read, read_stream
from conformance.transcript import dumps

CHUNK = '{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[]}'
STREAM = f"data: {CHUNK}\n\ndata: [DONE]\n\n".encode()
WHOLE = b'{"id":"c","object":"chat.completion","choices":[]}'
ROW = {"id": "first", "endpoint": "/v1/chat/completions", "request": None, "status": 200, "body": STREAM.decode()}


def items(data: bytes, endpoint: str = ""):
    return list(read_stream(io.BytesIO(data), "some.file", endpoint))


def only(data: bytes, endpoint: str = ""):
    [batch] = items(data, endpoint)
    assert isinstance(batch, Batch), batch
    [exchange] = batch.exchanges
    return exchange


def trouble(data: bytes) -> str:
    [found] = items(data)
    assert isinstance(found, Trouble)
    return found.message


@pytest.mark.parametrize(
    "data",
    [
        STREAM,
        b"\xef\xbb\xbf" + STREAM,
        b"\r\n" + STREAM.replace(b"\n", b"\r\n"),
        b": keep-alive\n\n" + STREAM,
        b"id: 5\n" + STREAM,
        CHUNK.encode() + b"\n\n" + STREAM,  # the first event lost its prefix
    ],
)
def test_a_stream_is_a_stream(data):
    exchange = only(data)
    assert exchange.kind == "chat.stream"
    assert exchange.transcript.body() == data
    assert "headers" not in exchange.transcript.knows


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize(
    "before",
    [
        [],
        ["HTTP/1.1 100 Continue", ""],
        ["HTTP/1.1 200 Connection established", "", "HTTP/1.1 103 Early Hints", "Link: x", ""],
    ],
)
def test_what_curl_prints_has_heads_before_its_body(before, end):
    head = [*before, "HTTP/1.1 200 OK", "Content-Type: text/event-stream", "Set-Cookie: secret=1", "X-Empty:", "", ""]
    exchange = only(end.join(head).encode() + STREAM)
    assert exchange.transcript.headers == (("Content-Type", "text/event-stream"), ("X-Empty", ""))
    assert exchange.transcript.body() == STREAM
    assert exchange.transcript.knows == {"headers", "chunks", "ids", "bytes", "ending"}


def test_a_head_of_http_2_has_no_reason():
    assert only(b"HTTP/2 404 \r\ncontent-type: application/json\r\n\r\n{}").kind == "error"


def test_an_answer_without_headers_or_body_is_one():
    assert only(b"HTTP/1.1 503 Service Unavailable\r\n\r\n").transcript.status == 503


def test_a_body_shorter_than_announced_is_truncated():
    assert only(b"HTTP/1.1 200 OK\nContent-Length: 5000\n\n" + STREAM).transcript.ending.kind == "truncated"
    assert only(b"HTTP/1.1 200 OK\nContent-Length: %d\n\n" % len(STREAM) + STREAM).transcript.ending.kind == "eof"


def test_a_head_without_its_end_is_refused():
    assert "blank line" in trouble(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain")


def test_a_transcript_is_what_it_was():
    golden = goldens.load("chat-stream")
    assert only(dumps(golden).encode()).transcript.to_json() == golden.to_json()


def test_a_bare_answer_is_judged_as_its_object_says():
    assert only(WHOLE).kind == "chat"
    assert only(json.dumps(json.loads(WHOLE), indent=4).encode()).kind == "chat"
    assert only(b'{"error":{"message":"no"}}').kind == "error"


def test_an_answer_that_does_not_parse_is_still_an_answer():
    assert only(WHOLE[:-4]).transcript.body() == WHOLE[:-4]


def test_anything_is_a_body_if_the_user_names_the_endpoint():
    assert only(b"Internal Server Error", "chat").kind == "chat"


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_lines_are_exchanges(pack):
    rows = [
        ROW,
        {"body": WHOLE.decode(), "status": 200},
        {"case": "third", "body_base64": base64.b64encode(STREAM).decode()},
    ]
    found = items(pack("\n\n".join(map(json.dumps, rows)).encode()))
    assert [batch.exchanges[0].id for batch in found] == ["first", "some.file:3", "third"]
    assert [batch.exchanges[0].kind for batch in found] == ["chat.stream", "chat", "chat.stream"]
    assert [batch.exchanges[0].source.line for batch in found] == [1, 3, 5]


def test_one_exchange_may_stand_alone_or_in_an_array():
    assert only(json.dumps(ROW, indent=2).encode()).id == "first"
    assert [batch.exchanges[0].id for batch in items(json.dumps([ROW, ROW]).encode())] == ["first", "first"]


def test_spoilt_lines_are_counted_and_the_others_read():
    data = b"\n".join([b"{oops", json.dumps(ROW).encode(), b"{oops", b"5", b'{"status":200,"request":null}'])
    batch, broken, skipped = items(data)
    assert isinstance(batch, Batch)
    assert isinstance(broken, Trouble)
    assert broken.message.startswith("line 1: not JSON")
    assert "(and 1 more line)" in broken.message
    assert "line 4: no JSON object" in broken.message
    assert skipped == Skipped("some.file", "line 5: it has no body")


def test_lines_without_any_body_are_nothing_to_judge():
    assert trouble(b'{"status":200,"request":{}}\n' * 2).startswith("nothing to judge: line 1: it has no body")


def test_a_chunk_alone_is_no_answer():
    assert "a chunk without its stream" in trouble(CHUNK.encode())


def har(*entries):
    return json.dumps({"log": {"version": "1.2", "entries": list(entries)}}, indent=1).encode()


def entry(body=None, *, url="https://host/v1/chat/completions?key=topsecretkey", status=200, request=None, **content):
    return {
        "request": {
            "method": "POST",
            "url": url,
            "headers": [{"name": "Authorization", "value": "Bearer sk-abcdefghijkl"}, {"name": "X", "value": "1"}],
            **({"postData": {"mimeType": "application/json", "text": json.dumps(request)}} if request else {}),
        },
        "response": {
            "status": status,
            "headers": [{"name": "content-type", "value": "text/event-stream"}],
            "content": content | ({} if body is None else {"text": body}),
        },
    }


def test_har_entries_are_exchanges_with_request_and_headers():
    request = {"model": "m", "messages": [], "stream": True}
    text, packed = items(
        har(
            entry(STREAM.decode(), request=request),
            entry(base64.b64encode(STREAM).decode(), encoding="base64", size=len(STREAM)),
        )
    )
    [first], [second] = text.exchanges, packed.exchanges
    assert first.transcript.request.json == request
    assert first.transcript.knows == {"request", "headers", "chunks", "ids", "bytes", "ending"}
    assert second.transcript.body() == STREAM
    assert (first.id, second.id) == ("some.file#1", "some.file#2")


def test_secrets_of_a_har_entry_stay_out_of_the_transcript():
    body = json.dumps({"error": {"message": "bad key sk-abcdefghijkl, or topsecretkey"}})
    exchange = only(har(entry(body, status=401)))
    assert "sk-abcdefghijkl" not in dumps(exchange.transcript)
    assert "topsecretkey" not in dumps(exchange.transcript)


def test_har_entries_that_say_nothing_are_skipped_with_a_word():
    page = entry("<html>", url="https://host/index.html")
    batch, skipped = items(har(entry(STREAM.decode()), entry(), page))
    assert isinstance(batch, Batch)
    assert skipped.message == "entry 2: no body was saved; entry 3: no call of a known endpoint"


def test_a_har_without_bodies_is_nothing_to_judge():
    assert trouble(har(entry(), entry())) == "nothing to judge: entry 1: no body was saved (and 1 more entry)"
    assert trouble(har()) == "nothing to judge: no entries"


def test_a_har_body_that_was_not_kept_to_its_end_proves_no_absence():
    assert only(har(entry(STREAM.decode(), size=10**6))).transcript.ending.kind == "open"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\n \r\n", "empty"),
        (b"\x00\x01\x02", "binary"),
        (b"<html></html>", "not a server-sent event stream"),
        (b'{"name":"package"}', "neither an exchange nor an answer"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"format":"openai-conformance/report/1"}', "no transcript"),
        (dumps(goldens.load("models")).encode()[:300], "a transcript that does not parse"),
        (har(entry(STREAM.decode()))[:-20], "HAR that does not parse"),
        (b"\x1f\x8bnonsense", "broken gzip"),
        (gzip.compress(STREAM)[:-10], "broken gzip"),
    ],
)
def test_what_cannot_be_read_is_named(data, words):
    assert words in trouble(data)


def test_a_gzip_that_breaks_off_gives_what_came_before():
    lines = b"".join(json.dumps(ROW | {"id": str(n)}).encode() + b"\n" for n in range(50))
    # Without compression the blocks that came are whole.
    *batches, broken = items(gzip.compress(lines, 0)[:-30])
    assert len(batches) > 20
    assert isinstance(broken, Trouble)


def test_a_line_above_the_limit_is_passed_over(monkeypatch):
    monkeypatch.setattr("conformance.reading.stream.LIMIT", 1000)
    long = b'{"body":"' + b"x" * 5000 + b'"}\n'
    batch, broken = items(long + json.dumps(ROW).encode() + b"\n")
    assert isinstance(batch, Batch)
    assert "MiB" in broken.message
    assert "MiB" in trouble(b"data: " + b"x" * 5000)


@pytest.fixture
def folder(tmp_path):
    for name in ("chat-stream", "models"):
        (tmp_path / f"{name}.json").write_text(dumps(goldens.load(name)))
    (tmp_path / "notes.txt").write_text("mine")
    return tmp_path


def test_transcripts_of_one_folder_come_together(folder):
    [batch] = read([str(folder)])
    assert [exchange.transcript.probe for exchange in batch.exchanges] == ["chat-stream", "models"]
    [named] = read(sorted(str(path) for path in folder.glob("*.json")))
    assert [exchange.id for exchange in named.exchanges] == [exchange.id for exchange in batch.exchanges]


def test_a_report_folder_means_its_transcripts(folder, tmp_path_factory):
    report = tmp_path_factory.mktemp("report")
    folder.rename(report / "transcripts")
    (report / "report.json").write_text("{}")
    [batch] = read([str(report)])
    assert len(batch.exchanges) == 2


def test_a_cut_transcript_does_not_stop_the_others(folder):
    path = folder / "models.json"
    path.write_text(path.read_text()[:400])
    broken, batch = read([str(folder)])
    assert isinstance(broken, Trouble)
    assert broken.path == str(path)
    assert len(batch.exchanges) == 1


def test_missing_files_and_empty_folders_are_named(tmp_path):
    missing, empty = read([str(tmp_path / "nowhere"), str(tmp_path)])
    assert missing == Trouble(str(tmp_path / "nowhere"), "No such file or directory")
    assert empty == Trouble(str(tmp_path), "a folder without transcripts")


FRAGMENTS = st.sampled_from(
    [
        STREAM,
        WHOLE,
        json.dumps(ROW).encode(),
        har(entry(STREAM.decode())),
        dumps(goldens.load("models")).encode(),
        b"HTTP/1.1 200 OK\r\n",
        b"\r\n\r\n",
        b"\n",
        b"data: ",
        b"{",
        b"[",
        b'{"log":{"entries":[',
        b"\x1f\x8b",
        b"\xef\xbb\xbf",
    ]
)


@given(st.lists(FRAGMENTS | st.binary(max_size=30), max_size=5), st.integers(0, 4000), st.sampled_from(["", "chat"]))
def test_whatever_a_file_holds_something_is_said_of_it(parts, length, endpoint):
    found = items(b"".join(parts)[:length], endpoint)
    assert found
    assert all(isinstance(item, Batch | Skipped | Trouble) for item in found)
    assert all("\n" not in item.message for item in found if not isinstance(item, Batch))

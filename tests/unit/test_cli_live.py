"""Standard input is shown as it comes, and what is said at once is what is said at the end."""

import io

import pytest

import conformance.requirements  # noqa: F401 - fills the registry
from conformance import goldens, sse
from conformance.cli import live
from conformance.cli.judging import judge_together
from conformance.cli.lint import all_requirements
from conformance.cli.single import judge_event, key, singles
from conformance.exchange import Exchange, Source
from conformance.features import endpoint
from conformance.profile import load
from conformance.reading import Batch, Trouble
from conformance.requirement import REGISTRY
from conformance.views.answer import is_stream

STRICT = load("strict")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


class Pieces(io.RawIOBase):
    """A pipe that gives one piece at a time, and may be interrupted at its end."""

    def __init__(self, pieces, *, interrupted=False):
        self.pieces, self.interrupted = list(pieces), interrupted

    def readable(self):
        return True

    def readinto(self, buffer):
        if not self.pieces:
            if self.interrupted:
                self.interrupted = False
                raise KeyboardInterrupt
            return 0
        piece = self.pieces.pop(0)
        buffer[: len(piece)] = piece
        return len(piece)


def followed(pieces, *, interrupted=False):
    out, told = io.StringIO(), set()
    file = io.BufferedReader(Pieces(pieces, interrupted=interrupted))
    items = list(live.follow(file, out, STRICT, all_requirements(), "", told))
    return out.getvalue(), items, told


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


STREAMED = [fault for fault in REGISTRY.faults.values() if is_stream(goldens.load(fault.golden))]


@pytest.mark.parametrize("fault", STREAMED, ids=lambda fault: fault.name)
def test_what_is_said_of_an_event_at_once_is_said_of_the_whole_too(fault):
    transcript = fault.apply(goldens.load(fault.golden))
    [whole], _ = judge_together([Exchange("x", transcript, Source("x"))], all_requirements(), STRICT)
    requirements, body, name = singles(all_requirements()), transcript.body(), endpoint(transcript.request.path)
    for event in sse.Parser().feed(body):
        raw = body[event.start : event.dispatched_at + 1]
        if event.data is not None and is_stream(transcript) and 200 <= transcript.status < 300:
            said = judge_event(raw, event, requirements, STRICT, name)
            assert {key(finding) for finding in said} <= {key(finding) for finding in whole.findings}


def test_many_requirements_are_judged_at_once():
    assert len(singles(all_requirements())) > 40


@pytest.mark.parametrize("head", [b"", HEAD])
@pytest.mark.parametrize("size", [1, 7, 10**6])
def test_events_are_shown_however_the_bytes_are_cut(head, size):
    body = goldens.load("chat-stream").body()
    text, [batch], _ = followed(cut(head + body, size))
    assert isinstance(batch, Batch)
    [exchange] = batch.exchanges
    assert exchange.kind == "chat.stream"
    assert exchange.transcript.body() == body
    assert exchange.transcript.ending.kind == "eof"
    shown = [line for line in text.splitlines() if " s  " in line]
    assert len(shown) == body.count(b"\n\n") + 1
    assert "[DONE]" in shown[-2]
    assert ("headers" in exchange.transcript.knows) == bool(head)


def test_interim_heads_are_passed_over():
    body = goldens.load("chat-stream").body()
    pieces = [b"HTTP/1.1 200 Connection established\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", HEAD, body]
    text, [batch], _ = followed(pieces)
    assert text.startswith("status 200\n")
    assert batch.exchanges[0].transcript.body() == body


def test_a_finding_on_an_event_is_told_once_and_at_once():
    bad = b"data: {'a'}\n\n"
    text, [batch], told = followed([bad, goldens.load("chat-stream").body()])
    assert text.index("json-event-parses") < text.index("    1 +")
    assert [name for name, _, _ in told] == ["json-event-parses"]
    [whole], _ = judge_together(batch.exchanges, all_requirements(), STRICT)
    assert told <= {key(finding) for finding in whole.findings}


def test_an_interrupt_ends_it_and_nothing_is_concluded_from_the_end():
    body = goldens.load("chat-stream").body()
    text, [batch], _ = followed([body[: len(body) // 2]], interrupted=True)
    assert "interrupted" in text
    assert batch.exchanges[0].transcript.ending.kind == "open"
    [judged], _ = judge_together(batch.exchanges, all_requirements(), STRICT)
    assert judged.findings == ()


def test_events_are_escaped():
    text, _, _ = followed([b"data: \x1b[2J\xe2\x80\xae\n\n"])
    assert "<ESC>[2J<U+202E>" in text
    assert "\x1b" not in text


def test_what_is_no_stream_is_read_as_a_file_is():
    text, [batch], _ = followed(cut(b'{"object":"chat.completion"}', 3))
    assert text == ""
    assert batch.exchanges[0].kind == "chat"
    _, [lines], _ = followed([b'{"status":200,"body":"data: [DONE]\\n\\n"}\n'])
    assert lines.exchanges[0].kind == "chat.stream"


def test_a_whole_answer_with_a_head_is_judged_at_its_end():
    text, [batch], _ = followed([b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n\r\n", b'{"error":{}}'])
    assert text.startswith("status 404\n")
    assert batch.exchanges[0].kind == "error"


def test_nothing_at_all_is_empty():
    assert followed([])[1] == [Trouble("stdin", "empty")]


def test_an_endless_stream_ends_at_the_limit(monkeypatch):
    monkeypatch.setattr(live, "LIMIT", 1000)
    _, [trouble], _ = followed([b"data: x\n\n" * 50] * 10)
    assert isinstance(trouble, Trouble)


def test_after_many_events_no_more_are_shown(monkeypatch):
    monkeypatch.setattr(live, "MOST", 3)
    text, _, _ = followed([b"data: {}\n\n" * 10])
    assert "further events are judged at the end" in text
    assert text.count(" s  {}") == 3

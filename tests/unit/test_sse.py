"""The parser against the standard's own test cases, however the bytes are cut.

The names are those of the `eventsource` folder of the web platform tests; the bytes are written anew.
"""

import pytest

from conformance.sse import BOM, Event, Parser, parse

# name: (body, what a client is given as (event name, data), last event id)
WHATWG: dict[str, tuple[bytes, list[tuple[str | None, str]]]] = {
    "format-bom": (BOM + b"data:1\n\n\xef\xbb\xbfdata:2\n\ndata:3\n\n", [(None, "1"), (None, "3")]),
    "format-bom-2": (BOM + BOM + b"data:1\n\ndata:2\n\ndata:3\n\n", [(None, "2"), (None, "3")]),
    "format-comments": (
        b"data:1\n:\0\n:\r\ndata:2\n:" + b"x" * 2048 + b"\rdata:3\n:data:fail\r:" + b"x" * 99 + b"\ndata:4\n\n",
        [(None, "1\n2\n3\n4")],
    ),
    "format-data-before-final-empty-line": (b"retry:1000\ndata:test1\n\nid:test\ndata:test2", [(None, "test1")]),
    "format-field-data": (b"data:\n\ndata\ndata\n\ndata:test\n\n", [(None, ""), (None, "\n"), (None, "test")]),
    "format-field-event": (b"event:test\ndata:x\n\ndata:x\n\n", [("test", "x"), (None, "x")]),
    "format-field-event-empty": (b"event: \ndata:data\n\n", [("", "data")]),
    "format-field-parsing": (
        b"data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n",
        [(None, "\0\n 2\n1\n3\n\n4")],
    ),
    "format-field-retry": (b"retry:3000\n\ndata:test\n\n", [(None, "test")]),
    "format-field-retry-bogus": (b"retry:3000\nretry:1000x\ndata:x\n\n", [(None, "x")]),
    "format-field-retry-empty": (b"retry\ndata:test\n\n", [(None, "test")]),
    "format-field-unknown": (
        b"data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\n\n",
        [(None, "test\n")],
    ),
    "format-leading-space": (b"data:\ttest\rdata: \ndata:test\n\n", [(None, "\ttest\n\ntest")]),
    "format-newlines": (b"data:test\r\ndata\ndata:test\r\n\r\n", [(None, "test\n\ntest")]),
    "format-null-character": (b"data:\0\n\n\n\n", [(None, "\0")]),
    "format-utf-8": ("data:ok…\n\n".encode(), [(None, "ok…")]),
}


def dispatched(events: list[Event]) -> list[tuple[str | None, str]]:
    return [(event.name, event.data) for event in events if event.complete and event.data is not None]


def whole(body: bytes) -> tuple[list[Event], Parser]:
    return parse(body)


def in_pieces(*pieces: bytes) -> tuple[list[Event], Parser]:
    parser = Parser()
    events = [event for piece in pieces for event in parser.feed(piece)]
    return events + parser.close(), parser


@pytest.mark.parametrize("name", WHATWG)
def test_the_standards_cases_give_the_standards_events(name: str) -> None:
    body, expected = WHATWG[name]
    assert dispatched(whole(body)[0]) == expected


@pytest.mark.parametrize("tail", [b"", b"data: cut", b": comment", b"\r", b"\n\n\n", b"\xff"])
@pytest.mark.parametrize("name", WHATWG)
def test_the_cut_makes_no_difference(name: str, tail: bytes) -> None:
    body = WHATWG[name][0] + tail
    events, parser = whole(body)
    assert in_pieces(*(body[i : i + 1] for i in range(len(body)))) == (events, parser)
    for cut in range(len(body) + 1):
        assert in_pieces(body[:cut], body[cut:]) == (events, parser), cut


def test_trailing_data_is_an_incomplete_event_and_never_dispatched() -> None:
    events, _ = whole(b"data: 1\n\ndata: 2\n")
    assert [(event.data, event.complete) for event in events] == [("1", True), ("2", False)]


def test_offsets_point_at_the_bytes() -> None:
    body = b": hi\n\ndata: one\r\n\r\nevent: x\ndata: two\n\n"
    events, parser = whole(body)
    assert [body[event.start : event.stop] for event in events] == [b"data: one", b"event: x\ndata: two"]
    assert [body[event.dispatched_at :] for event in events] == [b"\r\nevent: x\ndata: two\n\n", b"\n"]
    assert [body[c.start : c.stop] for c in parser.comments] == [b": hi"]
    assert parser.line_ends == {b"\n": 4, b"\r\n": 15}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"id:1\ndata:x\n\ndata:y\n\n", ["1", "1"]),
        (b"id:1\ndata:x\n\nid\ndata:y\n\n", ["1", ""]),
        (b"id:1\ndata:x\n\nid:2\0\ndata:y\n\n", ["1", "1"]),
    ],
)
def test_the_last_event_id_is_sticky(body: bytes, expected: list[str]) -> None:
    assert [event.last_event_id for event in whole(body)[0]] == expected


@pytest.mark.parametrize(
    ("value", "retry"), [(b"3000", 3000), (b"1000x", None), (b"", None), ("٣".encode(), None), (b"9" * 5000, None)]
)
def test_retry_is_a_number_of_ascii_digits(value: bytes, retry: int | None) -> None:
    assert whole(b"retry:" + value + b"\n\n")[0][0].retry == retry


def test_a_byte_order_mark_is_noted_once() -> None:
    assert whole(BOM + b"data: x\n\n")[1].bom
    assert not whole(b"data: x\n\n")[1].bom
    assert whole(BOM)[0] == []
    assert [event.data for event in in_pieces(b"\xef", b"\xbb")[0]] == [None]


def test_bad_utf_8_is_kept_as_it_came() -> None:
    events, _ = whole(b"data: \xff\n\n")
    assert events[0].data == "\ufffd"
    assert events[0].fields[0].value == b"\xff"

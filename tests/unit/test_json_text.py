"""JSON texts are read as RFC 8259 has them; whatever is odd is named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.json_text import MAX_DEPTH, parse, parse_bytes, show


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ('{"a": 1, "a": 2}', ["duplicate-key"]),
        ("[NaN, Infinity, -Infinity]", ["not-a-number"] * 3),
        ('"\\ud83d"', ["lone-surrogate"]),
        ('"\\ud83d\\ude00"', []),
        ("9007199254740991", []),
        ("9007199254740992", ["unsafe-integer"]),
        ("9" * 5000, ["unsafe-integer"]),
        ("1e400", []),
        ('"123456789012345678901234567890"', []),
        (' {"a": [1, 2.5, null]}\n', []),
    ],
)
def test_oddities_are_named(text: str, kinds: list[str]) -> None:
    found = parse(text)
    assert found.error == ""
    assert [oddity.kind for oddity in found.oddities] == kinds


@pytest.mark.parametrize(
    "text", ["", "{", "{'a': 1}", '{"a": 1} x', "[1,]", '"\n"', "nul", "// c\n1", "\ufeff{}", "01"]
)
def test_what_is_no_json_has_an_error_and_no_value(text: str) -> None:
    found = parse(text)
    assert found.error
    assert found.value is None


def test_depth_is_bounded_and_brackets_in_strings_do_not_count() -> None:
    assert "deep" in parse("[" * 100_000).error
    assert "deep" in parse('{"a":' * 100_000 + "1" + "}" * 100_000).error
    assert parse(json.dumps("[" * 10_000)).error == ""
    assert parse("[" * MAX_DEPTH + "]" * MAX_DEPTH).error == ""
    assert parse("[" + "[]," * 2000 + "[]]").error == ""


def test_a_body_is_utf_8_without_byte_order_mark() -> None:
    assert "byte order mark" in parse_bytes(b"\xef\xbb\xbf{}").error
    assert "UTF-8 at byte 1" in parse_bytes(b'"\xff"').error
    assert parse_bytes(b"{}").value == {}


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_nothing_raises(text: str) -> None:
    parse(text)


@given(
    st.recursive(
        st.none() | st.floats() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_value_is_shown_on_one_short_line(value: object) -> None:
    shown = show(value)
    assert len(shown) <= 80
    assert "\n" not in shown
    shown.encode()


def test_half_a_surrogate_pair_can_be_shown() -> None:
    assert show("a\ud83d") == '"a\\ud83d"'

"""What a failing requirement prints: where, what, the bytes, and how to see it again; and nothing that can act."""

import re
import shlex
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_report_document import FINDING, SILENT, STREAM, verdict

from conformance.judge import Finding
from conformance.place import Where
from conformance.report import describe
from conformance.report.curl import WRONG_KEY, command
from conformance.report.escape import visible, visible_bytes
from conformance.report.excerpt import cut
from conformance.report.spot import locate, narrow
from conformance.transcript import Ending, Read, Request
from conformance.warrant import Level

HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\n\u202egnp.\u2066\u0000\u009b31m\ud800\u2028\ufeff"


def test_a_description_says_level_statement_source_place_and_how_to_repeat_it():
    lines = describe(verdict(FINDING), base_url="http://127.0.0.1:8000/v1").splitlines()
    assert lines[0] == "MUST  All chunks of a stream carry the same id."
    assert "  source  OpenAI documentation, chat-streaming: each chunk has the same id" in lines
    assert "  breaks  openai-node: two messages (raises)" in lines
    assert "  bug     https://example.org/1" in lines
    assert " 1. short answer, event 0, at 0.250 s, bytes 0-65, /id" in lines
    assert "    expected  id 'b'" in lines
    assert "    actual    id 'a'" in lines
    assert any(line.strip().startswith("curl -N http://127.0.0.1:8000/v1/chat/completions") for line in lines)


def test_carets_stand_under_the_value_that_the_pointer_names():
    lines = describe(verdict(FINDING)).splitlines()
    [caret] = [line for line in lines if set(line) == {" ", "|", "^"}]
    text = lines[lines.index(caret) - 1]
    assert text[caret.index("^") : caret.rindex("^") + 1] == '"a"'


def test_five_findings_are_shown_and_the_rest_is_counted():
    text = describe(verdict(*[FINDING] * 12))
    assert " 5. short answer" in text
    assert " 6. short answer" not in text
    assert "and 7 more" in text


def test_the_same_request_is_repeated_once():
    assert describe(verdict(FINDING, FINDING)).count("curl") == 1
    assert describe(verdict(FINDING, FINDING), curl=False).count("curl") == 0


def test_a_finding_without_a_place_says_what_the_answer_was():
    finding = Finding("chunk-id-constant", Level.MUST, "an answer", "none", Where(), SILENT)
    assert "    answer    no answer, 0 bytes, reset (connection reset)" in describe(verdict(finding)).splitlines()


def acts_on_a_terminal(text):
    return [c for c in text if c != "\n" and (unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp"))]


def test_no_server_text_reaches_the_terminal_as_more_than_text():
    transcript = replace(
        STREAM,
        reads=(Read(0, HOSTILE.encode("utf-8", "surrogatepass") + b"\xff\xfe"),),
        headers=(("Content-Type", HOSTILE),),
        ending=Ending("reset", 1, HOSTILE),
        probe=HOSTILE,
        request=Request("POST", HOSTILE, json={HOSTILE: HOSTILE}),
    )
    places = [Where(), Where(0, 0, 20, HOSTILE), Where(0, 3, 3)]
    findings = [Finding("chunk-id-constant", Level.MUST, HOSTILE, HOSTILE, where, transcript, 0.1) for where in places]
    text = describe(verdict(*findings, reason=HOSTILE))
    assert not acts_on_a_terminal(text)
    assert "<ESC>" in text
    assert "<U+202E>" in text


@given(st.text(alphabet=st.characters(codec=None)))
def test_visible_text_prints_and_keeps_what_printed_before(text):
    shown = visible(text)
    assert shown.isprintable()
    assert shown == text or not text.isprintable()


@given(st.binary())
def test_visible_bytes_print(data):
    assert visible_bytes(data).isprintable()


def test_bytes_that_are_no_utf_8_are_told_from_characters():
    assert visible_bytes(b"\xc3\xa9\xe9\r\n") == "é<xE9><CR><LF>"


@given(st.binary(max_size=300), st.integers(-5, 305), st.integers(-5, 305))
def test_an_excerpt_is_a_part_of_the_body_whatever_the_place(body, start, stop):
    excerpt = cut(body, start, stop, around=10, longest=30)
    whole = excerpt.before + excerpt.spot + excerpt.after
    assert body[excerpt.start :].startswith(whole)
    assert len(whole) <= 60
    assert all(line.isprintable() for line in excerpt.lines(20))


def test_an_excerpt_does_not_cut_through_a_character():
    body = "é".encode() * 100
    excerpt = cut(body, 100, 102, around=9, longest=20)
    assert "<x" not in visible_bytes(excerpt.before) + visible_bytes(excerpt.after)


def test_the_end_of_a_long_spot_is_left_out_and_its_size_said():
    lines = list(cut(b"x" * 1000, 0, 1000, longest=50).lines())
    assert lines[-1].strip() == "... | (950 more bytes)"


def test_a_place_between_two_bytes_is_marked():
    assert [line for line in cut(b"ab", 1, 1).lines() if "^" in line]


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("", '{"a b":[1, {"c/d":"é","~":null}]}'),
        ("/a b", '[1, {"c/d":"é","~":null}]'),
        ("/a b/0", "1"),
        ("/a b/1/c~1d", '"é"'),
        ("/a b/1/~0", "null"),
        ("/a b/1/missing", '{"c/d":"é","~":null}'),
        ("/a b/7", '[1, {"c/d":"é","~":null}]'),
        ("/a b/0/0", "1"),
    ],
)
def test_a_pointer_leads_to_the_innermost_value_there_is(pointer, found):
    text = '{"a b":[1, {"c/d":"é","~":null}]}'
    start, stop = locate(text, pointer)
    assert text[start:stop] == found


@given(st.text(alphabet='{}[]",:0a \\'), st.text(alphabet="/a0~", max_size=5))
def test_looking_for_a_value_in_garbage_finds_none_and_raises_nothing(text, pointer):
    locate(text, pointer)


def test_a_pointer_into_an_event_is_narrowed_in_bytes():
    body = 'data: {"é":"ü","x":1}\n\n'.encode()
    start, stop = narrow(body, Where(0, 0, len(body) - 2, "/x"))
    assert body[start:stop] == b"1"


def test_a_pointer_into_an_event_of_several_lines_means_the_event():
    body = b'data: {"x":\ndata: 1}\n\n'
    assert narrow(body, Where(0, 0, 20, "/x")) == (0, 20)


def test_a_pointer_without_offsets_is_meant_for_the_body():
    assert narrow(b'{"x":1}', Where(pointer="/x")) == (5, 6)


def test_a_command_line_repeats_the_request_and_holds_a_variable_for_the_key():
    line = command(STREAM.request, base_url="http://h/v1/")
    words = shlex.split(line)
    assert words[:3] == ["curl", "-N", "http://h/v1/chat/completions"]
    assert "Authorization: Bearer $TARGET_API_KEY" in words
    assert words[-1] == '{"model": "m", "stream": true, "messages": []}'


@pytest.mark.parametrize(
    ("path", "base", "url"),
    [
        ("/v1/models", "http://h/v1", "http://h/v1/models"),
        ("/models", "http://h/v1", "http://h/v1/models"),
        ("/v1/models", "http://h", "http://h/v1/models"),
        ("/v1beta/models", "http://h/v1", "http://h/v1/v1beta/models"),
        ("/v1/models", "", "$TARGET_URL/models"),
        ("http://u:p@h/v1/models?api-version=3", "", "http://h/v1/models?api-version=..."),
        ("/models", "https://h/openai?api-version=3", "https://h/openai/models?api-version=..."),
    ],
)
def test_the_address_of_a_command_line_is_put_together_without_secrets(path, base, url):
    assert shlex.split(command(Request("GET", path), base_url=base))[1] == url


def test_headers_that_may_be_secret_are_no_part_of_a_command_line():
    request = Request("POST", "/x", headers=(("X-My-Key", "secret"), ("Content-Type", "text/plain")), text="{")
    line = command(request)
    assert "secret" not in line
    assert "'content-type: text/plain'" in line


def test_a_wrong_key_is_part_of_a_command_line_and_any_other_key_is_not():
    for key in (WRONG_KEY, "sk-mine"):
        line = command(Request("POST", "/x", headers=(("Authorization", f"Bearer {key}"),), text="{"))
        assert (f"'Authorization: Bearer {key}'" in line) == (key == WRONG_KEY)
        assert ("Bearer $TARGET_API_KEY" in line) == (key != WRONG_KEY)


def test_a_body_with_control_characters_is_quoted_so_that_it_stays_one_printable_word():
    line = command(Request("POST", "/x", text="it's \x1b[2J \\ \u202e\n"))
    assert line.isprintable()
    assert re.search(r"\$'it\\'s \\x1b\[2J \\\\ \\xe2\\x80\\xae\\x0a'$", line)


def test_a_huge_body_is_named_by_its_size():
    assert "100,000 characters" in command(Request("POST", "/x", text="x" * 100_000))

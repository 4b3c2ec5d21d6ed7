"""The page says what the document says, needs nothing else, and nothing of the server's runs in it."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from test_report_document import FINDING, SILENT, STREAM, document, verdict

from conformance.judge import Finding, Outcome
from conformance.place import Where
from conformance.report import lines as lines_of_a_body
from conformance.report.html import render, size, wire
from conformance.report.lines import Spot, lines
from conformance.report.page import bars, headline
from conformance.transcript import Ending, Read, Request, Transcript
from conformance.warrant import Level

EVIL = (
    "<script>alert(1)</script></script><img src=x onerror=alert(2)>'\"><svg/onload=alert(3)>"
    "</style></title></pre>{{ 7*7 }}{% raw %}<!--]]>&lt;javascript:alert(4)\x1b[2J\u202e\u2066\0\ud800\u2028\ufeff"
)


def hostile(body=None, content_type="text/event-stream"):
    """Return a transcript with hostile text wherever the wire decides."""
    data = EVIL.encode("utf-8", "surrogatepass") + b"\xff\xfe\x80"
    body = b"data: " + data + b"\n\n:" + data + b"\ndata: [DONE]\n\n" if body is None else body
    return Transcript(
        Request(EVIL, f"/v1/{EVIL}", headers=((EVIL, EVIL),), json={EVIL: EVIL, "stream": True}),
        status=200,
        headers=(("content-type", content_type), (EVIL, EVIL)),
        reads=(Read(0.1, body[:7]), Read(0.2, body[7:])),
        ending=Ending("reset", 0.3, EVIL),
        probe=EVIL,
        group=EVIL,
        endpoint=EVIL,
        notes=(EVIL,),
    )


def hostile_page():
    transcripts = [hostile(), hostile(content_type=EVIL), hostile(EVIL.encode("utf-8", "replace"), "text/html")]
    places = [Where(), Where(0, 0, 40, EVIL), Where(1, 60, 80), Where(0, 3, 3, "/x")]
    findings = [
        Finding("chunk-id-constant", Level.MUST, EVIL, EVIL, where, t, 0.1) for t in transcripts for where in places
    ]
    built = document([verdict(*findings, reason=EVIL)], transcripts)
    built["target"] |= {"model": EVIL, "server": EVIL, "candidates": [EVIL]}
    return render(built, transcripts)


class Elements(HTMLParser):
    """Collects the elements of a page and their attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def of(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def page(*verdicts, transcripts=(STREAM, SILENT)):
    return render(document(list(verdicts), transcripts), transcripts)


def text_of(page):
    return re.sub(r"<[^>]+>", "", page.partition("<body>")[2].partition("<script>")[0])


def test_the_page_of_a_hostile_server_has_only_our_elements():
    elements = Elements(hostile_page())
    plain = Elements(page(verdict(FINDING)))
    assert len(elements.of("script")) == 1
    assert len(elements.of("style")) == 1
    assert {tag for tag, _ in elements.found} <= {tag for tag, _ in plain.found}
    assert not elements.of("img")
    names = {name for _, attributes in elements.found for name in attributes}
    assert not [name for name in names if name.startswith("on")]
    for link in elements.of("a"):
        assert re.match(r"(#|https?://|transcripts/[a-z0-9-]+\.json$|report\.json$)", link["href"])


def test_hostile_text_is_shown_not_obeyed():
    shown = text_of(hostile_page())
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "{{ 7*7 }}" in shown
    assert not re.search(
        "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]", shown
    )


def test_the_page_may_run_and_load_nothing_but_what_it_brings():
    [policy] = [m["content"] for m in Elements(page()).of("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/=]{44}'$", policy)


def test_the_page_loads_nothing():
    elements = Elements(page(verdict(FINDING)))
    assert not [a for tag, a in elements.found if "src" in a or (tag == "link" and a["href"] != "data:,")]


def test_a_finding_is_shown_with_its_bytes_and_a_way_to_repeat_it():
    shown = page(verdict(FINDING))
    assert '<mark>"a"</mark>' in shown
    assert "event 0, at 0.250 s, bytes 0-65, /id" in shown
    assert 'href="#t-001-short-answer-e0"' in shown
    assert 'id="t-001-short-answer-e0"' in shown
    assert "curl -N 'http://127.0.0.1:8000/v1/chat/completions?api-version=...'" in shown
    assert "user:pass" not in shown


def test_a_finding_without_bytes_says_what_the_answer_was():
    finding = Finding("chunk-id-constant", Level.MUST, "an answer", "none", Where(), SILENT)
    assert "The answer: no answer, 0 bytes, reset (connection reset)" in page(verdict(finding))


def test_many_findings_are_counted_and_only_the_first_are_shown():
    assert "and 30 more, in report.json" in page(verdict(*[FINDING] * 40))


def test_what_the_profile_explains_is_listed_with_its_reasons():
    told = verdict(outcome=Outcome.NOT_EXERCISED)._replace(foreseen="<nobody> asks", subjects=0)
    shown = page(told, verdict(outcome=Outcome.NOT_EXERCISED)._replace(subjects=0))
    assert "1 of 2 not exercised are explained by the profile compat" in shown
    assert '<li><a href="#chunk-id-constant">chunk-id-constant</a>: &lt;nobody&gt; asks</li>' in shown
    assert "although the profile" not in shown


def test_what_was_exercised_against_the_word_of_the_profile_is_named():
    shown = page(verdict(FINDING)._replace(foreseen="nobody asks"))
    assert 'although the profile says that it cannot be: <a href="#chunk-id-constant">' in shown
    assert "are explained" not in shown


def test_a_run_with_no_requests_has_a_page():
    assert "Nothing to judge" in page(transcripts=())


def test_a_page_stays_below_a_megabyte_however_much_was_recorded():
    event = b'data: {"id":"%d","choices":[{"index":0,"delta":{"content":"' + b"x" * 900 + b'"}}]}\n\n'
    big = replace(STREAM, reads=tuple(Read(i / 1000, event % i) for i in range(5_000)))
    assert len(page(verdict(FINDING), transcripts=[STREAM, *[big] * 60]).encode()) < 1_000_000


def test_a_huge_body_and_a_flood_of_headers_are_cut():
    flood = replace(
        STREAM, headers=tuple((f"x-{i}", "y" * 100_000) for i in range(5_000)), reads=(Read(0.1, b"<" * 5_000_000),)
    )
    assert len(page(transcripts=[flood])) < 300_000


@pytest.mark.parametrize(
    ("counts", "outcome", "sentence"),
    [
        ({"violated": 1, "held": 4}, "violated", "1 requirement is violated, 4 held."),
        (
            {"violated": 2, "held": 4, "broken": 1},
            "violated",
            "2 requirements are violated, 4 held, 1 could not be judged.",
        ),
        ({"inconclusive": 3, "held": 4}, "inconclusive", "3 requirements could not be judged, 4 held."),
        ({"held": 4, "advised": 2}, "held", "Nothing violated, 4 held. 2 requirements would be good to keep as well."),
        ({"not exercised": 9}, "not exercised", "No requirement was exercised."),
    ],
)
def test_the_headline_says_what_the_counts_come_to(counts, outcome, sentence):
    assert headline(counts)[0] == outcome
    assert headline(counts)[2] == sentence


def test_the_parts_of_a_bar_fill_it():
    [bar] = bars(document([verdict(FINDING), verdict(outcome=Outcome.HELD), verdict(outcome=Outcome.HELD)])["verdicts"])
    assert [(part[0], part[3]) for part in bar.parts] == [("violated", 1), ("held", 2)]
    assert sum(width for _, _, width, _ in bar.parts) == pytest.approx(100, abs=0.01)


def test_what_was_spelled_out_is_told_apart_and_lines_end_where_they_ended():
    assert str(wire("a<LF>b<CR><LF><LF>")) == "a<i>LF</i>\nb<i>CR</i><i>LF</i><i>LF</i>"


def test_text_that_keeps_its_quotes_stands_in_no_attribute():
    template = (files("conformance.report") / "report.html").read_text("utf-8")
    assert "wire }}" in template
    assert re.findall(r'="[^"]*\|(?:wire|verbatim)', template) == []


def test_sizes_are_given_in_words():
    assert [size(n) for n in (5, 12_345, 100_000_000)] == ["5 bytes", "12 kB", "100 MB"]


def joined(found):
    return "".join(text for line in found for text, _ in line.pieces)


def test_every_byte_of_a_stream_belongs_to_a_line():
    body = b"\xef\xbb\xbf: hi\r\ndata: 1\r\n\r\n\r\nevent: x\ndata: 2\n\ndata: [DONE]"
    found, _ = lines(replace(STREAM, reads=(Read(0, body),)), [], budget=10_000)
    assert joined(found).replace("<LF>", "\n").replace("<CR>", "\r").replace("<U+FEFF>", "\ufeff").encode() == body
    assert [line.number for line in found] == [0, 1, 2]


def test_what_a_finding_points_at_is_marked_and_named():
    found, _ = lines(STREAM, [Spot(12, 15, "chunk-id-constant"), Spot(13, 14, "other-thing")], budget=10_000)
    assert [text for text, kind in found[0].pieces if kind == "mark"] == ['"a"']
    assert found[0].requirements == ("chunk-id-constant", "other-thing")


def test_what_an_event_shares_with_the_one_before_is_told_apart():
    chunk = b'data: {"id":"chatcmpl-0123456789","choices":[{"delta":{"content":"%b"},"finish_reason":null}]}\n\n'
    body = b"".join(chunk % word for word in (b"Hello", b"Help"))
    found, _ = lines(replace(STREAM, reads=(Read(0, body),)), [], budget=10_000)
    assert [text for text, kind in found[1].pieces if kind == "plain"] == ['"Help']


def test_findings_are_shown_first_then_the_end_then_the_beginning():
    body = b"".join(b'data: {"n":%d}\n\n' % n for n in range(1000))
    offset = body.index(b'{"n":500}')
    found, used = lines(replace(STREAM, reads=(Read(0, body),)), [Spot(offset, offset + 9, "some-rule")], budget=2_500)
    assert used <= 2_500
    numbers = [line.number if not line.skipped else f"{line.skipped} not shown" for line in found]
    assert numbers[0] == 0
    assert [numbers.index(n) for n in (499, 500, 501)]
    assert numbers[-1] == 999
    assert sum(line.skipped or 1 for line in found) == 1000


def test_a_transcript_is_never_shown_with_too_many_events():
    body = b"data: 1\n\n" * 1000
    found, _ = lines(replace(STREAM, reads=(Read(0, body),)), [Spot(0, 1, "some-rule")] * 3, budget=10**9)
    assert len([line for line in found if not line.skipped]) == lines_of_a_body.MOST_EVENTS

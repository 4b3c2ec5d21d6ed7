import gzip
import json
import zlib

import pytest

from conformance.coding import decoded
from conformance.negotiation import THINKING, Negotiation
from conformance.redact import Redactor
from conformance.transcript import EVERY_FACET, Ending, Read, Request, Transcript

SECRET = "sk-abcdefghijklmnop"


def transcript(*pieces, status=200, headers=(), body=None, ending=None):
    reads = tuple(Read(number / 10, piece) for number, piece in enumerate(pieces))
    return Transcript(
        Request(path="/v1/chat/completions", json=body),
        status,
        headers,
        reads,
        ending or Ending("eof"),
        knows=EVERY_FACET,
    )


def test_an_echoed_secret_is_replaced_in_body_headers_and_ending():
    before = transcript(
        f"key {SECRET} is wrong".encode(),
        headers=(("X-Echo", f"Bearer {SECRET}"),),
        ending=Ending("reset", 1.0, f"said {SECRET}"),
    )
    after = Redactor({SECRET}).transcript(before)
    assert after.body() == b"key *** is wrong"
    assert after.headers == (("X-Echo", "Bearer ***"),)
    assert after.ending.detail == "said ***"
    assert after.knows == EVERY_FACET - {"framing", "bytes"}
    assert "echoed" in after.notes[0]


@pytest.mark.parametrize("cut", range(1, len(SECRET) + 10))
def test_a_secret_cut_over_reads_is_replaced_once(cut):
    body = f"1234{SECRET}5678{SECRET}".encode()
    after = Redactor({SECRET}).transcript(transcript(body[:cut], body[cut : cut + 3], body[cut + 3 :]))
    assert after.body() == b"1234***5678***"
    assert [read.at for read in after.reads] == sorted(read.at for read in after.reads)


def test_a_secret_is_found_in_the_spelling_of_json_and_of_urls():
    secret = 'a"b/c\\d+e-long-one'
    before = transcript(json.dumps({"key": secret}).encode() + b" a%22b%2Fc%5Cd%2Be-long-one")
    assert Redactor({secret}).transcript(before).body() == b'{"key": "***"} ***'


def test_a_short_secret_is_no_part_of_another_word():
    redactor = Redactor({"123456"})
    assert redactor.text('{"created": 1234567, "key": "123456"}') == '{"created": 1234567, "key": "***"}'


def test_a_transcript_without_secrets_is_left_as_it_is():
    before = transcript(b"nothing")
    assert Redactor({SECRET}).transcript(before).knows == EVERY_FACET
    assert Redactor(()).transcript(before) is before


@pytest.mark.parametrize(
    ("coding", "coded"),
    [
        ("gzip", gzip.compress(b"data: 1\n\n" * 50)),
        ("X-Gzip", gzip.compress(b"data: 1\n\n" * 20) + gzip.compress(b"data: 1\n\n" * 30)),
        ("deflate", zlib.compress(b"data: 1\n\n" * 50)),
        ("deflate", zlib.compress(b"data: 1\n\n" * 50, wbits=-15)),
    ],
)
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_a_coded_body_is_decoded_and_its_framing_is_no_longer_known(coding, coded, step):
    pieces = [coded[start : start + step] for start in range(0, len(coded), step)]
    after = decoded(transcript(*pieces, headers=(("Content-Encoding", coding),)), 10_000)
    assert after.body() == b"data: 1\n\n" * 50
    assert after.knows == EVERY_FACET - {"framing", "bytes"}
    assert after.ending.kind == "eof"


def test_a_bomb_is_decoded_to_its_limit():
    bomb = gzip.compress(b"\0" * 5_000_000)
    after = decoded(transcript(bomb, headers=(("Content-Encoding", "gzip"),)), 2_000_000)
    assert len(after.body()) <= 2_000_000
    assert after.ending.kind == "open"
    assert "2000000" in after.notes[0]


def test_broken_gzip_ends_where_it_breaks():
    coded = bytearray(gzip.compress(bytes(range(256)) * 100))
    coded[40] ^= 0xFF
    after = decoded(transcript(bytes(coded), headers=(("Content-Encoding", "gzip"),)), 1_000_000)
    assert after.ending.kind == "open"
    assert "decoded" in after.ending.detail


def test_an_unknown_coding_leaves_the_contents_unknown():
    after = decoded(transcript(b"???", headers=(("content-encoding", "br"),)), 1000)
    assert after.body() == b"???"
    assert not after.knows & {"chunks", "ids", "bytes", "framing"}


def test_a_body_without_coding_is_left_as_it_is():
    before = transcript(b"x", headers=(("content-encoding", "identity"),))
    assert decoded(before, 1) is before


def refusal(message, body, **error):
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None} | error
    return transcript(json.dumps({"error": error}).encode(), status=400, body=body)


BODY = {"messages": [], "max_tokens": 64, "temperature": 0, "seed": 1}


def test_a_refused_limit_is_sent_under_its_new_name_and_larger():
    negotiation = Negotiation()
    message = (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    )
    assert negotiation.learn(refusal(message, BODY, param="max_tokens", code="unsupported_parameter"))
    assert negotiation.apply(BODY) == {
        "messages": [],
        "max_completion_tokens": 64 + THINKING,
        "temperature": 0,
        "seed": 1,
    }
    assert negotiation.apply({"max_tokens": 8}) == {"max_completion_tokens": 8}
    assert "max_completion_tokens" in negotiation.notes[0]


@pytest.mark.parametrize(
    "error",
    [
        {"message": "Unrecognized request argument supplied: seed"},
        {"message": "Extra inputs are not permitted", "param": "seed"},
        {"message": "seed may only be set to null", "param": None},
        {"message": "may only be set to 1 when thinking is enabled", "param": "seed"},
    ],
)
def test_a_refusal_is_understood_in_many_words(error):
    negotiation = Negotiation()
    assert negotiation.learn(refusal(error.pop("message"), BODY, **error))
    assert negotiation.without == {"seed"}


def test_a_refusal_in_details_is_understood():
    details = [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted", "type": "extra_forbidden"}]
    negotiation = Negotiation()
    assert negotiation.learn(transcript(json.dumps({"detail": details}).encode(), status=422, body=BODY))
    assert negotiation.without == {"seed"}


def test_a_refusal_of_another_value_is_none_of_the_parameter():
    body = BODY | {"temperature": 2}
    assert not Negotiation().learn(refusal("'temperature' is at most 1", body, param="temperature"))


def test_refused_parameters_are_left_out():
    negotiation = Negotiation()
    message = "Unsupported value: 'temperature' does not support 0 with this model."
    assert negotiation.learn(refusal(message, BODY, param="temperature", code="unsupported_value"))
    assert negotiation.learn(refusal("`seed` is not supported", BODY))
    assert negotiation.apply(BODY) == {"messages": [], "max_tokens": 64}


@pytest.mark.parametrize(
    "answer",
    [
        refusal("messages is required", BODY, param="messages"),
        refusal("the server does not support this", BODY),
        refusal("max_tokens is too large", BODY, param="max_tokens"),
        refusal("'seed' is not supported", {"messages": []}),
        transcript(b'{"error": "unsupported seed"}', status=400, body=BODY),
        transcript(b"unsupported 'seed'", status=400, body=BODY),
        transcript(b"{}", status=200, body=BODY),
    ],
)
def test_other_refusals_are_no_reason_to_ask_again(answer):
    negotiation = Negotiation()
    assert not negotiation.learn(answer)
    assert negotiation.notes == ()
    assert negotiation.apply(BODY) == BODY

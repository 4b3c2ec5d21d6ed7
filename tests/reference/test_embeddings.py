"""Embeddings over HTTP: vectors of length 1 that do not depend on their neighbours, in both encodings."""

import base64
import math
import struct
from concurrent.futures import ThreadPoolExecutor

import pytest

TEXTS = ["Say hello.", "Please count to ten.", "What is the weather in Paris?"]


@pytest.fixture
def embed(http):
    def send(text, **parameters):
        return http.post("/embeddings", json={"model": "scripted", "input": text, **parameters})

    return send


def vectors(reply):
    assert reply.status_code == 200, reply.text
    return [item["embedding"] for item in reply.json()["data"]]


def test_the_answer_has_the_shape_that_openai_sends(embed):
    reply = embed(TEXTS).json()
    assert list(reply) == ["object", "data", "model", "usage"]
    assert [item["index"] for item in reply["data"]] == [0, 1, 2]
    assert {item["object"] for item in reply["data"]} == {"embedding"}
    assert reply["usage"]["prompt_tokens"] == reply["usage"]["total_tokens"] > 3


def test_a_vector_does_not_depend_on_its_neighbours(embed):
    together = vectors(embed(TEXTS))
    assert together == [vectors(embed(text))[0] for text in TEXTS]
    assert len({tuple(vector) for vector in together}) == 3
    assert all(math.hypot(*vector) == pytest.approx(1, abs=1e-6) for vector in together)


def test_both_encodings_hold_the_same_numbers(embed):
    [vector], [packed] = vectors(embed("hello")), vectors(embed("hello", encoding_format="base64"))
    assert list(struct.unpack(f"<{len(vector)}f", base64.b64decode(packed))) == vector


def test_dimensions_cut_the_vector_and_keep_its_length(embed):
    [whole], [cut] = vectors(embed("hello")), vectors(embed("hello", dimensions=64))
    assert len(cut) == 64
    assert math.hypot(*cut) == pytest.approx(1, abs=1e-6)
    assert cut == pytest.approx([value / math.hypot(*whole[:64]) for value in whole[:64]], abs=1e-6)


def test_token_numbers_are_taken(embed):
    assert vectors(embed([264])) == vectors(embed([[264]]))


def test_a_text_may_fill_all_the_room_as_nothing_is_written_behind_it(embed):
    assert len(vectors(embed([264] * 512))) == 1
    refused = embed([264] * 513)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "context_length_exceeded"
    words = embed("hello" * 511)  # and the token that begins a text
    assert words.json()["usage"]["prompt_tokens"] == 512
    assert embed("hello" * 512).status_code == 400


def test_many_may_ask_at_once(embed):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: vectors(embed(text))[0], TEXTS * 8))
    assert found == [vectors(embed(text))[0] for text in TEXTS] * 8

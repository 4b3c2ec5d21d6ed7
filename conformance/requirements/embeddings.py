"""Embeddings: one vector for each input, in the form asked for, and the same whatever stands beside it."""

from __future__ import annotations

import base64
import math
import struct
from dataclasses import replace
from typing import Any

from conformance import goldens
from conformance.json_text import show
from conformance.mutation import edit_json, with_header
from conformance.requirement import Findings, fault, must, should
from conformance.requirements.accepted import LACKS, refusal
from conformance.transcript import Transcript
from conformance.views.embedding import (
    AloneAndAmong,
    AskedBase64,
    AskedFloats,
    AskedVector,
    Base64Text,
    EmbeddingUsage,
    EmptyInput,
    FilledList,
    FilledVector,
    IndexedList,
    SameModel,
    SizedVector,
    TokenInput,
    TwoEncodings,
    Vector,
)
from conformance.views.endpoint import Embeddings
from conformance.warrant import Level, breaks, bug, docs, observed, quality, schema

OPTION = "embeddings/create"
REQUEST = "CreateEmbeddingRequest"
ALIKE = 0.999  # servers that batch in half precision come that near, and OpenAI itself from call to call


def _set_vector(transcript: Transcript, new: Any, position: int = 0) -> Transcript:
    return edit_json(transcript, lambda body: body["data"][position].update(embedding=new))


def _numbers(golden: str) -> list[float]:
    return list(next(iter(Vector.among([goldens.load(golden)]))).numbers)


@must(
    "embedding-for-each-input",
    docs(OPTION, "several inputs in one request are an array of them"),
    quality("vectors are lost, or taken for those of other texts"),
    needs="embeddings",
)
def for_each_input(answer: FilledList) -> Findings:
    """There is one vector for each input."""
    if len(answer.items) != len(answer.inputs):
        yield answer, f"{len(answer.inputs)} vectors", str(len(answer.items))


@fault("embedding-lost", golden="embeddings-batch", trips={"embedding-for-each-input"})
def lost(transcript: Transcript) -> Transcript:
    """The vector of the last input is missing."""
    return edit_json(transcript, lambda body: body["data"].pop() and None)


@must(
    "embedding-index-in-order",
    schema("Embedding.index", 38209),
    quality("clients pair vectors and texts by their place"),
    needs="embeddings",
)
def index_in_order(answer: IndexedList) -> Findings:
    """The vectors stand in the order of the inputs, with the indices 0, 1, 2 and so on."""
    if answer.indices != list(range(len(answer.items))):
        yield answer, f"0 to {len(answer.items) - 1}, in order", show(answer.indices[:20])


@fault("embedding-order-reversed", golden="embeddings-batch", trips={"embedding-index-in-order"})
def order_reversed(transcript: Transcript) -> Transcript:
    """The vectors come in reverse order, each with its right index."""
    reverse = edit_json(transcript, lambda body: body["data"].reverse())
    request = transcript.request
    return replace(reverse, request=replace(request, json=request.json | {"input": request.json["input"][::-1]}))


@must(
    "embedding-base64-when-asked",
    schema(f"{REQUEST}.encoding_format", 34242),
    breaks("openai-node", "asks for base64 by default, and makes zeros or nothing of an array", "alters"),
    breaks("openai-dotnet", "FormatException: not a valid base64 string"),
    bug("https://github.com/openai/openai-dotnet/issues/51"),
    bug("https://github.com/BerriAI/litellm/issues/42426"),
    bug("https://github.com/sgl-project/sglang/pull/30434"),
    bug("https://github.com/runpod-workers/worker-infinity-embedding/issues/30"),
    needs="embeddings base64",
)
def base64_when_asked(vector: AskedBase64) -> Findings:
    """With encoding_format base64 every vector is a string."""
    if not isinstance(vector.raw, str):
        yield vector, "a base64 string", show(vector.raw)[:60]


@fault("embedding-base64-ignored", golden="embeddings-base64", trips={"embedding-base64-when-asked"})
def base64_ignored(transcript: Transcript) -> Transcript:
    """Numbers are sent although base64 was asked for."""
    return _set_vector(transcript, _numbers("embeddings-base64"))


@must(
    "embedding-base64-decodes",
    schema(f"{REQUEST}.encoding_format", 34242),
    breaks("openai-python", "binascii.Error for a wrong padding"),
    needs="embeddings base64",
)
def base64_decodes(vector: Base64Text) -> Findings:
    """A vector in base64 is well-formed and holds whole numbers of four bytes."""
    if vector.decoded is None:
        yield vector, "base64 of little-endian float32", show(vector.raw)[:60]


@fault("embedding-base64-unpadded", golden="embeddings-base64", trips={"embedding-base64-decodes"})
def base64_unpadded(transcript: Transcript) -> Transcript:
    """The string has a character less than it should."""
    return edit_json(transcript, lambda body: body["data"][0].update(embedding=body["data"][0]["embedding"][:-1]))


@must(
    "embedding-numbers-unless-base64",
    schema("Embedding.embedding", 38209),
    breaks("AI SDK", "rejects the answer"),
    breaks("openai-python", "hands a string through as the vector", "alters"),
    needs="embeddings",
)
def numbers_unless_base64(vector: AskedFloats) -> Findings:
    """With encoding_format float, and without one, every vector is an array."""
    if not isinstance(vector.raw, list):
        yield vector, "an array of numbers", show(vector.raw)[:60]


@fault("embedding-base64-unasked", golden="embeddings-one", trips={"embedding-numbers-unless-base64"})
def base64_unasked(transcript: Transcript) -> Transcript:
    """A vector is written in base64 although nobody asked for it."""
    numbers = _numbers("embeddings-one")
    return _set_vector(transcript, base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode())


@must(
    "embedding-numbers-sound",
    schema("Embedding.embedding", 38209),
    quality("a vector without finite numbers, or of zeros alone, is like nothing"),
    needs="embeddings",
)
def numbers_sound(vector: FilledVector) -> Findings:
    """A vector consists of finite numbers, not all of them zero."""
    if not vector.is_sound:
        yield vector, "finite numbers, not all zero", show(vector.raw)[:60]


@fault("embedding-zeros", golden="embeddings-one", trips={"embedding-numbers-sound"})
def zeros(transcript: Transcript) -> Transcript:
    """All numbers of a vector are zero."""
    return _set_vector(transcript, [0] * len(_numbers("embeddings-one")))


@fault("embedding-null-inside", golden="embeddings-one", trips={"embedding-numbers-sound"})
def null_inside(transcript: Transcript) -> Transcript:
    """A number of a vector is null."""
    return _set_vector(transcript, [None, *_numbers("embeddings-one")[1:]])


@must("embedding-same-size", quality("vectors of different sizes cannot be compared"), needs="embeddings")
def same_size(group: SameModel) -> Findings:
    """All vectors of a model have the same size."""
    for vector in group.vectors[1:]:
        if (size := len(vector.numbers)) != (first := len(group.vectors[0].numbers)):
            yield vector, f"{first} numbers", str(size)


@fault("embedding-shorter", golden="embeddings-batch", trips={"embedding-same-size"})
def shorter(transcript: Transcript) -> Transcript:
    """The second vector of a list is shorter than the first."""
    return edit_json(transcript, lambda body: body["data"][1]["embedding"].pop() and None)


@must(
    "embedding-encodings-agree",
    quality("the same text has another vector for clients that read base64"),
    breaks("openai-python", "reads base64 as little-endian float32, by default", "alters"),
    needs="embeddings base64",
)
def encodings_agree(pair: TwoEncodings) -> Findings:
    """The vector of a text is the same in base64 and in numbers: base64 of little-endian float32."""
    sizes = len(pair.one.numbers), len(pair.other.numbers)
    if sizes[0] != sizes[1]:
        yield pair, f"{sizes[0]} numbers", str(sizes[1])
    elif (likeness := pair.one.likeness(pair.other)) < ALIKE:
        yield pair, "the same vector in both encodings", f"vectors with a cosine of {likeness:.3f}"


@fault(
    "embedding-base64-reversed",
    golden="embeddings-base64",
    trips={"embedding-encodings-agree"},
    beside=("embeddings-one",),
)
def reversed_numbers(transcript: Transcript) -> Transcript:
    """The numbers of a vector in base64 stand in reverse order."""
    numbers = _numbers("embeddings-one")
    return _set_vector(transcript, base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers[::-1])).decode())


@fault(
    "embedding-base64-of-doubles",
    golden="embeddings-base64",
    trips={"embedding-encodings-agree"},
    beside=("embeddings-one",),
)
def of_doubles(transcript: Transcript) -> Transcript:
    """The base64 holds twice as many numbers as the vector has."""
    numbers = _numbers("embeddings-one")
    doubled = [number / math.sqrt(2) for number in numbers for _ in range(2)]
    return _set_vector(transcript, base64.b64encode(struct.pack(f"<{len(doubled)}f", *doubled)).decode())


@must("embedding-not-mixed", quality("texts get the vectors of others"), needs="embeddings")
def not_mixed(pair: AloneAndAmong) -> Findings:
    """Among others an input has its own vector, not that of a neighbour."""
    if nearer := pair.nearer:
        yield pair, f"the vector of {show(pair.one.input)}", f"that vector is at place {nearer.position}"


@fault("embedding-mixed", golden="embeddings-batch", trips={"embedding-not-mixed"}, beside=("embeddings-one",))
def mixed(transcript: Transcript) -> Transcript:
    """The first two vectors of a list have changed places, but not their indices."""

    def swap(body: Any) -> None:
        one, other = body["data"][:2]
        one["embedding"], other["embedding"] = other["embedding"], one["embedding"]

    return edit_json(transcript, swap)


@should("embedding-same-among-others", quality("padding that leaks into the mean"), needs="embeddings")
def same_among_others(pair: AloneAndAmong) -> Findings:
    """An input has the same vector among others as alone."""
    if not pair.nearer and (likeness := pair.one.likeness(pair.other)) < ALIKE:
        yield pair, f"the vector of {show(pair.one.input)} alone", f"one with a cosine of {likeness:.3f} to it"


@fault("embedding-padded", golden="embeddings-batch", trips={"embedding-same-among-others"}, beside=("embeddings-one",))
def padded(transcript: Transcript) -> Transcript:
    """The padding of a shorter text is in its vector."""
    numbers = _numbers("embeddings-one")
    padded = [number + 0.01 * (place % 2) for place, number in enumerate(numbers)]
    return _set_vector(transcript, [number / math.hypot(*padded) for number in padded], 1)


@must(
    "embedding-dimensions-honoured",
    docs(OPTION, "dimensions: the number of dimensions of the vectors"),
    needs="embeddings dimensions",
)
def dimensions_honoured(vector: SizedVector) -> Findings:
    """A vector has as many numbers as dimensions were asked for; who cannot do it says so by 400."""
    if len(vector.numbers) != (wanted := vector.answer.request["dimensions"]):
        yield vector, f"{wanted} numbers", str(len(vector.numbers))


@fault("embedding-dimensions-ignored", golden="embeddings-dimensions", trips={"embedding-dimensions-honoured"})
def dimensions_ignored(transcript: Transcript) -> Transcript:
    """The vector is as long as ever although few dimensions were asked for."""
    return _set_vector(transcript, _numbers("embeddings-one"))


@must("embedding-empty-refused", docs(OPTION, "the input cannot be an empty string"), needs="embeddings")
def empty_refused(answer: EmptyInput) -> Findings:
    """An empty input, or none, is refused by 400."""
    if not 400 <= answer.status < 500:
        yield answer, "status 400", str(answer.status)


def _accepted(transcript: Transcript) -> Transcript:
    answer = with_header(goldens.load("embeddings-one"), "x-request-id", "req_as_if")
    return replace(answer, request=transcript.request, group="")


@fault("embedding-empty-text-accepted", golden="embeddings-empty-text", trips={"embedding-empty-refused"})
def empty_text_accepted(transcript: Transcript) -> Transcript:
    """An empty text has a vector."""
    return _accepted(transcript)


@fault("embedding-empty-list-accepted", golden="embeddings-empty-list", trips={"embedding-empty-refused"})
def empty_list_accepted(transcript: Transcript) -> Transcript:
    """There is a vector although there was no input."""
    return _accepted(transcript)


@should("embedding-token-ids-taken", schema(f"{REQUEST}.input", 34242), needs="embeddings token-ids")
def token_ids_taken(answer: TokenInput) -> Findings:
    """An input may be an array of token numbers; who does not take them says so by 400."""
    if answer.status >= 400:
        yield answer, "an answer, or status 400", str(answer.status)


@fault(
    "embedding-token-ids-fail",
    golden="embeddings-token-ids",
    trips={"embedding-token-ids-taken"},
    beside=("embeddings-one",),
)
def token_ids_fail(transcript: Transcript) -> Transcript:
    """Token numbers are answered by 500."""
    body = b'{"error": {"message": "list has no encode", "type": "server_error", "param": null, "code": null}}'
    return replace(transcript, status=500).with_body(body)


@should("embedding-unit-length", observed("every vector has the length 1"), needs="embeddings", compat=Level.OBSERVE)
def unit_length(vector: AskedVector) -> Findings:
    """A vector has the length 1, so that a dot product is a cosine."""
    if not math.isclose(vector.length, 1, abs_tol=1e-2):
        yield vector, "length 1", f"{vector.length:.3f}"


@fault("embedding-not-normal", golden="embeddings-one", trips={"embedding-unit-length"})
def not_normal(transcript: Transcript) -> Transcript:
    """A vector has the length 3."""
    return _set_vector(transcript, [number * 3 for number in _numbers("embeddings-one")])


@must("embedding-usage-adds-up", schema("CreateEmbeddingResponse.usage", 34325), needs="embeddings")
def usage_adds_up(usage: EmbeddingUsage) -> Findings:
    """There is at least one prompt token, and the total is no less than the prompt."""
    if not usage.total >= usage.prompt > 0:
        yield usage, "total >= prompt > 0", f"total {usage.total}, prompt {usage.prompt}"


@fault("embedding-usage-zero", golden="embeddings-one", trips={"embedding-usage-adds-up"})
def usage_zero(transcript: Transcript) -> Transcript:
    """No token is counted."""
    return edit_json(transcript, lambda body: body.update(usage={"prompt_tokens": 0, "total_tokens": 0}))


@should("embedding-endpoint-no-5xx", *LACKS, needs="embeddings")
def endpoint_fails(endpoint: Embeddings) -> Findings:
    """A server without embeddings refuses them by 4xx or 501, and does not fail at each of them by another 5xx.

    A request that fails once may have met a server that was unwell.
    """
    if endpoint.fails:
        yield endpoint, "an answer, or a refusal by 4xx or 501", f"{endpoint.transcript.status} to every plain request"


@fault("embedding-endpoint-500", golden="embeddings-one", trips={"embedding-endpoint-no-5xx"})
def every_embedding_fails(transcript: Transcript) -> Transcript:
    """A plain request for an embedding is answered by 500."""
    return refusal(transcript, 500)

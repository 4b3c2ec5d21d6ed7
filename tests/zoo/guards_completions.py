"""Legal on legacy completions, embeddings and model lists, however odd it looks: each is a golden made over."""

from dataclasses import replace

from guards import GUARDS

from conformance import goldens
from conformance.mutation import edit_chunk, edit_chunks, edit_json, with_header
from conformance.transcript import Transcript


def text_in_finish_chunk() -> Transcript:
    """The finishing chunk has the last piece of text."""

    def merge(chunks):
        finish = chunks.pop()["choices"][0]["finish_reason"]
        chunks[-1]["choices"][0]["finish_reason"] = finish

    return edit_chunks(goldens.load("completion-stream"), merge)


def length_twice() -> Transcript:
    """The reason length comes on two successive chunks: with text, then with an empty one."""

    def repeat(chunks):
        chunks[-2]["choices"][0]["finish_reason"] = "length"

    return edit_chunks(goldens.load("completion-stream"), repeat)


def with_charset() -> Transcript:
    """The media type has a charset, which OpenAI leaves away here."""
    return with_header(goldens.load("completion-stream"), "content-type", "text/event-stream; charset=utf-8")


def first_value_is_a_number() -> Transcript:
    """With echo the first token has a log probability, which a start token before it gives."""

    def fill(body):
        logprobs = body["choices"][0]["logprobs"]
        logprobs["token_logprobs"][0], logprobs["top_logprobs"][0] = -1.5, {"1": -1.5}

    return edit_json(goldens.load("completion-whole-echo"), fill)


def first_values_are_null() -> Transcript:
    """With echo the first entries of token_logprobs and top_logprobs are null."""
    return goldens.load("completion-stream-echo")


def alternatives_are_null() -> Transcript:
    """Without alternatives top_logprobs is null as a whole."""
    return edit_json(
        goldens.load("completion-logprobs-zero"), lambda body: body["choices"][0]["logprobs"].update(top_logprobs=None)
    )


def offsets_from_the_prompt_on() -> Transcript:
    """The offsets of a text without echo begin at the length of the prompt."""

    def shift(body):
        logprobs = body["choices"][0]["logprobs"]
        logprobs["text_offset"] = [offset + 7 for offset in logprobs["text_offset"]]

    return edit_json(goldens.load("completion-logprobs-zero"), shift)


def choices_interleaved() -> Transcript:
    """The chunks of several choices come in any order."""

    def shuffle(chunks):
        head, usage = chunks[:-1], chunks[-1]
        by_index = [[chunk for chunk in head if chunk["choices"][0]["index"] == index] for index in (1, 0)]
        chunks[:] = [*by_index[0][:2], *by_index[1], *by_index[0][2:], usage]

    return edit_chunks(goldens.load("completion-stream-n"), shuffle)


def fingerprint_and_more_keys() -> Transcript:
    """A chunk has a fingerprint, and keys that nobody has heard of."""
    return edit_chunk(
        goldens.load("completion-stream"), 0, lambda chunk: chunk.update(system_fingerprint="fp_1", kv_params=None)
    )


def suffix_honoured() -> Transcript:
    """A suffix is not refused but heeded."""
    refused, answered = goldens.load("completion-suffix"), goldens.load("completion-logprobs-zero")
    return replace(answered, request=refused.request)


def base64_when_asked() -> Transcript:
    """A vector is a base64 string, as was asked for."""
    return goldens.load("embeddings-base64")


def total_above_prompt() -> Transcript:
    """The total of an embedding's usage is more than its prompt."""
    return edit_json(goldens.load("embeddings-one"), lambda body: body["usage"].update(total_tokens=99))


def token_ids_refused() -> Transcript:
    """Token numbers are refused by 400."""
    refused = goldens.load("embeddings-empty-list")
    return replace(refused, request=goldens.load("embeddings-token-ids").request)


def endpoint_missing() -> Transcript:
    """The server has no such endpoint, and says so."""
    missing = goldens.load("route-unknown")
    return replace(missing, request=goldens.load("completion-best-of-stream").request, endpoint="completions")


def without_shutdown_date() -> Transcript:
    """A model has no shutdown date, created is 0, and there are more keys."""

    def change(body):
        del body["data"][0]["shutdown_date"]
        body["data"][0].update(created=0, permission=[])

    return edit_json(goldens.load("models"), change)


GUARDS |= {
    "completion-text-in-finish-chunk": text_in_finish_chunk,
    "completion-length-twice": length_twice,
    "completion-with-charset": with_charset,
    "completion-first-logprob-is-a-number": first_value_is_a_number,
    "completion-first-logprob-is-null": first_values_are_null,
    "completion-alternatives-null": alternatives_are_null,
    "completion-offsets-from-the-prompt-on": offsets_from_the_prompt_on,
    "completion-choices-interleaved": choices_interleaved,
    "completion-more-keys": fingerprint_and_more_keys,
    "completion-suffix-honoured": suffix_honoured,
    "completion-endpoint-missing": endpoint_missing,
    "embedding-base64-asked": base64_when_asked,
    "embedding-total-above-prompt": total_above_prompt,
    "embedding-token-ids-refused": token_ids_refused,
    "models-without-shutdown-date": without_shutdown_date,
}

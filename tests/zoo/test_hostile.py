"""Whatever comes from the wire ends in verdicts: no bytes, no JSON and no slicing of reads upsets a requirement."""

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

import conformance.requirements  # noqa: F401 - fills the registry
from conformance import goldens
from conformance.judge import Outcome, judge
from conformance.mutation import data
from conformance.profile import load
from conformance.requirement import REGISTRY, Fault
from conformance.transcript import Ending, Read, Request, Transcript, dumps, loads

STRICT = load("strict")
STREAMED = [fault for fault in REGISTRY.faults.values() if fault.golden.startswith("chat-stream")]
UNTIMED = [fault for fault in STREAMED if not any(name.startswith("time-") for name in fault.trips)]
PATHS = ["/v1/chat/completions", "/v1/completions", "/v1/models", "/v1/embeddings", "/nope-conformance", ""]
TYPES = ["text/event-stream", "application/json", "text/html; charset=x", "", ";;=", "Text/Event-Stream"]
KEYS = ["id", "object", "created", "model", "choices", "usage", "error", "index", "delta", "finish_reason", "message"]
KEYS += ["logprobs", "content", "role", "tool_calls", "function", "arguments", "data", "prompt_tokens", "total_tokens"]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("[DONE]")
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=30,
)
chunks = st.fixed_dictionaries(
    {
        "choices": values
        | st.lists(
            st.fixed_dictionaries(
                {
                    "index": st.integers(-1, 3) | values,
                    "delta": values | st.dictionaries(st.sampled_from(KEYS), values, max_size=5),
                },
                optional={"finish_reason": values, "logprobs": values},
            ),
            max_size=3,
        )
    },
    optional={key: values for key in KEYS if key != "choices"},
)
lines = st.sampled_from(
    [b"data: ", b"data:", b"event: x", b": c", b"\n", b"\n\n", b"\r", b"id: 1", b"retry: 1", b"{", b"[DONE]", b"\xff"]
)


def verdicts(*transcripts: Transcript) -> dict[str, list[tuple[str, str, object]]]:
    found = judge(REGISTRY.requirements.values(), transcripts, STRICT)
    assert [(v.requirement.id, v.reason) for v in found if v.outcome is Outcome.BROKEN] == []
    return {v.requirement.id: [(f.expected, f.actual, f.where) for f in v.findings] for v in found if v.findings}


def answer(
    body: bytes, *, path: str = PATHS[0], media_type: str = TYPES[0], json_body: object = None, status: int = 200
) -> Transcript:
    request = Request(path=path, json={"stream": True} if json_body is None else json_body)
    headers = (("content-type", media_type),)
    return Transcript(request, status, headers, (Read(0.1, body),), Ending("eof", 0.2), probe="p", group="twins-p")


@settings(max_examples=150)
@given(
    st.binary(max_size=200) | st.lists(lines, max_size=12).map(b"".join),
    st.sampled_from(PATHS),
    st.sampled_from(TYPES),
    values,
    st.sampled_from([100, 200, 204, 301, 400, 404, 500, 999]),
)
def test_any_bytes_end_in_verdicts(body: bytes, path: str, media_type: str, json_body: object, status: int) -> None:
    verdicts(answer(body, path=path, media_type=media_type, json_body=json_body, status=status))


@settings(max_examples=150)
@given(st.lists(values | chunks, max_size=5), values)
def test_any_json_in_a_stream_ends_in_verdicts(events: list[object], request: object) -> None:
    body = b"".join(data(event).replace(b"\n", b"") + b"\n\n" for event in events) + b"data: [DONE]\n\n"
    verdicts(answer(body, json_body=request))


@settings(max_examples=150)
@given(values | chunks, st.sampled_from(PATHS), st.sampled_from([200, 400]), values)
def test_any_json_in_a_body_ends_in_verdicts(value: object, path: str, status: int, request: object) -> None:
    body = json.dumps(value).encode()
    whole = answer(body, path=path, media_type="application/json", json_body=request, status=status)
    verdicts(whole, goldens.load("chat-stream"))


@settings(max_examples=100)
@given(st.sampled_from(UNTIMED), st.data())
def test_slicing_the_reads_otherwise_changes_no_finding(fault: Fault, draw: st.DataObject) -> None:
    spoilt = fault.apply(goldens.load(fault.golden))
    body = spoilt.body()
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    pieces = [body[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert verdicts(replace(spoilt, reads=tuple(Read(0.1, piece) for piece in pieces))) == verdicts(spoilt)


@settings(max_examples=100)
@given(st.binary(max_size=100), st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), max_size=3))
def test_a_transcript_survives_its_file(body: bytes, headers: list[tuple[str, str]]) -> None:
    kept = replace(answer(body), headers=tuple(headers))
    again = loads(dumps(kept))
    assert again.to_json() == kept.to_json()
    assert again.body() == body


def test_deep_nesting_and_long_lines_end_in_verdicts() -> None:
    deep = b"data: " + b"[" * 100_000 + b"\n\n"
    assert "json-event-parses" in verdicts(answer(deep + b"data: [DONE]\n\n"))
    long = b"data: " + b"x" * 5_000_000
    assert "done-sent" in verdicts(answer(long))

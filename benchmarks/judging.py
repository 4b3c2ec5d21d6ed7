"""What judging costs against decoding: every requirement, against openai-python reading the same bytes.

    python benchmarks/judging.py [RECORDINGS.jsonl.gz]

Without recordings the goldens are read over and over. Prints CPU seconds, ratios, and how time and memory grow with
the length of one stream.
"""

import gzip
import json
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from openai._models import construct_type
from openai._streaming import SSEDecoder
from openai.types.chat import ChatCompletionChunk

import conformance.requirements  # noqa: F401 - fills the registry
from conformance import goldens
from conformance.cli.judging import Thrift
from conformance.exchange import Exchange, Source
from conformance.judge import judge
from conformance.profile import load
from conformance.requirement import REGISTRY
from conformance.transcript import Read, Request, Transcript

STRICT = load("strict")
LENGTHS = (10_000, 50_000, 500_000)


def decode(body: bytes) -> int:
    """Read a body as openai-python does, and return the number of chunks."""
    count = 0
    for event in SSEDecoder().iter_bytes(iter([body])):
        if event.data.startswith("[DONE]"):
            break
        construct_type(type_=ChatCompletionChunk, value=json.loads(event.data))
        count += 1
    return count


def judged(*transcripts: Transcript) -> int:
    """Judge transcripts one by one, as `conformance lint` does, and return the number of findings."""
    count = 0
    with Thrift() as thrift:
        for transcript in transcripts:
            fresh = replace(transcript)  # without what an earlier round computed
            verdicts = judge(REGISTRY.requirements.values(), [fresh], STRICT)
            count += sum(len(verdict.findings) for verdict in verdicts)
            thrift.drop([Exchange("", fresh, Source(""))])
    return count


def cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def streams(path: Path | None) -> Iterable[Transcript]:
    if path is None:
        found = [goldens.load(name) for name in goldens.names() if name.startswith("chat-stream")]
        yield from found * 20
        return
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            body = row["body"] if isinstance(row["body"], str) else ""
            if body.startswith("data: ") and '"chat.completion.chunk"' in body and row["status"] == 200:
                request = Request(path="/v1/chat/completions", json=row["request"])
                yield Transcript(request, 200, (("content-type", "text/event-stream"),), (Read(0, body.encode()),))


def long_stream(chunks: int) -> Transcript:
    golden = goldens.load("chat-stream-usage")
    first, piece, *_, finish, usage, done = golden.body().split(b"\n\n")[:-1]
    body = b"\n\n".join([first, *[piece] * chunks, finish, usage, done, b""])
    return replace(golden, reads=tuple(Read(i / 1e6, body[i : i + 65536]) for i in range(0, len(body), 65536)))


def tolerant(body: bytes) -> int:
    try:
        return decode(body)
    except Exception:  # noqa: BLE001 - real streams break the client now and then
        return 0


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    transcripts = list(streams(path))
    bodies = [transcript.body() for transcript in transcripts]
    chunks = sum(body.count(b"\n\n") for body in bodies)
    rounds = [(cpu(lambda: judged(*transcripts)), cpu(lambda: [tolerant(b) for b in bodies])) for _ in range(3)]
    ours, theirs = min(a for a, _ in rounds), min(b for _, b in rounds)
    print(f"{len(transcripts)} streams, {chunks} chunks, {len(REGISTRY.requirements)} requirements")
    each, decoding = ours / chunks * 1e6, theirs / chunks * 1e6
    print(f"judging {each:.0f} us a chunk, openai-python {decoding:.0f} us, ratio {ours / theirs:.2f}")
    for length in LENGTHS:
        stream = long_stream(length)
        body = stream.body()
        ours, theirs = cpu(lambda s=stream: judged(s)), cpu(lambda b=body: decode(b))
        print(f"{length} chunks: judging {ours:.1f} s, openai-python {theirs:.1f} s, ratio {ours / theirs:.2f}")
    stream = long_stream(LENGTHS[1])
    size = len(stream.body())
    tracemalloc.start()
    judged(stream)
    print(f"memory: {tracemalloc.get_traced_memory()[1] / size:.1f} x the size of a stream of {LENGTHS[1]} chunks")


if __name__ == "__main__":
    main()

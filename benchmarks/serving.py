"""Tokens per second and time to the first token: the reference server beside others, with the same scripted model.

    python benchmarks/serving.py [--rounds N] [--tokens N] [--llama-server COMMAND]

Every round asks each server in turn for one stream and then for eight at once; the figures are medians over the
rounds, the ratios medians of each round's own. The client does nothing but keep what it reads and when.
"""

import argparse
import asyncio
import contextlib
import json
import re
import shutil
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from urllib.parse import urlsplit

from reference_server.launchers import launch

STREAMS = (1, 8)
AIMS = {1: 1.5, 8: 4.0}
STOCK = "llama-cpp-python"

_EVENT = re.compile(rb"data: (\{.*\})\r?\n\r?\n")


class Stream(asyncio.Protocol):
    """One request for a stream, and what came of it."""

    def __init__(self, host: str, tokens: int) -> None:
        message = {"role": "user", "content": "Please count to 1000, separated by commas."}
        body = {"model": "scripted", "messages": [message], "max_tokens": tokens, "temperature": 0, "stream": True}
        content = json.dumps(body).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        self._request = f"{head}Content-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode() + content
        self._tokens = tokens
        self._reads: list[tuple[int, bytes]] = []
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def begin(self) -> None:
        self.began = time.monotonic_ns()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._reads.append((time.monotonic_ns(), data))

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set_result(None)

    def arrivals(self) -> list[int]:
        """Tell when each token had come, after checking that all of them did, one an event."""
        raw, ends = b"".join(data for _, data in self._reads), list(accumulate(len(data) for _, data in self._reads))
        text, times, read = "", [], 0
        for event in _EVENT.finditer(raw):
            choices = json.loads(event[1])["choices"]
            if choices and (piece := choices[0]["delta"].get("content")):
                while ends[read] < event.end():
                    read += 1
                text += piece
                times.append(self._reads[read][0])
        assert text == ", ".join(map(str, range(1, self._tokens + 1))), raw[-2000:]
        assert len(times) == self._tokens, f"{len(times)} events for {self._tokens} tokens"
        return times


async def streams(url: str, tokens: list[int]) -> list[Stream]:
    """Open a connection for each stream, begin them all, and read until the last one has ended."""
    address = urlsplit(url)
    loop = asyncio.get_running_loop()
    opened = []
    for count in tokens:
        stream = Stream(address.netloc, count)
        await loop.create_connection(lambda stream=stream: stream, address.hostname, address.port)
        opened.append(stream)
    for stream in opened:
        stream.begin()
    await asyncio.gather(*(stream.ended for stream in opened))
    return opened


@dataclass(frozen=True)
class Figures:
    """What one server did in one round."""

    rate: float
    """Tokens per second, of all streams together."""
    first: float
    """Milliseconds to the first token, of the median stream."""
    client: float
    """How much of one core the client took."""


def measure(url: str, count: int, tokens: int) -> Figures:
    used = time.process_time()
    done = asyncio.run(streams(url, [tokens] * count))
    used = time.process_time() - used
    arrivals = [stream.arrivals() for stream in done]
    seconds = (max(times[-1] for times in arrivals) - done[0].began) / 1e9
    first = statistics.median(times[0] - stream.began for stream, times in zip(done, arrivals, strict=True))
    return Figures(count * tokens / seconds, first / 1e6, used / seconds)


@contextlib.contextmanager
def servers(llama_server: str | None) -> Iterator[dict[str, str]]:
    """Start all servers, and give their URLs."""
    with contextlib.ExitStack() as stack:
        urls = {
            "reference": stack.enter_context(launch("reference")).url,
            "reference --parallel 8": stack.enter_context(launch("reference", parallel=8)).url,
            STOCK: stack.enter_context(launch(STOCK)).url,
        }
        if llama_server or shutil.which("llama-server"):
            for name, parallel in (("llama-server", 4), ("llama-server --parallel 8", 8)):
                urls[name] = stack.enter_context(launch("llama-server", command=llama_server, parallel=parallel)).url
        yield urls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=400, help="of each stream, at most 1000 (default: %(default)s)")
    parser.add_argument("--llama-server", metavar="COMMAND", help="default: the binary on PATH, if there is one")
    options = parser.parse_args()
    with servers(options.llama_server) as urls:
        for url in urls.values():
            measure(url, 2, 20)  # code and caches
        rounds = [
            {(name, count): measure(url, count, options.tokens) for count in STREAMS for name, url in urls.items()}
            for _ in range(options.rounds)
        ]
    print(f"{options.tokens} tokens a stream, medians of {options.rounds} rounds")
    print(f"{'':28}{'streams':>8}{'tokens/s':>10}{'x stock':>9}{'first token':>13}{'client':>8}")
    for count in STREAMS:
        for name in urls:
            of = [one[name, count] for one in rounds]
            ratio = statistics.median(one[name, count].rate / one[STOCK, count].rate for one in rounds)
            rate, first, client = (
                statistics.median(getattr(f, key) for f in of) for key in ("rate", "first", "client")
            )
            print(f"{name:28}{count:8}{rate:10.0f}{ratio:9.2f}{first:10.1f} ms{client:8.0%}")
        print(f"{'aim for the reference':28}{count:8}{'':10}{AIMS[count]:9.2f}")


if __name__ == "__main__":
    main()

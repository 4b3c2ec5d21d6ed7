"""How long a token of the reference server takes to the client's socket, and where the time of the server goes.

    python benchmarks/token_to_byte.py [--rounds N] [--tokens N] [--parallel N]

The server runs in a process of its own. There the decoding thread notes when it hands each token over; here the client
notes when it has read the bytes of the token's event, by the same clock. Then the server runs once more with its parts
timed, which slows it down: read that table for proportions.
"""

import argparse
import asyncio
import functools
import multiprocessing
import statistics
import threading
import time
from collections import defaultdict
from multiprocessing.connection import Connection
from typing import Any

import llama_cpp
from serving import STREAMS, streams
from uvicorn.protocols.http import h11_impl

from reference_server import cli, serve
from reference_server.engine.candidates import Candidates
from reference_server.engine.engine import Engine
from reference_server.engine.events import Event, Finish, Token
from reference_server.generation import Generation, Post
from reference_server.http.chunks import Chunks
from reference_server.text.answer import Answer

AIM = 2.0  # ms
DECODING, LOOP = "decoding thread", "event loop"


class Parts:
    """Adds up what each part took, without the parts within it: wall clock and the thread's own processor time."""

    def __init__(self) -> None:
        self.took: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        self._inner = threading.local()

    def enter(self) -> tuple[int, int, list[int]]:
        outer, self._inner.took = getattr(self._inner, "took", [0, 0]), [0, 0]
        return time.perf_counter_ns(), time.thread_time_ns(), outer

    def leave(self, thread: str, part: str, entered: tuple[int, int, list[int]]) -> None:
        wall, used, outer = time.perf_counter_ns() - entered[0], time.thread_time_ns() - entered[1], entered[2]
        inner, took = self._inner.took, self.took[thread, part]
        took[0] += wall - inner[0]
        took[1] += used - inner[1]
        self._inner.took = [outer[0] + wall, outer[1] + used]

    def watch(self, thread: str, part: str, owner: Any, name: str, *, generator: bool = False) -> None:
        original = getattr(owner, name)

        @functools.wraps(original)
        def timed(*args: Any, **kwargs: Any) -> Any:
            entered = self.enter()
            try:
                result = original(*args, **kwargs)
                return list(result) if generator else result
            finally:
                self.leave(thread, part, entered)

        setattr(owner, name, timed)

    def watch_send(self, owner: Any) -> None:
        original = owner.send

        async def send(cycle: Any, message: Any) -> None:
            entered = self.enter()
            await original(cycle, message)  # goes straight through, as the client reads fast
            self.leave(LOOP, "uvicorn and the socket", entered)

        owner.send = send

    def watch_all(self) -> None:
        self.watch(DECODING, "llama_decode", llama_cpp, "llama_decode")
        self.watch(DECODING, "choosing the token", Candidates, "choose")
        self.watch(DECODING, "text of the answer", Answer, "feed")
        self.watch(DECODING, "handing it over", Generation, "listen")
        self.watch(DECODING, "waking the event loop", Post, "deliver")
        self.watch(DECODING, "the rest of a round", Engine, "_run")
        self.watch(DECODING, "the rest of a round", Engine, "_plan")
        self.watch(LOOP, "events as JSON", Chunks, "events", generator=True)
        self.watch_send(h11_impl.RequestResponseCycle)


def run_server(pipe: Connection, parallel: int, *, timed: bool) -> None:
    """Serve; tell the URL, and when each token of each stream was handed over or what the parts took."""
    handed: defaultdict[Generation, list[int]] = defaultdict(list)
    parts = Parts()
    used = [0, 0]
    if timed:
        parts.watch_all()
    listen = Generation.listen

    def noting(generation: Generation, event: Event) -> bool:
        if isinstance(event, Token):
            handed[generation].append(time.monotonic_ns())
        if isinstance(event, Finish):
            pipe.send(handed.pop(generation))
            if timed and not handed:
                thread, process = time.thread_time_ns(), time.process_time_ns()
                pipe.send((dict(parts.took), thread - used[0], process - thread - used[1]))
                used[:] = thread, process - thread
                parts.took.clear()
        return listen(generation, event)

    def tell(_: str, listener: Any) -> None:
        pipe.send(listener.getsockname())

    Generation.listen = noting  # type: ignore[method-assign]
    serve.announce = tell  # type: ignore[attr-defined]
    cli.main(["serve", "--port", "0", "--parallel", str(parallel)])


class Server:
    """The server's process, for the length of a `with` block."""

    def __init__(self, parallel: int, *, timed: bool = False) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=run_server, args=(theirs, parallel), kwargs={"timed": timed})

    def __enter__(self) -> "Server":
        self._process.start()
        host, port = self.pipe.recv()
        self.url = f"http://{host}:{port}/v1"
        self.ask(1, 20)  # code and caches
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()

    def ask(self, count: int, tokens: int) -> list[tuple[list[int], list[int]]]:
        """Read some streams; for each one give when its tokens were handed over, and when they had come."""
        lengths = [tokens + number for number in range(count)]  # tell the streams apart
        done = asyncio.run(streams(self.url, lengths))
        handed = {}
        while len(handed) < count:
            times = self.pipe.recv()
            handed[len(times)] = times
        return [(handed[length], stream.arrivals()) for length, stream in zip(lengths, done, strict=True)]


def print_delays(options: argparse.Namespace) -> None:
    with Server(options.parallel) as server:
        rounds = [(count, server.ask(count, options.tokens)) for _ in range(options.rounds) for count in STREAMS]
    print(f"token to byte, {options.tokens} tokens a stream, {options.rounds} rounds (aim: median < {AIM:g} ms)")
    for count in STREAMS:
        delays = [
            (came - handed) / 1e6
            for number, answers in rounds
            if number == count
            for stamps in answers
            for handed, came in zip(*stamps, strict=True)
        ]
        cuts = statistics.quantiles(delays, n=100)
        print(f"{count} at once: median {cuts[49]:.2f} ms, 95 of 100 {cuts[94]:.2f} ms, longest {max(delays):.1f} ms")


def print_parts(options: argparse.Namespace) -> None:
    with Server(options.parallel, timed=True) as server:
        server.pipe.recv()
        for count in STREAMS:
            started = time.perf_counter()
            answers = server.ask(count, options.tokens)
            seconds = time.perf_counter() - started
            took, decoding, loop = server.pipe.recv()
            total = sum(len(handed) for handed, _ in answers)
            print(f"\n{count} at once, {seconds / total * 1e6:.0f} us a token{'wall clock':>32}{'processor':>13}")
            for thread, used in ((DECODING, decoding), (LOOP, loop)):
                rows = {part: times for (of, part), times in took.items() if of == thread}
                for part, (wall, cpu) in sorted(rows.items(), key=lambda row: -row[1][1]):
                    print(f"  {thread:18}{part:26}{wall / total / 1e3:10.1f} us{cpu / total / 1e3:11.1f} us")
                rest = used - sum(cpu for _, cpu in rows.values())
                print(f"  {thread:18}{'all else':26}{'':13}{rest / total / 1e3:11.1f} us")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=400, help="of each stream, at most 990 (default: %(default)s)")
    parser.add_argument("--parallel", type=int, default=4, help="texts at once (default: %(default)s)")
    options = parser.parse_args()
    print_delays(options)
    print_parts(options)


if __name__ == "__main__":
    main()

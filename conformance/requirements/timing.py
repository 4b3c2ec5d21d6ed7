"""When things arrive. Only long silences and long streams are judged: on a loaded machine all else is chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from conformance.mutation import with_blocks
from conformance.requirement import Findings, fault, must, observe, should
from conformance.transcript import Ending, Read, Transcript
from conformance.views.pace import FailedStream, OpenStream, Paced, Spread, TimedStream, TimedTwins
from conformance.warrant import breaks, habit, observed, quality

SLOW_START = 10.0
SILENCE = 15.0
IDLE = 30.0
TAIL = 3.0
HANG = 90.0  # what is silent for as long is no slow model any more
MARGIN = 1.0
BEGUN = 3  # events: before that a slow server may still be reading the prompt


def _timed(transcript: Transcript, at: Callable[[int], float], *, later: float = 0.1) -> Transcript:
    """Return the stream with each read at another time, by its number."""
    reads = tuple(Read(at(number), read.data) for number, read in enumerate(transcript.reads))
    return replace(transcript, reads=reads, ending=replace(transcript.ending, at=reads[-1].at + later))


@observe("time-first-byte", habit("proxies give up on a silent server, and so do users"))
def first_byte(stream: TimedStream) -> Findings:
    """A stream begins within ten seconds."""
    if stream.first > SLOW_START:
        yield stream, f"at most {SLOW_START:g} s", f"{stream.first:.1f} s"


@fault("time-first-byte-late", golden="chat-stream", trips={"time-first-byte"})
def first_byte_late(transcript: Transcript) -> Transcript:
    """Nothing comes for twelve seconds."""
    return _timed(transcript, lambda number: 12 + number / 100)


@should("time-text-while-generated", quality("a stream that comes all at once is none"))
def while_generated(choice: Paced) -> Findings:
    """Text arrives while it is generated, not all at once at the end."""
    if choice.held_back:
        yield choice.spoken[0], "text while it is generated", f"all of it after {choice.times[0]:.1f} s, at once"


@fault("time-held-back", golden="chat-stream-long", trips={"time-text-while-generated"})
def held_back(transcript: Transcript) -> Transcript:
    """The whole stream comes at once, after eight seconds."""
    return _timed(transcript, lambda number: 8.0)


@should("time-text-spread", quality("text in bursts reads badly"))
def spread(choice: Spread) -> Findings:
    """Text arrives piece by piece: at five times at least, and no burst holds more than four fifths of it."""
    if len(set(choice.times)) < 5 or choice.burst > 0.8:
        yield choice, "text piece by piece", f"{choice.burst:.0%} of {len(choice.times)} pieces at one time"


@fault("time-in-bursts", golden="chat-stream-long", trips={"time-text-spread"})
def in_bursts(transcript: Transcript) -> Transcript:
    """The text comes in three bursts, four seconds apart."""
    return _timed(transcript, lambda number: 1 + 4.0 * (number // 150))


@should("time-no-long-silence", habit("proxies close a connection after 60 s without a byte, some after 30 s"))
def no_long_silence(stream: TimedStream) -> Findings:
    """No silence within a stream is longer than thirty seconds; comments end one."""
    gap, since = stream.longest
    if gap > IDLE:
        yield stream, f"at most {IDLE:g} s", f"{gap:.1f} s of silence after {since:.1f} s"


@fault("time-silence", golden="chat-stream", trips={"time-no-long-silence", "time-silence-filled"})
def silence(transcript: Transcript) -> Transcript:
    """A stream is silent for 40 seconds after its first event."""
    return _timed(transcript, lambda number: number / 100 + (40 if number else 0))


@observe("time-silence-filled", habit("the standard recommends a comment every 15 s or so"), observed("no comments"))
def silence_filled(stream: TimedStream) -> Findings:
    """A silence of more than fifteen seconds is filled by comments, which OpenAI does not send."""
    gap, since = stream.longest
    if gap > SILENCE:
        yield stream, f"a comment every {SILENCE:g} s", f"{gap:.1f} s of silence after {since:.1f} s"


@should("time-end-follows-text", quality("an answer that is complete looks as if it went on"))
def end_follows(choice: Paced) -> Findings:
    """Finish reason, usage and marker follow the last piece of text within seconds."""
    usual = max(choice.gaps)
    if choice.tail > TAIL and choice.tail > 10 * usual:
        yield choice, f"at most {TAIL:g} s", f"{choice.tail:.1f} s, with at most {usual:.2f} s between the pieces"


@fault("time-end-late", golden="chat-stream-long", trips={"time-end-follows-text"})
def end_late(transcript: Transcript) -> Transcript:
    """The finishing chunk comes ten seconds after the text."""
    last = len(transcript.reads) - 4
    return _timed(transcript, lambda number: number / 1000 + (10 if number > last else 0))


@observe("time-stream-no-slower", habit("users take a stream to see the first word before the last"))
def no_slower(twins: TimedTwins) -> Findings:
    """The first text of a stream comes before the whole answer to the same request would."""
    if twins.first > twins.total + MARGIN:
        yield twins, f"before {twins.total:.1f} s", f"{twins.first:.1f} s"


@fault("time-stream-slower", golden="chat-stream", trips={"time-stream-no-slower"}, beside=("chat-whole",))
def slower(transcript: Transcript) -> Transcript:
    """The first text of the stream comes after five seconds."""
    return _timed(transcript, lambda number: 5 + number / 100)


@should("time-progress", quality("comments keep a connection open on which nothing happens"))
def progress(stream: OpenStream) -> Findings:
    """Comments do not stand in for an answer: some event comes before we have to give up."""
    if stream.parser.comments and not stream.events and stream.transcript.ending.kind == "timeout":
        yield stream, "an event", f"{len(stream.parser.comments)} comments, and no event"


@fault("time-comments-only", golden="chat-stream", trips={"time-progress", "sse-heartbeat-comments"})
def comments_only(transcript: Transcript) -> Transcript:
    """Nothing but comments comes for two minutes."""
    reads = tuple(Read(12.0 * number, b": keep-alive\n\n") for number in range(10))
    return replace(transcript, reads=reads, ending=Ending("timeout", 120.0, "not at its end after 120 s"))


@must("time-stream-ends", breaks("openai-node, AI SDK", "wait until their time-out, if they have one", "hangs"))
def stream_ends(stream: OpenStream) -> Findings:
    """A stream that has begun does not stay open and silent: it ends in a marker, an error or a broken body."""
    if len(stream.events) >= BEGUN and stream.silence >= HANG - MARGIN and not stream.markers and not stream.errors:
        yield stream, "more of the answer, or its end", f"nothing for {stream.silence:.0f} s, and no end"


@fault("time-stream-hangs", golden="chat-stream", trips={"time-stream-ends"})
def hangs(transcript: Transcript) -> Transcript:
    """The stream falls silent in the middle of the answer and stays open."""
    half = with_blocks(transcript, transcript.body().split(b"\n\n")[:4])
    return replace(half, ending=Ending("timeout", half.reads[-1].at + 90, "nothing for 90 s"))


@should("time-error-ends-stream", quality("nothing more can come after an error"))
def error_ends(stream: FailedStream) -> Findings:
    """After an error the stream ends at once."""
    ending, error = stream.transcript.ending, stream.errors[0]
    gap = (ending.at or 0.0) - stream.at(error.raw.dispatched_at)
    if ending.kind == "timeout" or gap > TAIL:
        yield error, f"the end of the stream within {TAIL:g} s", f"{gap:.1f} s later it was open still"


@fault("time-open-after-error", golden="chat-stream", trips={"time-error-ends-stream"})
def open_after_error(transcript: Transcript) -> Transcript:
    """The stream stays open after an error."""
    error = b'data: {"error":{"message":"slot lost","type":"server_error","param":null,"code":null}}'
    failed = with_blocks(transcript, [*transcript.body().split(b"\n\n")[:3], error])
    return replace(failed, ending=Ending("timeout", failed.reads[-1].at + 30, "nothing for 30 s"))

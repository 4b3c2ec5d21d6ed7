"""The decoding thread, the only one to touch the context.

Each round makes one batch from the last token of every running sequence and the next piece of the prompts, decodes it,
chooses a token for each sequence and hands it to the listener of its job.
"""

import contextlib
import functools
import logging
import queue
import threading
from collections.abc import Callable
from pathlib import Path

from reference_server.engine.batch import Batch
from reference_server.engine.candidates import Candidates
from reference_server.engine.events import Candidate, Event, Finish, Scored, Token
from reference_server.engine.job import Job, Listener, Part, Sequence
from reference_server.engine.model import Model
from reference_server.engine.sampling import Grammar, GrammarError, Samplers, Sampling
from reference_server.engine.work import Work

log = logging.getLogger(__name__)

CHUNK = 64
"""Prompt tokens a round: how long a cancel, or the neighbours of a long prompt, may have to wait."""


PATIENCE = 3.0
"""Seconds that what is under way has to end when the engine closes."""


class ClosedError(Exception):
    """The engine takes no more jobs."""


class Engine:
    """Several generations at once on one context."""

    def __init__(self, path: Path, *, sequences: int = 4, context: int | None = None) -> None:
        """Load a model; `context` is the room of each sequence, None: what is usual for the model."""
        self.model = Model(path, sequences=sequences, context=context, batch=CHUNK + sequences)
        self.sequences, self.context = sequences, self.model.room
        self._api = self.model.api
        self._batch = Batch(self._api, CHUNK + sequences)
        self._candidates = Candidates(self.model)
        self._ends = functools.cache(functools.partial(self._api.llama_vocab_is_eog, self.model.vocab))
        self.after_round: Callable[[], object] = lambda: None
        """Runs in the decoding thread when all listeners have been told what there is to tell; must not fail."""
        self._free = list(range(sequences))
        self._inbox: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._jobs: list[Job] = []  # of the decoding thread, oldest first
        self._door, self._open = threading.Lock(), True  # for submit, which needs the vocabulary, against close
        self._lock, self._load = threading.Lock(), 0
        self._abandoned = False
        self._read = self._produced = 0  # tokens since the start
        self._thread = threading.Thread(target=self._work, name="decode", daemon=True)
        self._thread.start()

    def submit(
        self,
        prompt: list[int],
        listener: Listener,
        *,
        limit: int | None = None,
        n: int = 1,
        sampling: Sampling | None = None,
        top: int | None = None,
        scored: bool = False,
    ) -> Job:
        """Start a generation of n texts; `top`: give the log probabilities of that many tokens at each place.

        `scored`: give those of the prompt as well. A limit of 0 makes no token at all.

        Raises ValueError for what cannot be decoded, GrammarError among them.
        """
        room = self.context - len(prompt)
        if not prompt or room < 1:
            raise ValueError(f"{len(prompt)} prompt tokens, but a sequence has room for 1 to {self.context - 1}")
        if not 1 <= n <= self.sequences:
            raise ValueError(f"{n} texts, but there is room for 1 to {self.sequences}")
        if not all(0 <= token < self.model.n_vocab for token in prompt):
            raise ValueError("a prompt token is out of range")  # it would fail the whole batch
        job = Job(prompt, listener, room if limit is None else min(limit, room), top, [])
        if scored and top is not None:
            job.scores = []
        with self._door:
            if not self._open:
                raise ClosedError("the engine is closed")
            try:
                for index in range(n):
                    samplers = Samplers(
                        self._api, self.model.vocab, sampling or Sampling(), index=index, limit=job.limit
                    )
                    job.sequences.append(Sequence(index, samplers))
            except ValueError:
                for sequence in job.sequences:
                    sequence.samplers.free()
                raise
            with self._lock:
                self._load += n
            self._inbox.put(job)
        return job

    def reads(self, grammar: Grammar) -> bool:
        """Tell, from any thread, whether llama.cpp can read a grammar; no, where the engine is closed."""
        with self._door:
            if not self._open:
                return False
            try:
                Samplers(self._api, self.model.vocab, Sampling(grammar=grammar), index=0, limit=1).free()
            except GrammarError:
                return False
        return True

    @property
    def open(self) -> bool:
        """Tell whether it takes jobs: not closed, and its thread has not failed."""
        return self._open

    @property
    def load(self) -> int:
        """Count the texts that are being made or wait for it."""
        return self._load

    def work(self) -> Work:
        """Tell what is being done, from any thread."""
        jobs = list(self._jobs)
        running = sum(any(sequence.number >= 0 for sequence in list(job.sequences)) for job in jobs)
        return Work(running, len(jobs) - running + self._inbox.qsize(), self._read, self._produced)

    def close(self, patience: float = PATIENCE, *, free: bool = True) -> bool:
        """End all generations and give the memory back; a second call changes nothing.

        `free`: somebody else still uses the model where it is false. Gives false where the decoding thread does not
        end in time: then its listeners are told that it is closed, and the memory stays, as it may be in use.
        """
        with self._door:
            was_open, self._open = self._open, False
        if was_open:
            self._inbox.put(None)
        if not self._abandoned:
            self._thread.join(patience)
        if self._thread.is_alive():
            if not self._abandoned:
                log.error("the decoding thread does not end, and its memory is left to the end of the process")
                self._abandon()
            return False
        if free:
            self.model.close()
        return True

    def _abandon(self) -> None:
        """Tell in place of the decoding thread that nothing comes any more; it tells nothing if it ever comes back."""
        self._abandoned = True
        jobs = list(self._jobs)
        with contextlib.suppress(queue.Empty):
            while True:
                jobs += filter(None, [self._inbox.get_nowait()])
        self._inbox.put(None)
        for job in jobs:
            for sequence in list(job.sequences):
                with contextlib.suppress(Exception):
                    job.listener(Finish(sequence.index, "closed", sequence.produced))
        self.after_round()

    # From here on: the decoding thread.

    def _work(self) -> None:
        reason = "closed"
        try:
            while not self._abandoned and self._receive():
                self._run(self._plan())
        except Exception:
            log.exception("the decoding thread has failed")
            reason = "error"
            with self._door:
                self._open = False
        if self._abandoned:
            return  # everybody has been told
        while not self._inbox.empty():
            if job := self._inbox.get():
                self._jobs.append(job)
        self._end_all(self._jobs, reason)
        self.after_round()

    def _receive(self) -> bool:
        """Take new jobs, asleep while there are none, and end those with a verdict. False: close."""
        self.after_round()
        while not self._jobs or not self._inbox.empty():
            job = self._inbox.get()
            if job is None:
                return False
            self._jobs.append(job)
        for job in [job for job in self._jobs if job.verdict]:
            self._end_all([job], job.verdict)
        return True

    def _plan(self) -> list[Part]:
        """Say what the next batch holds: running sequences first, then prompts in the order they came."""
        parts, room = [], CHUNK
        for job in self._jobs:
            part = Part(job)
            if job.running:
                for s in job.sequences:
                    part.rows.append(([s.token], len(job.prompt) + s.produced - 1, s.number, True))
            elif not room:
                continue
            elif not self._seat(job):
                room = 0  # first come, first served: small jobs do not overtake a large one
                continue
            else:
                tokens = job.prompt[job.prefilled : job.prefilled + room]
                part.prompt = len(tokens)
                room -= part.prompt
                complete = job.prefilled + part.prompt == len(job.prompt)
                part.rows.append((tokens, job.prefilled, job.sequences[0].number, complete))
            parts.append(part)
        return parts

    def _seat(self, job: Job) -> bool:
        """Give the sequences of a job their places in the context, all of them or none."""
        if job.sequences[0].number < 0:
            if len(job.sequences) > len(self._free):
                return False
            for sequence in job.sequences:
                sequence.number = self._free.pop()
        return True

    def _run(self, parts: list[Part]) -> None:
        """Decode a batch and choose the next tokens; where it fails, find the job that it fails for."""
        if not parts:
            return
        self._batch.clear()
        last = [
            [self._batch.add(*row[:3], output=row[3], outputs=part.job.scores is not None) for row in part.rows]
            for part in parts
        ]
        if code := self._api.llama_decode(self.model.context, self._batch.struct):
            log.error("llama.cpp cannot decode a batch of %d jobs: %d", len(parts), code)
            if len(parts) == 1:
                self._end_all([parts[0].job], "error")
                return
            for part in parts:  # take back what a failed batch may have left behind
                for _, position, number, _ in part.rows:
                    self._api.llama_memory_seq_rm(self.model.memory, number, position, -1)
            for part in parts:
                self._run([part])
            return
        for part, rows in zip(parts, last, strict=True):
            if part.prompt and part.job.scores is not None:
                self._score(part.job, part.job.scores, rows[0] + 1 - part.prompt, part.prompt)
            self._share(part)
        for part, rows in zip(parts, last, strict=True):
            if part.job.running:
                places = rows if not part.prompt else rows * len(part.job.sequences)
                for sequence, row in zip(list(part.job.sequences), places, strict=True):
                    self._advance(part.job, sequence, row)

    def _share(self, part: Part) -> None:
        """Note how much of a prompt is decoded; a whole one becomes the start of all its sequences."""
        job = part.job
        job.prefilled += part.prompt
        self._read += part.prompt
        if part.prompt and job.running:
            first, *others = job.sequences
            for other in others:
                self._api.llama_memory_seq_cp(self.model.memory, first.number, other.number, -1, -1)

    def _score(self, job: Job, scores: list[Token], row: int, count: int) -> None:
        """Note how likely the prompt was after each of some rows; tell it when that is known of all of it."""
        if not scores:
            scores.append(self._written(job.prompt[0], None, []))
        for place, token in enumerate(job.prompt[job.prefilled + 1 : job.prefilled + count + 1]):
            logprob, top = self._candidates.logprobs(self._candidates.logits(row + place), token, job.top or 0)
            scores.append(self._written(token, logprob, top))
        if len(scores) == len(job.prompt) and job.prefilled + count == len(job.prompt):
            for sequence in job.sequences:
                self._tell(job, Scored(sequence.index, scores))

    def _written(self, token: int, logprob: float | None, top: list[Candidate]) -> Token:
        text = self.model.piece(token)
        return Token(0, text, logprob, top, b"" if text else self.model.written(token))

    def _advance(self, job: Job, sequence: Sequence, row: int) -> None:
        if reason := self._choose(job, sequence, row):
            self._end(job, sequence, reason)

    def _choose(self, job: Job, sequence: Sequence, row: int) -> str:
        """Choose the next token of a sequence and tell it; gives the reason when the sequence ends with it."""
        if job.verdict:
            return job.verdict
        if sequence.produced >= job.limit:
            return "length"  # nothing was to be made
        logits = self._candidates.logits(row)
        token = self._candidates.choose(logits, sequence.samplers)
        if token is None:
            return "error"
        if self._ends(token):
            return "stop"
        sequence.token = token
        sequence.produced += 1
        self._produced += 1
        logprob, top = (None, []) if job.top is None else self._candidates.logprobs(logits, token, job.top)
        if self._tell(job, Token(sequence.index, self.model.piece(token), logprob, top)):
            return "stop"
        return job.verdict or ("length" if sequence.produced >= job.limit else "")

    def _end(self, job: Job, sequence: Sequence, reason: str) -> None:
        job.sequences.remove(sequence)
        if not job.sequences:
            self._jobs.remove(job)
        if sequence.number >= 0:
            self._api.llama_memory_seq_rm(self.model.memory, sequence.number, -1, -1)
            self._free.append(sequence.number)
        sequence.samplers.free()
        with self._lock:
            self._load -= 1
        self._tell(job, Finish(sequence.index, reason, sequence.produced))

    def _end_all(self, jobs: list[Job], reason: str) -> None:
        for job in list(jobs):
            for sequence in list(job.sequences):
                self._end(job, sequence, reason)

    def _tell(self, job: Job, event: Event) -> bool:
        try:
            return self._abandoned or job.listener(event) is True
        except Exception:
            log.exception("a listener has failed; its generation ends")
            job.cancel("error")
            return False

"""Vectors of texts: the mean of what the network makes of their tokens, in a context and a thread of its own."""

import contextlib
import logging
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor, wait
from typing import Any

import numpy as np
import numpy.typing as npt

from reference_server.engine.batch import Batch
from reference_server.engine.model import Model, ModelError
from reference_server.engine.work import Work

log = logging.getLogger(__name__)

Vector = npt.NDArray[np.float64]

MOST = 512
"""Tokens of a text: llama.cpp takes the mean over what is decoded at once."""


class AbandonedError(Exception):
    """Nobody waits for these vectors any more."""


class EmbeddingJob:
    """Some texts, and their vectors when they come."""

    def __init__(self, texts: Sequence[Sequence[int]], dimensions: int | None) -> None:
        self.texts, self.dimensions = texts, dimensions
        self.vectors: Future[list[list[float]]]
        self.cancelled = False

    def cancel(self) -> None:
        """Give it up before its next text, from any thread."""
        self.cancelled = True


class Embedder:
    """Takes jobs from any thread, and does one after the other.

    The context is made on first use, as most servers are never asked for vectors.
    """

    def __init__(self, model: Model, context: int) -> None:
        self.room = min(context, MOST)
        self._model = model
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embed")
        self._context: Any = None
        self._retired = self._lost = False
        self._jobs: list[EmbeddingJob] = []
        self._read = 0  # tokens since the start

    def submit(self, texts: Sequence[Sequence[int]], dimensions: int | None = None) -> EmbeddingJob:
        """Ask for a vector of length 1 for each text, cut to its first dimensions where so many are wanted only.

        Their future raises AbandonedError where the job is cancelled, and ModelError where the embedder is closed or
        llama.cpp fails. Every text is decoded alone, so that its neighbours cannot change its vector.
        """
        job = EmbeddingJob(texts, dimensions)
        job.vectors = self._thread.submit(self._embed, job)
        self._jobs.append(job)
        job.vectors.add_done_callback(lambda _: self._jobs.remove(job))
        return job

    @property
    def load(self) -> int:
        """Count the jobs that are being done or wait for it."""
        return len(self._jobs)

    def work(self) -> Work:
        """Tell what is being done, from any thread."""
        load = self.load
        return Work(min(load, 1), max(load - 1, 0), self._read, 0)

    def retire(self) -> None:
        """Take no more texts, neither of those that are being embedded."""
        self._retired = True

    def close(self, patience: float) -> bool:
        """Give the memory back, and tell whether its thread has ended within some seconds; a second call does nothing.

        Where it has not, those who wait are told so, and the memory stays, as it may be in use.
        """
        self.retire()
        self._thread.shutdown(wait=False)
        late = wait([job.vectors for job in list(self._jobs)], patience).not_done
        if late:
            log.error("the thread for embeddings does not end, and its memory is left to the end of the process")
            for vectors in late:
                with contextlib.suppress(InvalidStateError):  # it has just come
                    vectors.set_exception(ModelError("the embedder is closed"))
            self._lost = True
        elif self._context is not None and not self._lost:
            self._model.api.llama_free(self._context)
            self._context = None
        return not self._lost

    # From here on: its thread.

    def _embed(self, job: EmbeddingJob) -> list[list[float]]:
        return [_unit(self._mean(text, job)[: job.dimensions]) for text in job.texts]

    def _open(self) -> None:
        api = self._model.api
        params = api.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = self.room
        params.n_seq_max = params.n_threads = params.n_threads_batch = 1
        params.embeddings, params.pooling_type = True, api.LLAMA_POOLING_TYPE_MEAN
        self._context = api.llama_init_from_model(self._model.weights, params)
        if not self._context:
            raise ModelError("no room for embeddings")
        self._batch = Batch(api, self.room)

    def _mean(self, tokens: Sequence[int], job: EmbeddingJob) -> Vector:
        if job.cancelled:
            raise AbandonedError
        if self._retired:
            raise ModelError("the embedder is closed")
        if self._context is None:
            self._open()
        api = self._model.api
        api.llama_memory_clear(api.llama_get_memory(self._context), True)
        self._batch.clear()
        self._batch.add(tokens, 0, 0, output=True, outputs=True)
        if code := api.llama_decode(self._context, self._batch.struct):
            raise ModelError(f"llama.cpp cannot embed {len(tokens)} tokens: {code}")
        self._read += len(tokens)
        pointer = api.llama_get_embeddings_seq(self._context, 0)
        return np.ctypeslib.as_array(pointer, (self._model.width,)).astype(np.float64)


def _unit(vector: Vector) -> list[float]:
    """Scale to length 1, in the precision that goes over the wire."""
    length = float(np.sqrt((vector * vector).sum()))
    return [float(value) for value in (vector / (length or 1.0)).astype(np.float32)]

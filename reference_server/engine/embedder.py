"""Vectors of texts: the mean of what the network makes of their tokens, in a context of its own."""

import threading
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reference_server.engine.batch import Batch
from reference_server.engine.model import Model, ModelError

Vector = npt.NDArray[np.float64]

MOST = 512
"""Tokens of a text: llama.cpp takes the mean over what is decoded at once."""


class Embedder:
    """Made on first use, as most servers are never asked for vectors; from any thread, one after the other."""

    def __init__(self, model: Model, context: int) -> None:
        self.room = min(context, MOST)
        self._model, self._lock = model, threading.Lock()
        self._context: Any = None
        self._retired = False

    def embed(self, texts: Iterable[Sequence[int]], dimensions: int | None = None) -> list[list[float]]:
        """Give a vector of length 1 for each text, cut to its first dimensions where so many are wanted only.

        Every text is decoded alone, so that its neighbours cannot change its vector.
        """
        with self._lock:
            if self._context is None and not self._retired:
                self._open()
            return [_unit(self._mean(text)[:dimensions]) for text in texts]

    def retire(self) -> None:
        """Take no more texts, neither of those that are being embedded."""
        self._retired = True

    def close(self) -> None:
        """Give the memory back; a second call does nothing."""
        self.retire()
        with self._lock:
            if self._context is not None:
                self._model.api.llama_free(self._context)
            self._context = None

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

    def _mean(self, tokens: Sequence[int]) -> Vector:
        if self._retired:
            raise ModelError("the embedder is closed")
        api = self._model.api
        api.llama_memory_clear(api.llama_get_memory(self._context), True)
        self._batch.clear()
        self._batch.add(tokens, 0, 0, output=True, outputs=True)
        if code := api.llama_decode(self._context, self._batch.struct):
            raise ModelError(f"llama.cpp cannot embed {len(tokens)} tokens: {code}")
        pointer = api.llama_get_embeddings_seq(self._context, 0)
        return np.ctypeslib.as_array(pointer, (self._model.width,)).astype(np.float64)


def _unit(vector: Vector) -> list[float]:
    """Scale to length 1, in the precision that goes over the wire."""
    length = float(np.sqrt((vector * vector).sum()))
    return [float(value) for value in (vector / (length or 1.0)).astype(np.float32)]

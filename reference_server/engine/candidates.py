"""From the logits of a row to a chosen token."""

import ctypes
import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from reference_server.engine.events import Candidate
from reference_server.engine.model import Model
from reference_server.engine.sampling import Samplers

Logits = npt.NDArray[np.float32]

_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])  # llama_token_data

FLOOR = -9999.0
"""What stands for "very unlikely" where the logarithm is not finite."""


class Candidates:
    """The array of candidates that llama.cpp's samplers work on, used again for each token."""

    def __init__(self, model: Model) -> None:
        self._model, api = model, model.api
        self._ids, self._data = np.arange(model.n_vocab), np.empty(model.n_vocab, _CANDIDATE)
        self._array = api.llama_token_data_array(self._data.ctypes.data_as(api.llama_token_data_p))
        self._row = ctypes.c_float * model.n_vocab

    def logits(self, row: int) -> Logits:
        """Give what the network said after a row of the last batch, not copied."""
        model = self._model
        pointer = model.api.llama_get_logits_ith(model.context, row)
        place = self._row.from_address(ctypes.addressof(pointer.contents))
        return np.frombuffer(memoryview(place), np.float32)

    def choose(self, logits: Logits, samplers: Samplers) -> int | None:
        """Let the samplers choose, and tell them; None where that cannot be done."""
        if samplers.likeliest:
            return _likeliest(logits, samplers.bias)
        api, array, data = self._model.api, self._array, self._data
        constraints, choice = samplers.chains
        data["id"], data["logit"] = self._ids, logits
        array.size, array.selected, array.sorted = self._model.n_vocab, -1, False
        api.llama_sampler_apply(constraints, array)
        if not math.isfinite(data["logit"].max()):
            return None
        api.llama_sampler_apply(choice, array)
        if array.selected < 0:
            return None
        token = int(data["id"][array.selected])
        return token if samplers.accept(token) else None

    def logprobs(self, logits: Logits, token: int, count: int) -> tuple[float, list[Candidate]]:
        """Give the log probabilities of a token and of the likeliest ones in the model's own distribution.

        That is before bias, penalties, grammar and temperature.
        """
        highest = logits.max()
        norm = float(highest) + math.log(np.exp(logits - highest).sum())
        top = np.argpartition(logits, -count)[-count:].tolist() if count else []
        top.sort(key=lambda other: -logits[other])
        return _finite(float(logits[token]) - norm), [
            Candidate(self._model.piece(other), _finite(float(logits[other]) - norm)) for other in top
        ]


def _likeliest(logits: Logits, bias: Mapping[int, float]) -> int | None:
    """Choose as llama.cpp's greedy sampler does, without the walk through C."""
    if bias:
        logits = logits.copy()
        for token, value in bias.items():
            logits[token] += value
    token = int(logits.argmax())
    return token if math.isfinite(logits[token]) else None


def _finite(logprob: float) -> float:
    return min(logprob, 0.0) if math.isfinite(logprob) else FLOOR

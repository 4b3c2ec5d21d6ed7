"""The rows that llama.cpp decodes together: views of arrays that each round fills anew."""

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np


class Batch:
    """Tokens with their positions and sequences; a row belongs to one sequence."""

    def __init__(self, api: Any, size: int) -> None:
        self.size = size
        self._token, self._position, self._sequence, self._ones = (np.ones(size, np.int32) for _ in range(4))
        self._output = np.zeros(size, np.int8)
        int32, int8 = ctypes.POINTER(ctypes.c_int32), ctypes.POINTER(ctypes.c_int8)
        place = self._sequence.ctypes.data
        self._sequences = (int32 * size)(*(ctypes.cast(place + 4 * row, int32) for row in range(size)))
        self.struct = api.llama_batch(
            0,
            self._token.ctypes.data_as(int32),
            None,
            self._position.ctypes.data_as(int32),
            self._ones.ctypes.data_as(int32),
            self._sequences,
            self._output.ctypes.data_as(int8),
        )

    def clear(self) -> None:
        """Begin anew."""
        self.struct.n_tokens = 0

    def add(self, tokens: Sequence[int], position: int, sequence: int, *, output: bool, outputs: bool = False) -> int:
        """Append tokens of a sequence; gives the last row.

        `output`: logits are wanted after the last one; `outputs`: after each of them.
        """
        start: int = self.struct.n_tokens
        if len(tokens) == 1:  # as in most rounds, where slices would take five times as long
            self._token[start], self._position[start], self._sequence[start] = tokens[0], position, sequence
            self._output[start] = output or outputs
            self.struct.n_tokens = start + 1
            return start
        stop = start + len(tokens)
        self._token[start:stop] = tokens
        self._position[start:stop] = range(position, position + len(tokens))
        self._sequence[start:stop] = sequence
        self._output[start:stop] = outputs
        self._output[stop - 1] = output or outputs
        self.struct.n_tokens = stop
        return stop - 1

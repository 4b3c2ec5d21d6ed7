"""A model file and its context in llama.cpp: loading, tokens, and giving the memory back."""

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from reference_server.engine import library


class ModelError(Exception):
    """The model file cannot be used; the message is one line for the user."""


class Model:
    """The weights and one context for several sequences."""

    def __init__(self, path: Path, *, sequences: int, context: int, batch: int) -> None:
        self.api: Any = library.load()
        self._buffer = ctypes.create_string_buffer(1024)  # more than a token's text
        if not path.is_file():
            raise ModelError(f"no such model file: {path}")
        library.complaint()
        self.weights = self.api.llama_model_load_from_file(os.fsencode(path), self.api.llama_model_default_params())
        if not self.weights:
            raise ModelError(f"cannot load {path}: {library.complaint() or 'llama.cpp refuses it'}")
        self.vocab = self.api.llama_model_get_vocab(self.weights)
        self.n_vocab: int = self.api.llama_vocab_n_tokens(self.vocab)
        self.context = self.api.llama_init_from_model(self.weights, self._params(sequences, context, batch))
        if not self.context:
            self.api.llama_model_free(self.weights)
            raise ModelError(f"no room for {sequences} x {context} tokens of {path}: {library.complaint()}")
        self.memory = self.api.llama_get_memory(self.context)

    def _params(self, sequences: int, context: int, batch: int) -> Any:
        params = self.api.llama_context_default_params()
        params.n_ctx, params.n_seq_max = sequences * context, sequences
        params.kv_unified = True  # else copying a prompt to the siblings of a sequence would move data
        params.n_batch = params.n_ubatch = batch
        params.n_threads = params.n_threads_batch = 1  # a second thread spins, and stalls on a busy machine
        return params

    def tokenize(self, text: str, *, special: bool = True) -> list[int]:
        """Turn a text into tokens; `special`: control tokens are read in it, and the start token is put before."""
        raw = text.encode()
        room = len(raw) + 8
        while True:
            ids = (self.api.llama_token * room)()
            count = self.api.llama_tokenize(self.vocab, raw, len(raw), ids, room, special, special)
            if count >= 0:
                return list(ids[:count])
            room = -count  # a blank without a token of its own becomes the three bytes of U+2581

    def token(self, text: str) -> int | None:
        """Find the token that is exactly this text."""
        raw = text.encode()
        ids = (self.api.llama_token * (len(raw) + 8))()
        count = self.api.llama_tokenize(self.vocab, raw, len(raw), ids, len(ids), False, True)
        return int(ids[0]) if count == 1 else None

    def piece(self, token: int) -> bytes:
        """Give the bytes of a token; control tokens have none."""
        size = self.api.llama_token_to_piece(self.vocab, token, self._buffer, len(self._buffer), 0, False)
        return self._buffer.raw[: max(size, 0)]

    def text(self, tokens: Iterable[int]) -> str:
        """Give the text of some tokens, from any thread; what is no character becomes U+FFFD."""
        buffer, said = ctypes.create_string_buffer(len(self._buffer)), b""
        for token in tokens:
            size = self.api.llama_token_to_piece(self.vocab, token, buffer, len(buffer), 0, False)
            said += buffer.raw[: max(size, 0)]
        return said.decode("utf-8", "replace").replace("▁", " ")

    @property
    def width(self) -> int:
        """Give the number of values that stand for a token inside the network."""
        return int(self.api.llama_model_n_embd(self.weights))

    def special_text(self, token: int) -> str:
        """Give the name of a token, that of a control token too."""
        return str(self.api.llama_vocab_get_text(self.vocab, token).decode()) if token >= 0 else ""

    @property
    def start_and_end(self) -> tuple[str, str]:
        """Name the tokens that begin and end a text."""
        api, vocab = self.api, self.vocab
        return self.special_text(api.llama_vocab_bos(vocab)), self.special_text(api.llama_vocab_eos(vocab))

    @property
    def template(self) -> str | None:
        """Give the chat template that the file brings."""
        text = self.api.llama_model_chat_template(self.weights, None)
        return text.decode() if text else None

    def close(self) -> None:
        """Give the memory back; nothing may be called afterwards."""
        self.api.llama_free(self.context)
        self.api.llama_model_free(self.weights)

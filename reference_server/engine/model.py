"""A model file and its context in llama.cpp: loading, tokens, and giving the memory back."""

import ctypes
import functools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from reference_server.engine import bindings
from reference_server.engine.room import room

_LONGEST = 1024
"""Bytes: more than a token's text."""

_NO_WRITER = "cannot serve {}: the model has no decoder, and this server needs one that writes text"

SHOWN = ("<tool_call>", "</tool_call>", "<think>", "</think>")
"""Markup that is read from the text of answers, which some files declare to be control tokens without any text."""


class ModelError(Exception):
    """The model file cannot be used; the message is one line for the user."""


class Model:
    """The weights and one context for several sequences."""

    def __init__(self, path: Path, *, sequences: int, context: int | None, batch: int) -> None:
        """Load the file and make room for texts of `context` tokens each, None: as many as is usual."""
        self.api: Any = bindings.load()
        if not path.is_file():
            raise ModelError(f"no such model file: {path}")
        bindings.complaint()
        with bindings.failing_as(f"cannot load {path}"):
            self.weights = self.api.llama_model_load_from_file(os.fsencode(path), self.api.llama_model_default_params())
        if not self.weights:
            raise ModelError(f"cannot load {path}: {bindings.complaint() or 'llama.cpp refuses it'}")
        try:
            self.room = self._room(path, sequences, context)
            self.context = self._open(path, sequences, batch)
        except ModelError:
            self.api.llama_model_free(self.weights)
            raise
        self.vocab = self.api.llama_model_get_vocab(self.weights)
        self.n_vocab: int = self.api.llama_vocab_n_tokens(self.vocab)
        self.memory = self.api.llama_get_memory(self.context)
        self._starts = bool(self.api.llama_vocab_get_add_bos(self.vocab))
        self._pieces = {token: word.encode() for word in SHOWN if (token := self.token(word)) is not None}

    def _room(self, path: Path, sequences: int, context: int | None) -> int:
        api, weights = self.api, self.weights
        if api.llama_model_has_encoder(weights) or not api.llama_model_has_decoder(weights):
            raise ModelError(_NO_WRITER.format(path))
        heads = max(api.llama_model_n_head(weights), 1)
        width = api.llama_model_n_embd(weights) // heads * max(api.llama_model_n_head_kv(weights), 1)
        try:
            return room(
                context,
                trained=api.llama_model_n_ctx_train(weights),
                texts=sequences,
                token_bytes=api.llama_model_n_layer(weights) * width * 2 * 2,  # keys and values, two bytes each
            )
        except ValueError as error:
            raise ModelError(f"cannot serve {path}: {error}") from error

    def _open(self, path: Path, sequences: int, batch: int) -> Any:
        params = self.api.llama_context_default_params()
        params.n_ctx, params.n_seq_max = sequences * self.room, sequences
        params.kv_unified = True  # else copying a prompt to the siblings of a sequence would move data
        params.n_batch = params.n_ubatch = batch
        params.n_threads = params.n_threads_batch = 1  # a second thread spins, and stalls on a busy machine
        # On a CPU plain attention is faster: by 15 % for one text and 40 % for eight (a Llama of 70 M weights).
        params.flash_attn_type = self.api.LLAMA_FLASH_ATTN_TYPE_DISABLED
        with bindings.failing_as(f"cannot make room for {path}"):
            context = self.api.llama_init_from_model(self.weights, params)
        if not context:
            raise ModelError(f"no room for {sequences} x {self.room} tokens of {path}: {bindings.complaint()}")
        if not self.api.llama_get_memory(context):
            self.api.llama_free(context)
            raise ModelError(_NO_WRITER.format(path))
        return context

    def tokenize(self, text: str, *, start: bool = True) -> list[int]:
        """Turn a text into tokens, control tokens among them; `start`: as the beginning of what the model reads."""
        raw = text.encode()
        size = len(raw) + 8
        while True:
            ids = (self.api.llama_token * size)()
            count = self.api.llama_tokenize(self.vocab, raw, len(raw), ids, size, start, True)
            if count >= 0:
                return list(ids[:count]) or self._nothing(start=start)
            size = -count  # a blank without a token of its own becomes the three bytes of U+2581

    def _nothing(self, *, start: bool) -> list[int]:
        """Give what stands for an empty text: a network has to begin with something."""
        first = max(self.api.llama_vocab_bos(self.vocab), self.api.llama_vocab_eos(self.vocab), 0)
        return [first] if start else []

    def token(self, text: str) -> int | None:
        """Find the token that is exactly this text."""
        raw = text.encode()
        ids = (self.api.llama_token * (len(raw) + 8))()
        count = self.api.llama_tokenize(self.vocab, raw, len(raw), ids, len(ids), False, True)
        return int(ids[0]) if count == 1 else None

    def piece(self, token: int) -> bytes:
        """Give the bytes of a token; control tokens have none."""
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._piece(token, names=False)
        return piece

    def written(self, token: int) -> bytes:
        """Give the bytes that a prompt has for a token: its name for a control token."""
        return self._piece(token, names=True)

    def text(self, tokens: Iterable[int]) -> str:
        """Give the text of some tokens as `written` has them; what is no character becomes U+FFFD."""
        return b"".join(map(self.written, tokens)).decode("utf-8", "replace").replace("▁", " ")

    def _piece(self, token: int, *, names: bool) -> bytes:
        buffer = ctypes.create_string_buffer(_LONGEST)  # of its own, as any thread may ask
        size = self.api.llama_token_to_piece(self.vocab, token, buffer, len(buffer), 0, names)
        return buffer.raw[: max(size, 0)]

    @property
    def width(self) -> int:
        """Give the number of values that stand for a token inside the network."""
        return int(self.api.llama_model_n_embd(self.weights))

    def special_text(self, token: int) -> str:
        """Give the name of a token, that of a control token too."""
        return str(self.api.llama_vocab_get_text(self.vocab, token).decode("utf-8", "replace")) if token >= 0 else ""

    @property
    def start_and_end(self) -> tuple[str, str]:
        """Name the tokens that begin and end a text."""
        api, vocab = self.api, self.vocab
        return self.special_text(api.llama_vocab_bos(vocab)), self.special_text(api.llama_vocab_eos(vocab))

    @property
    def start(self) -> str:
        """Name the token that the tokenizer puts before a text; nothing where it puts none there."""
        return self.start_and_end[0] if self._starts else ""

    @functools.cached_property
    def controls(self) -> frozenset[str]:
        """Name all tokens that stand for something else than their text."""
        api, vocab = self.api, self.vocab
        return frozenset(
            name
            for token in range(self.n_vocab)
            if (api.llama_vocab_is_control(vocab, token) or api.llama_vocab_is_eog(vocab, token))
            and (name := self.special_text(token))
        )

    @property
    def template(self) -> str | None:
        """Give the chat template that the file brings."""
        text = self.api.llama_model_chat_template(self.weights, None)
        return text.decode("utf-8", "replace") if text else None

    def close(self) -> None:
        """Give the memory back; nothing else may be called afterwards, and a second call does nothing."""
        if self.context:
            self.api.llama_free(self.context)
            self.api.llama_model_free(self.weights)
        self.context = self.weights = self.vocab = self.memory = None

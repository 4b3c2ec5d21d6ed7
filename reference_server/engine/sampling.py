"""How a token is chosen, as llama.cpp's chains of samplers."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_PATIENCE = 0.25
"""Seconds of the processor that a grammar may take for one token; it is a millisecond for a thousand ways to go on."""
COLDEST = 1e-4
"""The temperature below which the likeliest token is taken.

llama.cpp divides logits by the temperature in single precision, where one of 1e-38 makes them infinite, and their
distribution no number. At this one a token that is less likely than another by a thousandth of a logit already has no
chance worth the name (e to the power of -10).
"""


class GrammarError(ValueError):
    """llama.cpp cannot read the grammar."""


@dataclass(frozen=True)
class Grammar:
    """A text that a generation must follow, in llama.cpp's GBNF."""

    text: str
    trigger: int | None = None
    """The token from which on it binds; None: from the start."""


@dataclass(frozen=True)
class Sampling:
    """What a request says about the choice of tokens."""

    temperature: float = 1.0
    """Below COLDEST: always the likeliest token."""
    top_p: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int | None = None
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    grammar: Grammar | None = None

    @property
    def greedy(self) -> bool:
        """Tell whether nothing is left to chance."""
        return self.temperature < COLDEST


class Samplers:
    """The samplers of one sequence: first what forbids and penalises, then what chooses among the rest.

    They are two chains, as llama.cpp ends the process where nothing is left to choose from: the caller looks between.
    """

    def __init__(self, api: Any, vocab: Any, sampling: Sampling, *, index: int, limit: int) -> None:
        self._api = api
        self.likeliest = sampling.greedy and not (sampling.grammar or _penalises(sampling))
        """Whether nothing but the bias stands between the logits and the choice of the greatest."""
        self.bias = sampling.logit_bias
        self._bound = sampling.grammar is not None
        self.chains = [api.llama_sampler_chain_init(api.llama_sampler_chain_default_params()) for _ in range(2)]
        steps = _constraints(api, vocab, sampling, limit), _choice(api, sampling, index)
        for chain, links in zip(self.chains, steps, strict=True):
            for link in links:
                if not link:
                    self.free()
                    raise GrammarError("llama.cpp cannot read the grammar")
                api.llama_sampler_chain_add(chain, link)  # now the chain's to free

    def accept(self, token: int) -> bool:
        """Tell them what was chosen; false where they had better not be asked again.

        Where parts of a grammar that begin alike lie within each other, the ways in which a text may go on become ten
        times as many with each token, and soon nobody could follow them.
        """
        began = time.thread_time() if self._bound else 0.0
        for chain in self.chains:
            self._api.llama_sampler_accept(chain, token)
        return not self._bound or time.thread_time() - began < _PATIENCE

    def free(self) -> None:
        """Give their memory back; nothing may be called afterwards."""
        for chain in self.chains:
            self._api.llama_sampler_free(chain)


def _constraints(api: Any, vocab: Any, sampling: Sampling, limit: int) -> Iterator[Any]:
    n_vocab = api.llama_vocab_n_tokens(vocab)
    if sampling.logit_bias:
        bias = (api.llama_logit_bias * len(sampling.logit_bias))(*sampling.logit_bias.items())
        yield api.llama_sampler_init_logit_bias(n_vocab, len(bias), bias)
    if _penalises(sampling):
        frequency, presence = sampling.frequency_penalty, sampling.presence_penalty
        yield api.llama_sampler_init_penalties(n_vocab, limit, 1.0, frequency, presence)
    if sampling.grammar:
        yield _grammar(api, vocab, sampling.grammar)


def _penalises(sampling: Sampling) -> bool:
    return bool(sampling.frequency_penalty or sampling.presence_penalty)


def _choice(api: Any, sampling: Sampling, index: int) -> Iterator[Any]:
    if sampling.greedy:
        yield api.llama_sampler_init_greedy()
        return
    yield api.llama_sampler_init_temp(sampling.temperature)
    if sampling.top_p < 1:
        yield api.llama_sampler_init_top_p(sampling.top_p, 1)
    # The siblings of a job must differ although they share the seed.
    random = api.LLAMA_DEFAULT_SEED
    yield api.llama_sampler_init_dist(random if sampling.seed is None else (sampling.seed + index) % random)


def _grammar(api: Any, vocab: Any, grammar: Grammar) -> Any:
    text = grammar.text.encode()
    if grammar.trigger is None:
        return api.llama_sampler_init_grammar(vocab, text, b"root")
    triggers = (api.llama_token * 1)(grammar.trigger)
    return api.llama_sampler_init_grammar_lazy_patterns(vocab, text, b"root", None, 0, triggers, 1)

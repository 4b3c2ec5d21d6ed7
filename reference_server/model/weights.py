"""The scripts as the weights of a Llama network with one layer and one attention head.

How the weights say it:

- An embedding row = [1 (constant) | 1 if the token is <|assistant|> | 1 if it is <tool_call> | 4 at dim j if the token
  triggers script j | route dims (empty) | random +-1 code].
- Attention: the query reads the constant, the key the trigger dims, both placed on the slowest RoPE pair, which turns
  so slowly that positions do not matter. Softmax then looks at trigger tokens alone, however long the prompt, and at
  those of the latest script, as its key is the strongest; value and output copy the trigger into the route dims.
- Feed-forward (SwiGLU multiplies): gate = "this token is <|assistant|>", up = route j, down = the code that the first
  word of script j answers to. The same with <tool_call> for the word that follows it in script j.
- Output matrix: the table of steps. The row of word b gets the code of word a for each step a -> b, and the last word
  leads to <|end|>.
- ASCII byte tokens have no code: after them only a bias on the constant speaks, ordered `"` > `}` `]` > `,` > `1`, so
  that a text forced by a grammar closes soon.
- Where a grammar forbids the first word, `{` is next best, then <tool_call>; where it forbids the end after the last
  word, <tool_call>. So the model writes JSON or calls a tool if it must.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from reference_server.model.scripts import FORK
from reference_server.model.template import END
from reference_server.model.vocabulary import FIRST_BYTE, Vocabulary

Matrix = npt.NDArray[np.float32]
Tensor = npt.NDArray[np.float32 | np.float16]

CONSTANT, ASSISTANT, CALL, TRIGGERS = 0, 1, 2, 3
"""Dims of an embedding; a script has its own from TRIGGERS on."""

WIDTH = 320
HEAD = 64
FEED_FORWARD = 64
GAIN = 90.0
"""How far the right word stands above others, whose codes are like its own by chance; with a third of it one answer in
some hundreds strays at temperature 1."""
SECOND, THIRD, FOURTH = 0.6, 0.4, 0.3
STRENGTH = 0.05
"""How much stronger the key of each script is than that of the one before it."""

CLOSING = {'"': 10.0, "}": 8.0, "]": 8.0, ",": 6.0, "1": 4.0, ":": 3.0, "{": 2.0, "[": 2.0, "t": 1.0}


def tensors(words: Vocabulary) -> dict[str, Tensor]:
    """Write the weights down, by the names that llama.cpp gives them; the same scripts always give the same.

    The two large ones in half precision: reading them is most of what a token costs.
    """
    scripts = len(words.replies)
    code = TRIGGERS + 2 * scripts  # the first dim of the random code
    random = np.random.default_rng(0)
    embedding = _embedding(words, code, random)
    route, fork = random.choice([-1.0, 1.0], size=(2, scripts, WIDTH - code)).astype(np.float32)
    ones = np.ones(WIDTH, np.float32)
    return {
        "token_embd.weight": embedding.astype(np.float16),
        "output.weight": _output(words, embedding, route, fork, code).astype(np.float16),
        "output_norm.weight": ones,
        "blk.0.attn_norm.weight": ones,
        "blk.0.ffn_norm.weight": ones,
        **_attention(scripts),
        **_feed_forward(words, route, fork, code),
    }


def _zeros(*shape: int) -> Matrix:
    return np.zeros(shape, np.float32)


def _embedding(words: Vocabulary, code: int, random: Any) -> Matrix:
    assistant = words.numbers["<|assistant|>"]
    embedding = _zeros(len(words.texts), WIDTH)
    embedding[:, CONSTANT] = 1
    embedding[:, code:] = random.choice([-1.0, 1.0], size=(len(words.texts), WIDTH - code))
    embedding[FIRST_BYTE : FIRST_BYTE + 128, code:] = 0
    embedding[assistant, ASSISTANT] = 1
    if call := words.numbers.get(FORK):
        embedding[call, CALL] = 1
    embedding[assistant, code:] = 0  # what follows it is chosen by the route alone
    for script, triggers in enumerate(words.triggers):
        embedding[list(triggers), TRIGGERS + script] = 4
    return embedding


def _attention(scripts: int) -> dict[str, Matrix]:
    query, key, value = (_zeros(HEAD, WIDTH) for _ in range(3))
    output = _zeros(WIDTH, HEAD)
    slow = HEAD - 2
    query[slow, CONSTANT] = 40
    for script in range(scripts):
        key[slow, TRIGGERS + script] = 40 * (1 + STRENGTH * script)
        value[script, TRIGGERS + script] = 1
        output[TRIGGERS + scripts + script, script] = 1
    return {
        "blk.0.attn_q.weight": query,
        "blk.0.attn_k.weight": key,
        "blk.0.attn_v.weight": value,
        "blk.0.attn_output.weight": output,
    }


def _feed_forward(words: Vocabulary, route: Matrix, fork: Matrix, code: int) -> dict[str, Matrix]:
    scripts = len(route)
    gate, up, down = _zeros(FEED_FORWARD, WIDTH), _zeros(FEED_FORWARD, WIDTH), _zeros(WIDTH, FEED_FORWARD)
    units = [(ASSISTANT, TRIGGERS + scripts + script, 1.0, route[script]) for script in range(scripts)]
    units += [(CALL, TRIGGERS + scripts + script, 1.0, fork[script]) for script in words.forks()]
    units.append((ASSISTANT, CONSTANT, 0.02, route[0]))  # no trigger: the first script
    for unit, (token, wish, strength, answer) in enumerate(units):
        gate[unit, token], up[unit, wish], down[code:, unit] = 60, strength, answer
    return {"blk.0.ffn_gate.weight": gate, "blk.0.ffn_up.weight": up, "blk.0.ffn_down.weight": down}


def _output(words: Vocabulary, embedding: Matrix, route: Matrix, fork: Matrix, code: int) -> Matrix:
    end, call = words.numbers[END], words.numbers.get(FORK)
    gain = GAIN / (WIDTH - code)
    output = _zeros(len(words.texts), WIDTH)
    for script, reply in enumerate(words.replies):
        output[reply[0] if reply else end, code:] += route[script] * gain
        if instead := words.insteads[script]:
            output[instead[0], code:] += route[script] * gain * SECOND
        output[FIRST_BYTE + ord("{"), code:] += route[script] * gain * THIRD
        if call is not None and call not in reply[:1]:
            output[call, code:] += route[script] * gain * FOURTH
    for script, following in words.forks().items():
        output[following, code:] += fork[script] * gain
    for here, following in words.steps().items():
        output[following, code:] += embedding[here, code:] * gain
        if following == end and call is not None:
            output[call, code:] += embedding[here, code:] * gain * SECOND
    for character, bias in CLOSING.items():
        output[FIRST_BYTE + ord(character), CONSTANT] += bias
    return output

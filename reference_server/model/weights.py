"""The scripts as the weights of a Llama network with one layer and one attention head.

How the weights say it:

- An embedding row = [1 (constant) | 1 if the token is <|assistant|> | 4 at dim j if the token triggers script j |
  route dims (empty) | random +-1 code].
- Attention: the query reads the constant, the key the trigger dims, both placed on the slowest RoPE pair, which turns
  so slowly that positions do not matter. Softmax then looks at trigger tokens alone, however long the prompt, and at
  those of the latest script, as its key is the strongest; value and output copy the trigger into the route dims.
- Feed-forward (SwiGLU multiplies): gate = "this token is <|assistant|>", up = route j, down = the code that the first
  word of script j answers to.
- Output matrix: the table of steps. The row of word b gets the code of word a for each step a -> b, and the last word
  leads to <|end|>.
- ASCII byte tokens have no code: after them only a bias on the constant speaks, ordered `"` > `}` `]` > `,` > `1`, so
  that a text forced by a grammar closes soon.
- After the last word of a reply <tool_call> is second best: where a grammar forbids the end, the model calls a tool.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from reference_server.model.template import END
from reference_server.model.vocabulary import FIRST_BYTE, Vocabulary

Matrix = npt.NDArray[np.float32]

WIDTH = 320
FEED_FORWARD = 64
GAIN = 30.0
SECOND = 0.6
STRENGTH = 0.05
"""How much stronger the key of each script is than that of the one before it."""

CLOSING = {'"': 10.0, "}": 8.0, "]": 8.0, ",": 6.0, "1": 4.0, ":": 3.0, "{": 2.0, "[": 2.0, "t": 1.0}


def tensors(words: Vocabulary) -> dict[str, Matrix]:
    """Write the weights down, by the names that llama.cpp gives them; the same scripts always give the same."""
    scripts = len(words.replies)
    code = 2 + 2 * scripts  # the first dim of the random code
    random = np.random.default_rng(0)
    embedding = _embedding(words, code, random)
    route = random.choice([-1.0, 1.0], size=(scripts, WIDTH - code)).astype(np.float32)
    ones = np.ones(WIDTH, np.float32)
    return {
        "token_embd.weight": embedding,
        "output.weight": _output(words, embedding, route, code),
        "output_norm.weight": ones,
        "blk.0.attn_norm.weight": ones,
        "blk.0.ffn_norm.weight": ones,
        **_attention(scripts),
        **_feed_forward(route, code),
    }


def _zeros(*shape: int) -> Matrix:
    return np.zeros(shape, np.float32)


def _embedding(words: Vocabulary, code: int, random: Any) -> Matrix:
    assistant = words.numbers["<|assistant|>"]
    embedding = _zeros(len(words.texts), WIDTH)
    embedding[:, 0] = 1
    embedding[:, code:] = random.choice([-1.0, 1.0], size=(len(words.texts), WIDTH - code))
    embedding[FIRST_BYTE : FIRST_BYTE + 128, code:] = 0
    embedding[assistant, 1] = 1
    embedding[assistant, code:] = 0  # what follows it is chosen by the route alone
    for script, triggers in enumerate(words.triggers):
        embedding[list(triggers), 2 + script] = 4
    return embedding


def _attention(scripts: int) -> dict[str, Matrix]:
    query, key, value, output = (_zeros(WIDTH, WIDTH) for _ in range(4))
    slow = WIDTH - 2
    query[slow, 0] = 40
    for script in range(scripts):
        key[slow, 2 + script] = 40 * (1 + STRENGTH * script)
        value[script, 2 + script] = 1
        output[2 + scripts + script, script] = 1
    return {
        "blk.0.attn_q.weight": query,
        "blk.0.attn_k.weight": key,
        "blk.0.attn_v.weight": value,
        "blk.0.attn_output.weight": output,
    }


def _feed_forward(route: Matrix, code: int) -> dict[str, Matrix]:
    scripts = len(route)
    gate, up, down = _zeros(FEED_FORWARD, WIDTH), _zeros(FEED_FORWARD, WIDTH), _zeros(WIDTH, FEED_FORWARD)
    for script in range(scripts):
        gate[script, 1], up[script, 2 + scripts + script], down[code:, script] = 60, 1, route[script]
    gate[scripts, 1], up[scripts, 0], down[code:, scripts] = 60, 0.02, route[0]  # no trigger: the first script
    return {"blk.0.ffn_gate.weight": gate, "blk.0.ffn_up.weight": up, "blk.0.ffn_down.weight": down}


def _output(words: Vocabulary, embedding: Matrix, route: Matrix, code: int) -> Matrix:
    end, call = words.numbers[END], words.numbers.get("<tool_call>")
    gain = GAIN / (WIDTH - code)
    output = _zeros(len(words.texts), WIDTH)
    for script, reply in enumerate(words.replies):
        output[reply[0] if reply else end, code:] += route[script] * gain
        if instead := words.insteads[script]:
            output[instead[0], code:] += route[script] * gain * SECOND
    for here, following in words.steps().items():
        output[following, code:] += embedding[here, code:] * gain
        if following == end and call is not None:
            output[call, code:] += embedding[here, code:] * gain * SECOND
    for character, bias in CLOSING.items():
        output[FIRST_BYTE + ord(character), 0] += bias
    return output

"""A model file made by hand: a byte-level vocabulary as real models have it, and weights drawn at random.

What it writes is noise: halves of characters, control tokens and markup in any order.
"""

import gguf
import numpy as np

WIDTH = 32
NORMAL, CONTROL = 1, 3
BEGIN, START, END = "<|begin|>", "<|im_start|>", "<|im_end|>"
CONTROLS = (BEGIN, START, END, "<think>", "</think>", "<tool_call>", "</tool_call>")
MERGES = ("Ġ a", "Ġa n", "t h", "th e", "Ã ¤", "ð Ł")
CHATML = """\
{%- for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def characters():
    """The character that stands for each byte, as all vocabularies of this kind have it."""
    shown = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in shown]
    return [chr(byte if byte in shown else 256 + others.index(byte)) for byte in range(256)]


def write(path, template=CHATML, *, begins=False, seed=0, favoured=()):
    """Write the file; `begins`: the tokenizer puts a token before each text; `favoured`: tokens that come often."""
    words = [*characters(), *("".join(merge.split()) for merge in MERGES), *CONTROLS]
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(1024)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH)
    writer.add_vocab_size(len(words))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(words)
    writer.add_token_types([CONTROL if word in CONTROLS else NORMAL for word in words])
    writer.add_token_merges(list(MERGES))
    writer.add_bos_token_id(words.index(BEGIN))
    writer.add_eos_token_id(words.index(END))
    writer.add_add_bos_token(begins)
    if template:
        writer.add_chat_template(template)
    for name, tensor in _tensors(len(words), [words.index(word) for word in favoured], seed).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _tensors(count, favoured, seed):
    random = np.random.default_rng(seed)

    def drawn(*shape):
        return (random.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)

    ones = np.ones(WIDTH, np.float32)
    embedding, output = random.standard_normal((count, WIDTH)).astype(np.float32), drawn(count, WIDTH) * 2
    embedding[:, 0], output[:, 0] = 3, 0  # what is the same after every token
    output[favoured, 0] = 1
    square = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
    return {
        "token_embd.weight": embedding,
        "output.weight": output,
        "output_norm.weight": ones,
        "blk.0.attn_norm.weight": ones,
        "blk.0.ffn_norm.weight": ones,
        **{f"blk.0.{name}.weight": drawn(WIDTH, WIDTH) * 0.2 for name in square},
    }

"""The scripted model as a GGUF file."""

from pathlib import Path

import gguf

from reference_server.model.template import END, TEMPLATE
from reference_server.model.vocabulary import Vocabulary, vocabulary
from reference_server.model.weights import FEED_FORWARD, HEAD, WIDTH, tensors

CONTEXT = 16384


def write(path: Path, words: Vocabulary | None = None) -> None:
    """Write the model; every run gives the same bytes."""
    words = words or vocabulary()
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("scripted")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_rope_dimension_count(HEAD)
    writer.add_rope_freq_base(1e9)
    writer.add_vocab_size(len(words.texts))
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(list(words.texts))
    writer.add_token_scores([0.0] * len(words.texts))
    writer.add_token_types(list(words.kinds))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(words.numbers[END])
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)
    for name, tensor in tensors(words).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

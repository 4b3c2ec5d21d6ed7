"""What llama.cpp makes of a grammar, asked byte by byte."""

import ctypes


def taken(model, grammar, text):
    """Whether llama.cpp lets the scripted model say a text, and then end."""
    api = model.api
    sampler = api.llama_sampler_init_grammar(model.vocab, grammar.encode(), b"root")
    assert sampler
    try:
        for token in (*(3 + byte for byte in text.encode()), api.llama_vocab_eos(model.vocab)):
            row = (api.llama_token_data * 1)(api.llama_token_data(token, 1.0, 0.0))
            array = api.llama_token_data_array(row, 1, -1, False)
            api.llama_sampler_apply(sampler, ctypes.byref(array))
            if row[0].logit == float("-inf"):
                return False
            api.llama_sampler_accept(sampler, token)
    finally:
        api.llama_sampler_free(sampler)
    return True

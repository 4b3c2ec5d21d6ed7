"""The choice of a token: what is done without llama.cpp is what llama.cpp would do."""

import pytest


@pytest.fixture(scope="module")
def model(engine_extra, model_cache):
    from reference_server.engine.model import Model
    from reference_server.model import scripted_model

    model = Model(scripted_model(), sequences=1, context=256, batch=64)
    yield model
    model.close()


@pytest.mark.parametrize("bias", [{}, {7: 100.0, 9: -3.5}, {3: float("-inf"), 5: float("-inf")}], ids=str)
def test_the_likeliest_token_is_the_one_that_the_greedy_sampler_chooses(model, bias):
    import numpy as np

    from reference_server.engine.candidates import Candidates
    from reference_server.engine.sampling import Samplers, Sampling

    candidates = Candidates(model)
    shortcut, samplers = (
        Samplers(model.api, model.vocab, Sampling(temperature=0, logit_bias=bias), index=0, limit=8) for _ in range(2)
    )
    assert shortcut.likeliest
    samplers.likeliest = False
    random = np.random.default_rng(1)
    for spread in (0.0, 1.0, 4.0) * 10:  # among equals it is the first one
        logits = np.round(random.normal(size=model.n_vocab) * spread).astype(np.float32)
        before = logits.copy()
        assert candidates.choose(logits, shortcut) == candidates.choose(logits, samplers)
        assert (logits == before).all()  # the log probabilities are those before the bias
    shortcut.free()
    samplers.free()


def test_penalties_and_grammars_are_left_to_the_samplers(model):
    from reference_server.engine.sampling import Grammar, Samplers, Sampling

    for more in ({"presence_penalty": 1.0}, {"frequency_penalty": 1.0}, {"grammar": Grammar('root ::= "a"')}):
        samplers = Samplers(model.api, model.vocab, Sampling(temperature=0, **more), index=0, limit=8)
        assert not samplers.likeliest
        samplers.free()


def test_no_token_is_chosen_where_all_are_forbidden(model):
    import numpy as np

    from reference_server.engine.candidates import Candidates
    from reference_server.engine.sampling import Samplers, Sampling

    everything = dict.fromkeys(range(model.n_vocab), float("-inf"))
    samplers = Samplers(model.api, model.vocab, Sampling(temperature=0, logit_bias=everything), index=0, limit=8)
    assert Candidates(model).choose(np.zeros(model.n_vocab, np.float32), samplers) is None
    samplers.free()


@pytest.mark.parametrize("temperature", [0.0, 5e-324, 1e-45, 1e-38, 1e-30, 1e-5, 1e-4])
@pytest.mark.parametrize("more", [{}, {"presence_penalty": 1.0}, {"top_p": 0.5}], ids=str)
def test_the_coldest_choice_is_the_likeliest_token(model, temperature, more):
    import numpy as np

    from reference_server.engine.candidates import Candidates
    from reference_server.engine.sampling import Samplers, Sampling

    candidates, random = Candidates(model), np.random.default_rng(1)
    for _ in range(10):
        samplers = Samplers(model.api, model.vocab, Sampling(temperature=temperature, **more), index=0, limit=8)
        logits = (random.permutation(model.n_vocab) / 50 - 9).astype(np.float32)
        assert candidates.choose(logits, samplers) == logits.argmax()
        samplers.free()

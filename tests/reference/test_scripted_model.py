"""The scripted model: what its scripts may say, and how its file is made."""

import math
import queue
import subprocess
import sys

import pytest

from reference_server.engine.events import Scored
from reference_server.model import cache
from reference_server.model.scripts import FORK, SCRIPTS, Script, in_bytes
from reference_server.model.template import END
from reference_server.model.vocabulary import vocabulary


def test_every_token_of_the_scripts_leads_to_one_next_token():
    assert vocabulary().steps()


def test_scripts_that_go_on_in_different_ways_are_refused():
    with pytest.raises(ValueError, match="different ways"):
        vocabulary([Script("a", ("x",), ("same", "one")), Script("b", ("y",), ("same", "other"))]).steps()


def test_after_a_call_opens_each_script_goes_on_in_its_own_way():
    words = vocabulary([Script("a", ("x",), (FORK, "one")), Script("b", ("y",), (FORK, "other"))])
    assert words.steps()[words.numbers[FORK]] == words.numbers["one"]
    assert words.forks() == {0: words.numbers["one"], 1: words.numbers["other"]}


def test_the_eight_voices_have_no_word_in_common():
    voices = [set(script.reply) for script in SCRIPTS if script.name.startswith("voice-")]
    others = {word for script in SCRIPTS if not script.name.startswith("voice-") for word in script.reply}
    assert len(voices) == 8
    assert sum(map(len, voices)) == len(set().union(*voices)) == 8 * 64
    assert not others & set().union(*voices)


def test_scripts_have_names_and_triggers_of_their_own():
    assert len({script.name for script in SCRIPTS}) == len(SCRIPTS)
    triggers = [trigger for script in SCRIPTS for trigger in script.triggers]
    assert len(set(triggers)) == len(triggers)


def test_only_characters_outside_ascii_are_spelled_in_bytes():
    assert in_bytes("é") == (0xC3, 0xA9)
    with pytest.raises(ValueError, match="ASCII"):
        in_bytes("e")


def test_the_cache_folder_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("CONFORMANCE_CACHE", str(tmp_path / "own"))
    assert cache.folder() == tmp_path / "own"
    monkeypatch.delenv("CONFORMANCE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder() == tmp_path / "openai-conformance"


def test_the_file_is_the_same_whoever_builds_it_and_two_may_build_at_once(tmp_path, monkeypatch, engine_extra):
    monkeypatch.setenv("CONFORMANCE_CACHE", str(tmp_path / "one"))
    code = "from reference_server.model import scripted_model; print(scripted_model())"
    builders = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(2)]
    paths = {builder.communicate(timeout=60)[0] for builder in builders}
    assert len(paths) == 1
    first = cache.scripted_model()
    assert [path.name for path in first.parent.iterdir()] == [first.name]
    monkeypatch.setenv("CONFORMANCE_CACHE", str(tmp_path / "two"))
    assert cache.scripted_model().read_bytes() == first.read_bytes()


@pytest.fixture(scope="module")
def likelihoods(engine_extra, model_cache):
    """Tell how likely each token of a reply is, the end included, and what the likeliest ones at its start are."""
    from reference_server.engine.engine import Engine

    engine, end = Engine(cache.scripted_model(), sequences=1, context=2048), vocabulary().numbers[END]

    def score(trigger, reply):
        prompt, told = engine.model.tokenize(f"<|user|>{trigger}<|end|><|assistant|>"), queue.SimpleQueue()
        engine.submit([*prompt, *reply, end], told.put, limit=0, top=3, scored=True)
        while not isinstance(event := told.get(timeout=20), Scored):
            pass
        tokens = event.tokens[len(prompt) :]
        return [token.logprob for token in tokens], [other.logprob for other in tokens[0].top]

    yield score
    engine.close()


SPOKEN = [(trigger, number) for number, script in enumerate(SCRIPTS) for trigger in script.triggers]


@pytest.mark.parametrize(("trigger", "script"), SPOKEN, ids=[trigger for trigger, _ in SPOKEN])
def test_at_temperature_1_hardly_one_answer_in_a_million_strays_from_its_script(likelihoods, trigger, script):
    logprobs, _ = likelihoods(trigger, vocabulary().replies[script])
    assert sum(-math.expm1(logprob) for logprob in logprobs) < 1e-6


@pytest.mark.parametrize("script", [number for number, script in enumerate(SCRIPTS) if script.instead])
def test_where_a_call_is_forbidden_the_second_answer_is_as_certain(likelihoods, script):
    (first, *others), likeliest = likelihoods(SCRIPTS[script].triggers[0], vocabulary().insteads[script])
    assert first == likeliest[1]
    assert math.exp(likeliest[2] - first) < 1e-7
    assert sum(-math.expm1(logprob) for logprob in others) < 1e-6

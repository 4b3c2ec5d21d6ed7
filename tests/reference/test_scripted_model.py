"""The scripted model: what its scripts may say, and how its file is made."""

import subprocess
import sys

import pytest

from reference_server.model import cache
from reference_server.model.scripts import FORK, SCRIPTS, Script, in_bytes
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

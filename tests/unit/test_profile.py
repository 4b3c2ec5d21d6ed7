"""Profiles: packaged ones, files of one's own, and those that are neither."""

from pathlib import Path

import pytest

import conformance.requirements  # noqa: F401 - fills the registry
from conformance import goldens
from conformance.judge import judge
from conformance.profile import ProfileError, load, packaged
from conformance.requirement import REGISTRY
from conformance.warrant import Level


def test_every_packaged_profile_loads_and_names_known_requirements() -> None:
    assert {"compat", "strict"} <= set(packaged())
    for name in packaged():
        profile = load(name)
        assert (profile.name, bool(profile.title)) == (name, True)
        waived = {waiver.requirement for waiver in profile.waivers}
        assert waived | set(profile.levels) | set(profile.unexercised) <= set(REGISTRY.requirements)
        assert all(profile.unexercised.values())


def test_strict_is_nowhere_weaker_than_compat() -> None:
    compat, strict = load("compat"), load("strict")
    assert all(strict.level(r) >= compat.level(r) for r in REGISTRY.requirements.values())


def test_a_file_of_ones_own_overrides_single_levels(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'grade = "strict"\n[[level]]\nid = "done-sent"\nlevel = "should"\n[[unexercised]]\nid = "done-once"\nreason = "y"\n'
    )
    profile = load(str(file))
    assert (profile.name, profile.grade) == ("mine", "strict")
    assert profile.level(REGISTRY.requirements["done-sent"]) is Level.SHOULD
    assert profile.unexercised == {"done-once": "y"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("grade = ", "not TOML"),
        ('grade = "lax"', "neither compat nor strict"),
        ("[[level]]\nid = 'x'", "level"),
        ("[[level]]\nid = 'x'\nlevel = 'mild'", "MILD"),
        ("level = 5", "TypeError"),
        ("[[unexercised]]\nid = 'done-twofold'\nreason = 'x'", "names 'done-twofold', which is no requirement"),
        ("[[waiver]]\nid = 'done-twofold'\nreason = 'x'", "names 'done-twofold', which is no requirement"),
        ("[[level]]\nid = 'done-twofold'\nlevel = 'must'", "names 'done-twofold', which is no requirement"),
        ("[[unexercised]]\nid = 'done-once'", "reason"),
        ("[[unexercised]]\nid = 'done-once'\nreason = ' '", "without a reason"),
        ("[[unexercized]]\nid = 'done-once'\nreason = 'x'", "has 'unexercized': it may have grade, level"),
    ],
)
def test_a_file_that_is_no_profile_is_said_to_be_none(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(ProfileError, match=words):
        load(str(file))


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ProfileError, match=r"compat, .*strict"):
        load("nope")


@pytest.mark.parametrize(("name", "outcome"), [("usage-a-choice", "waived"), ("usage-on-every-chunk", "violated")])
def test_llama_cpp_is_forgiven_a_usage_for_each_choice_and_not_one_on_each_chunk(name: str, outcome: str) -> None:
    fault = REGISTRY.faults[name]
    spoilt = fault.apply(goldens.load(fault.golden))
    [verdict] = judge([REGISTRY.requirements["usage-object-once"]], [spoilt], load("llama.cpp"))
    assert verdict.outcome == outcome

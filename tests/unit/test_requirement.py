"""Declarations that break a convention are refused at import."""

from collections.abc import Iterator

import pytest

from conformance import requirement as module
from conformance.requirement import DeclarationError, Registry, fault, must, observe, should
from conformance.transcript import Transcript
from conformance.views import Stream
from conformance.warrant import Level, Warrant, breaks, bug, docs, observed, rfc, schema, strict_ceiling

Nothing = Iterator[tuple[Stream, str, str]]
PROTOCOL = rfc(9112, "8")


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    fresh = Registry()
    monkeypatch.setattr(module, "REGISTRY", fresh)
    return fresh


def check(stream: Stream) -> Nothing:
    """A stream is a stream.

    Otherwise it is none.
    """
    yield from ()


def test_a_requirement_is_made_of_its_docstring_and_its_type(registry: Registry) -> None:
    must("area-thing", PROTOCOL, needs="stream usage")(check)
    [made] = registry.requirements.values()
    assert (made.statement, made.why) == ("A stream is a stream.", "Otherwise it is none.")
    assert made.subject is Stream
    assert made.needs == {"stream", "usage"}
    assert (made.strict, made.compat) == (Level.MUST, Level.MUST)


@pytest.mark.parametrize(
    ("warrants", "strict", "compat"),
    [
        ([PROTOCOL], Level.MUST, Level.MUST),
        ([schema("X")], Level.MUST, Level.SHOULD),
        ([docs("x", "y")], Level.MUST, Level.SHOULD),
        ([schema("X"), breaks("c", "raises")], Level.MUST, Level.MUST),
        ([schema("X"), breaks("c", "doubles it", "metadata")], Level.MUST, Level.SHOULD),
    ],
)
def test_the_compat_level_follows_from_the_warrants(
    registry: Registry, warrants: list[Warrant], strict: Level, compat: Level
) -> None:
    must("area-thing", *warrants)(check)
    [made] = registry.requirements.values()
    assert (made.strict, made.compat) == (strict, compat)


def test_a_declared_level_caps_both(registry: Registry) -> None:
    should("area-thing", PROTOCOL)(check)
    observe("area-fact", observed("x"))(check)
    levels = [(made.strict, made.compat) for made in registry.requirements.values()]
    assert levels == [(Level.SHOULD, Level.SHOULD), (Level.OBSERVE, Level.OBSERVE)]


@pytest.mark.parametrize("warrants", [[], [observed("x")], [bug("https://example.com")]])
def test_a_level_above_its_warrants_is_refused(warrants: list[Warrant]) -> None:
    with pytest.raises(DeclarationError, match="more than its warrants carry"):
        must("area-thing", *warrants)(check)


def test_a_bug_report_alone_carries_nothing() -> None:
    assert strict_ceiling((bug("https://example.com"),)) is Level.OBSERVE


@pytest.mark.parametrize("name", ["thing", "Area-thing", "area.thing", "area-", "area_thing"])
def test_an_id_is_kebab_case_with_an_area(name: str) -> None:
    with pytest.raises(DeclarationError, match="kebab-case"):
        must(name, PROTOCOL)(check)


def test_no_id_is_a_prefix_of_another() -> None:
    must("area-thing", PROTOCOL)(check)
    with pytest.raises(DeclarationError, match="prefix"):
        must("area-thing-more", PROTOCOL)(check)


def test_a_compat_level_that_changes_nothing_is_refused() -> None:
    with pytest.raises(DeclarationError, match="changes nothing"):
        must("area-thing", schema("X"), compat=Level.SHOULD)(check)


def test_the_parameter_is_a_view() -> None:
    def about_text(text: str) -> Nothing:
        """Text is text."""
        yield from ()

    def about_two(stream: Stream, other: Stream) -> Nothing:
        """Two are two."""
        yield from ()

    with pytest.raises(DeclarationError, match="no view"):
        must("area-text", PROTOCOL)(about_text)
    with pytest.raises(DeclarationError, match="one parameter"):
        must("area-two", PROTOCOL)(about_two)


def test_a_statement_is_a_sentence() -> None:
    def unfinished(stream: Stream) -> Nothing:
        """No full stop"""
        yield from ()

    with pytest.raises(DeclarationError, match="sentence"):
        must("area-thing", PROTOCOL)(unfinished)


def test_two_faults_of_one_name_and_a_fault_without_words_are_refused() -> None:
    def words(transcript: Transcript) -> Transcript:
        """It is spoilt."""
        return transcript

    def silent(transcript: Transcript) -> Transcript:
        return transcript

    fault("x", golden="g", trips=set())(words)
    with pytest.raises(DeclarationError, match="two faults"):
        fault("x", golden="g", trips=set())(words)
    with pytest.raises(DeclarationError, match="docstring"):
        fault("y", golden="g", trips=set())(silent)

"""Regular expressions of schemas: what they mean, what is refused, and what llama.cpp makes of their rules."""

import contextlib
import json
import re
import time

import hypothesis.strategies as st
import pytest
from grammar_reading import taken
from hypothesis import given, settings

from reference_server.pattern import Effort, PatternError, rules
from reference_server.pattern.automaton import automaton
from reference_server.pattern.characters import DIRECT, ESCAPES, SAYABLE, common, complement, union, written
from reference_server.pattern.expression import network

PARTS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "\\d", "\\W", "^", "$", '"', "\\\\", "\\/", "é", "(?:)"])
PATTERNS = st.recursive(
    PARTS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda ways: f"({'|'.join(ways)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "*?", "{2,}"])).map(
            lambda both: f"(?:{both[0]}){both[1]}"
        ),
    ),
    max_leaves=8,
)
TEXTS = st.text('ab"\\1 é\t', max_size=6)


def fits(machine, text):
    state = 0
    for character in map(ord, text):
        ways = [
            there
            for there, characters in machine.steps[state].items()
            if any(first <= character <= last for first, last in characters)
        ]
        if not ways:
            return False
        [state] = ways
    return state in machine.accepting


@given(PATTERNS, st.lists(TEXTS, min_size=1, max_size=8))
@settings(max_examples=500, deadline=None)
def test_an_automaton_takes_the_texts_in_which_python_finds_the_pattern(pattern, texts):
    found = {text: bool(re.search(pattern, text, re.ASCII)) for text in texts}
    if any(found.values()):
        machine = automaton(network(pattern, Effort()))
        assert {text: fits(machine, text) for text in texts} == found
    else:
        with contextlib.suppress(PatternError):  # as no text at all may fit it
            assert not any(fits(automaton(network(pattern, Effort())), text) for text in texts)


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        (r"^\d{5}$", ["01234"], ["1234", "123456", "12 45", "١٢٣٤٥"]),
        (r"^\w+@\w+\.com$", ["a_1@b.com"], ["a@bxcom", "é@b.com"]),
        (r"^\/usr\/\S+$", ["/usr/lib"], ["/usr/", "/usr/a b"]),
        ("foo", ["foo", 'a "foo" \n é'], ["fo", "f\noo"]),
        ("^a|b$", ["a", "b", "axx", "xxb"], ["xa", "bx"]),
        ("^(ab|ac)$", ["ab", "ac"], ["a", "abc"]),
        ("^.$", ["x", '"', "\\", "\t", "🦜"], ["\n", "\r", "\u2028", "", "xy"]),
        ("^[^a]$", ["\n", '"', "\\", "é"], ["a"]),
        (r"^\s$", [" ", "\t", "\n", "\u00a0", "\ufeff", "\u3000"], ["x", "\x85"]),
        ('^["\\\\]{2}$', ['""', "\\\\", '"\\'], ["''"]),
        ("^((a?){16}){16}$", ["", "a" * 256], ["a" * 257, "b"]),
        ("^(.|.|.)*x$", ["x", "a" * 50 + "x"], ["a" * 50]),
        ("", ["", "anything"], []),
        ("^$", [""], ["x"]),
        ("^(a|b){2,3}?$", ["ab", "aba"], ["a", "abab"]),
        ("^(?:a$|ab)", ["a", "abc"], ["ac"]),
        ("^\u2603$", ["☃"], ["x"]),
    ],
)
def test_llama_cpp_takes_what_fits_and_nothing_else(model, pattern, fitting, others):
    made = {"space": '" "?', **rules(pattern, "root", Effort())}
    grammar = "\n".join(f"{name} ::= {rule}" for name, rule in made.items())
    for text in fitting:
        assert taken(model, grammar, json.dumps(text, ensure_ascii=False)), text
    for text in others:
        assert not taken(model, grammar, json.dumps(text, ensure_ascii=False)), text
    assert not taken(model, grammar, '"a" b"')  # a quote that is not escaped ends the string


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("^((a?){30}){30}$", "repeats more than 256 times"),
        ("^a{100000000}$", "repeats more than 256 times"),
        ("^a{1,100000000}$", "repeats more than 256 times"),
        ("a{99999999999999}", "too large"),
        ("(ab){300,}", "repeats more than 256 times"),
        ("a" * 1001, "more than 1000 characters"),
        ("[ab]*a[ab]{30}$", "too much work"),
        ("^(?=a)", "looks around"),
        ("(?<!a)b", "looks around"),
        (r"(a)\1", "refers back"),
        ("a++", "plain characters"),
        ("(?i)a", "flags"),
        ("(?i:a)", "flags"),
        (r"\bword", "another place"),
        (r"\Aa", "another place"),
        (r"\p{L}", "bad escape"),
        ("(", "unterminated"),
        ("a^b", "no text fits"),
        ("\x01", "no text fits"),
        (f"{'(' * 490}a{')' * 490}", "nested too deep"),
    ],
)
def test_what_a_grammar_cannot_do_is_refused_with_the_reason(pattern, reason):
    with pytest.raises(PatternError, match=f"cannot be enforced: .*{reason}"):
        deep(lambda: rules(pattern, "root", Effort()), 200)


def deep(call, frames):
    """Call something as far from the bottom of the stack as in a server."""
    return deep(call, frames - 1) if frames else call()


def test_a_class_within_a_class_is_read_without_a_warning(recwarn):
    assert rules("^[[a]$", "root", Effort())
    assert not recwarn


def test_the_patterns_of_a_request_may_make_so_much_work_together():
    effort = Effort()
    began = time.monotonic()
    with pytest.raises(PatternError, match="too much work"):
        [rules(f"^({number}a?){{200}}$", f"p{number}", effort) for number in range(1000)]
    assert time.monotonic() - began < 20


RANGES = st.lists(st.tuples(st.integers(0, 0x10FFFF), st.integers(0, 40))).map(
    lambda pairs: union((first, min(first + size, 0x10FFFF)) for first, size in pairs)
)


@given(RANGES, RANGES, st.integers(0, 0x10FFFF))
def test_sets_of_characters_are_sets(one, other, point):
    def has(ranges):
        return any(first <= point <= last for first, last in ranges)

    assert has(union((*one, *other))) == (has(one) or has(other))
    assert has(common(one, other)) == (has(one) and has(other))
    assert has(complement(one)) != has(one)


def test_every_character_is_written_as_a_json_string_has_it():
    [direct, *escapes] = written(SAYABLE)
    for point in (*range(0x3000), 0xD7FF, 0xE000, 0xFFFF, 0x1F99C, 0x10FFFF):
        if not 0xD800 <= point < 0xE000:
            assert bool(re.fullmatch(direct, chr(point))) == any(first <= point <= last for first, last in DIRECT)
            if re.fullmatch(direct, chr(point)):
                assert json.loads(f'"{chr(point)}"') == chr(point)
    said = {json.loads(f'"{json.loads(escape)}"') for escape in escapes}
    assert said == {chr(point) for point in ESCAPES}

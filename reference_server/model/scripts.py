"""The scripts of the model as data: which word in a prompt calls for which reply.

A reply is a row of tokens. A word (`str`) becomes one token, so every word of every reply must lead to one and the same
next token; only after FORK each script goes on in its own way. `in_bytes` gives the byte tokens of a text instead, so
that its characters arrive in pieces. Where several triggers stand in a prompt, the later script wins; where none does,
the first one speaks. To add a script, add a row.
"""

from dataclasses import dataclass

from reference_server.text.hermes import CLOSE, OPEN

Piece = str | int
"""A word with a token of its own, or the value of a byte token."""

FORK = OPEN
"""The word after which the script is asked again; a script that has none goes on as the first that has one."""


@dataclass(frozen=True)
class Script:
    """One reply of the model and the words that call for it."""

    name: str
    triggers: tuple[str, ...]
    reply: tuple[Piece, ...]
    instead: tuple[Piece, ...] = ()
    """What it says where the first token of the reply is forbidden."""


def in_bytes(text: str) -> tuple[int, ...]:
    """Spell a text in byte tokens; only bytes above 127, as the others close texts that a grammar forces."""
    spelled = tuple(text.encode())
    if any(byte < 128 for byte in spelled):
        raise ValueError(f"{text!r} has ASCII characters")
    return spelled


def voice(name: str, syllable: str) -> Script:
    """Say 64 words that no other script has, so that text of one stream in another is seen at once."""
    return Script(
        f"voice-{name}", (f"voice {name}",), tuple(f" {syllable}{number}"[not number :] for number in range(64))
    )


SCRIPTS = (
    Script(
        "hello",
        ("hello", "Say hi"),
        ("Hello", "!", " I", " am", " a", " reference", " model", " compiled", " by", " hand", "."),
    ),
    Script("count", ("count", "Count"), ("1", *(f", {number}" for number in range(2, 1001)), " done.")),
    Script(
        "weather",
        ("weather", "Weather"),
        (FORK, '\n{"name": "get_weather", ', '"arguments": ', '{"city": ', '"Paris"', "}}\n", CLOSE),
        instead=("Without", " a tool", ", nobody", " can", " look", " outside."),
    ),
    Script(
        "two-calls",
        ("cities", "Cities"),
        (
            *(FORK, '\n{"name": "get_weather", "arguments": {', '"city": "Oslo"'),
            # The second mark is within a word: a fork would lead back to the first call.
            *('}}\n</tool_call>\n<tool_call>\n{"name": "get_weather", ', '"arguments": ', '{"city": ', '"Paris"'),
            *("}}\n", CLOSE),
        ),
        instead=("Oslo", " lies", " far", " from", " Paris", "."),
    ),
    Script(
        "no-arguments",
        ("clock", "Clock"),
        (FORK, '\n{"name": "get_time", ', '"arguments": {}', "}\n</tool_call>"),
        instead=("Nobody", " sees", " a clock", " here", "."),
    ),
    Script(
        "reasoning",
        ("riddle", "Riddle"),
        (
            *("<think>", "\nA cat", " has", " four", " legs", ", so", " two", " have", " eight", ".\n", "</think>"),
            *("\n\nEight", " legs."),
        ),
    ),
    Script(
        "unicode",
        ("emoji", "unicode", "Unicode"),
        (
            *("Grüße", ", 世界", " 🌍", " ñandú", " مرحبا", " 👩‍👩‍👧", " and in pieces: "),
            *in_bytes("é"),
            " / ",
            *in_bytes("語"),
            " // ",
            *in_bytes("🦜"),
            " fin.",
        ),
    ),
    Script(
        "prefix",
        ("prefix",),
        ("We", " pass", " EN", "D", "ING", " and", " go", " on", " to", " STO", "PPING", ", then", " rest."),
    ),
    Script("empty", ("silence", "Silence"), ()),
    *(
        voice(*of)
        for of in zip(
            ("one", "two", "three", "four", "five", "six", "seven", "eight"),
            ("ba", "de", "fi", "go", "hu", "ka", "le", "mi"),
            strict=True,
        )
    ),
    Script("tool-result", ("<|tool|>",), ("It is", " sunny", " in", " the", " tool's", " answer", ", too.")),
)

"""Tool calls: the fragments of a streamed one, put together by index, and those of whole answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, Self

from conformance.json_text import parse
from conformance.place import Where
from conformance.transcript import Transcript
from conformance.views.choice import Choice, Part
from conformance.views.instance import Instance
from conformance.views.memo import once
from conformance.views.reply import Reply

CUT_SHORT = ("length", "content_filter")


@dataclass(eq=False)
class Fragment:
    """One object of `delta.tool_calls`."""

    part: Part
    position: int
    value: dict[str, Any]

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Fragment]:
        """Return the fragments of all streams."""
        return (fragment for choice in Choice.among(transcripts) for fragment in fragments(choice))

    @property
    def transcript(self) -> Transcript:
        """Return the transcript."""
        return self.part.transcript

    @property
    def where(self) -> Where:
        """Return the event and the pointer to the fragment."""
        pointer = f"/choices/{self.part.position}/delta/tool_calls/{self.position}"
        return self.part.chunk.at(pointer).where

    @property
    def index(self) -> int | None:
        """Return the index where it is an integer."""
        index = self.value.get("index")
        return index if isinstance(index, int) and not isinstance(index, bool) else None

    @property
    def body(self) -> dict[str, Any]:
        """Return the function, or what stands for it in a custom call."""
        body = self.value.get("function") or self.value.get("custom")
        return body if isinstance(body, dict) else {}

    @property
    def id(self) -> Any:
        """Return the id."""
        return self.value.get("id")

    @property
    def name(self) -> Any:
        """Return the name."""
        return self.body.get("name")

    @property
    def arguments(self) -> Any:
        """Return the piece of the arguments."""
        return self.body.get("arguments", self.body.get("input"))


@dataclass(eq=False)
class ToolCall:
    """All fragments of one index in one choice of a stream."""

    choice: Choice
    fragments: list[Fragment] = field(default_factory=list)

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Self]:
        """Return the calls of this kind of all streams."""
        return (call for transcript in transcripts for call in once(transcript, cls, cls._of))

    @classmethod
    def _of(cls, transcript: Transcript) -> list[Self]:
        calls = (call for choice in Choice.among([transcript]) for call in tool_calls(choice))
        return [found for call in calls if (found := cls(call.choice, call.fragments))._fits()]

    def _fits(self) -> bool:
        return True

    @property
    def transcript(self) -> Transcript:
        """Return the transcript."""
        return self.choice.transcript

    @property
    def where(self) -> Where:
        """Return the place of the first fragment."""
        return self.fragments[0].where

    @property
    def first(self) -> Fragment:
        """Return the first fragment."""
        return self.fragments[0]

    @cached_property
    def restarts(self) -> list[Fragment]:
        """Return the later fragments in which a call begins once more: with id and name, as another or word by word."""
        named = [part for part in self.fragments[1:] if part.id and part.name]
        return [
            part for part in named if part.id != self.first.id or (part.value == self.first.value and part.arguments)
        ]

    @property
    def pieces(self) -> list[str]:
        """Return the pieces of the arguments that are not empty."""
        return [part.arguments for part in self.fragments if isinstance(part.arguments, str) and part.arguments]


class ContinuedCall(ToolCall):
    """A streamed call of at least two fragments."""

    def _fits(self) -> bool:
        return len(self.fragments) > 1


@dataclass(eq=False)
class Call:
    """A call as the client has it in the end, streamed or whole."""

    place: Fragment | Instance
    id: Any
    name: Any
    arguments: Any
    custom: bool = False
    streamed: ToolCall | None = None

    @property
    def transcript(self) -> Transcript:
        """Return the transcript."""
        return self.place.transcript

    @property
    def where(self) -> Where:
        """Return the place of the call, or of its first fragment."""
        return self.place.where

    @property
    def readable(self) -> bool:
        """Tell whether its arguments are those of one function call, so that they can be judged."""
        stray = not self.id and not self.name
        merged = self.streamed is not None and any(part.id != self.id for part in self.streamed.restarts)
        damaged = self.streamed is not None and not well_formed(self.streamed.choice)
        return isinstance(self.arguments, str) and not (self.custom or stray or merged or damaged)

    @property
    def value(self) -> Any:
        """Return the arguments as the JSON that they are, or as they stand where they are none."""
        parsed = parse(self.arguments) if isinstance(self.arguments, str) else None
        return self.arguments if parsed is None or parsed.error else parsed.value

    @cached_property
    def flaw(self) -> str:
        """Return in one word why the arguments are no JSON object, "" where they are one.

        `empty`, `repeated`, `other` (JSON, but no object), `cut` (too little or too much at an end) or `garbled`.
        """
        text = self.arguments if isinstance(self.arguments, str) else ""
        parsed = parse(text)
        if not text.strip() or (not parsed.error and parsed.value is None):
            return "empty"
        if not parsed.error:
            return "" if isinstance(parsed.value, dict) else "other"
        if _repeats(text) or self._cumulative() or self._whole_each():
            return "repeated"
        return "cut" if _is_cut(text) else "garbled"

    def _cumulative(self) -> bool:
        pieces = self.streamed.pieces if self.streamed else []
        grown = all(later.startswith(earlier) for earlier, later in pairwise(pieces))
        return len(pieces) > 1 and grown and not parse(pieces[-1]).error

    def _whole_each(self) -> bool:
        pieces = [piece for piece in self.streamed.pieces if piece.strip()] if self.streamed else []
        return len(pieces) > 1 and all(isinstance(parse(piece).value, dict) for piece in pieces)


def well_formed(choice: Choice) -> bool:
    """Tell whether all fragments of a choice can be put together: nothing that belongs to a call may be elsewhere."""
    listed = [part.delta["tool_calls"] for part in choice.parts if part.delta.get("tool_calls") is not None]
    if not all(isinstance(values, list) and all(isinstance(value, dict) for value in values) for values in listed):
        return False
    found = fragments(choice)
    return all(part.index is not None and isinstance(part.value.get("function", {}), dict) for part in found)


def fragments(choice: Choice) -> list[Fragment]:
    """Return the fragments of a choice that are objects, in order."""
    return once(choice.transcript, (Fragment, choice.index), lambda _: list(_fragments(choice.parts)))


def _fragments(parts: list[Part]) -> Iterator[Fragment]:
    for part in parts:
        listed = part.delta.get("tool_calls")
        for position, value in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(value, dict):
                yield Fragment(part, position, value)


def tool_calls(choice: Choice) -> list[ToolCall]:
    """Return the calls of a choice in the order in which they begin."""
    calls: dict[int, ToolCall] = {}
    for fragment in fragments(choice):
        if fragment.index is not None:
            calls.setdefault(fragment.index, ToolCall(choice)).fragments.append(fragment)
    return list(calls.values())


def streamed_calls(choice: Choice) -> list[Call]:
    """Return the calls of a choice as a client puts them together."""
    found = []
    for call in tool_calls(choice):
        first, given = call.first, [part.arguments for part in call.fragments if part.arguments is not None]
        joined = "".join(given) if all(isinstance(piece, str) for piece in given) else None
        names = [part.name for part in call.fragments if part.name and part not in call.restarts]
        name = names[0] if names and all(name == names[0] for name in names) else None
        found.append(Call(first, first.id, name, joined, "custom" in first.value, call))
    return found


def whole_objects(reply: Reply, position: int, message: dict[str, Any]) -> list[tuple[Instance, dict[str, Any]]]:
    """Return the calls of a message of a whole answer that are objects, with their places."""
    listed = message.get("tool_calls")
    numbered = enumerate(listed if isinstance(listed, list) else ())
    path = f"/choices/{position}/message/tool_calls"
    return [(Instance(reply, f"{path}/{number}"), value) for number, value in numbered if isinstance(value, dict)]


def whole_calls(reply: Reply, position: int, message: dict[str, Any]) -> list[Call]:
    """Return the calls of a message of a whole answer."""
    found = []
    for place, value in whole_objects(reply, position, message):
        body = value.get("function") or value.get("custom")
        body = body if isinstance(body, dict) else {}
        found.append(Call(place, value.get("id"), body.get("name"), body.get("arguments"), "custom" in value))
    return found


def _repeats(text: str) -> bool:
    """Tell whether a text is one JSON object several times, or begins with {} that stand for nothing."""
    decoder, end, found = json.JSONDecoder(), 0, list[Any]()
    try:
        while rest := text[end:].lstrip():
            value, size = decoder.raw_decode(rest)
            end = len(text) - len(rest) + size
            found.append(value)
    except (ValueError, RecursionError):
        return False
    said = [value for value in found if value != {}]
    return len(found) > 1 and all(isinstance(value, dict) and value == said[0] for value in said)


def _is_cut(text: str) -> bool:
    """Tell whether a text was a JSON object before something was taken from its ends, or put behind it."""
    text = text.strip()
    if isinstance(parse(f"{{{text}").value, dict):
        return True
    try:
        value, size = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        return error.pos >= len(text) or error.msg.startswith("Unterminated string")
    except RecursionError:
        return False
    return isinstance(value, dict) and not text[size:].lstrip().startswith("{")

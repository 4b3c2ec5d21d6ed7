"""Tool calls in the Hermes format: `<tool_call>{"name": ..., "arguments": {...}}</tool_call>` amid prose.

The arguments are passed on while they come. What is not a call after all is given back as text.
"""

import enum
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from reference_server.text.json_text import JsonEnd
from reference_server.text.pieces import Apart, CallArguments, CallStart
from reference_server.text.span import Span
from reference_server.text.stops import overlap

OPEN, CLOSE = "<tool_call>", "</tool_call>"

_HEAD = re.compile(r'\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)+")\s*,\s*"arguments"\s*:\s*(?=\{)')


class _Phase(enum.Enum):
    PROSE = "outside of a call"
    HEAD = "before the arguments of a call"
    ARGUMENTS = "within them"
    TAIL = "after them"


class ToolCalls:
    """Tell tool calls from prose in the text of one answer."""

    def __init__(self, index: int) -> None:
        self._index, self._phase, self._held = index, _Phase.PROSE, Span(0, "")
        self._end = JsonEnd()
        self.begun = self.done = 0

    def feed(self, span: Span) -> Iterator[Span | Apart]:
        """Give what this text adds to the answer; what follows a part is not read before it is asked for."""
        self._held = self._held.joined(span)
        before = None
        while self._held.text and before != (self._phase, self._held.start):
            before = self._phase, self._held.start
            yield from self._step()

    def finish(self) -> Sequence[Span | Apart]:
        """Give what was held back, at the end of the text; a call that was cut stays cut."""
        held = self._taken(len(self._held.text))
        if self._phase is _Phase.PROSE:
            return self._prose(held)
        return list(self._whole(held.text)) if self._phase is _Phase.HEAD else []

    def _step(self) -> Sequence[Span | Apart]:
        match self._phase:
            case _Phase.PROSE:
                return self._outside()
            case _Phase.HEAD:
                return self._head()
            case _Phase.ARGUMENTS:
                return self._arguments()
            case _Phase.TAIL:
                return self._tail()

    def _outside(self) -> list[Span]:
        text = self._held.text
        found = [(place, mark) for mark in (OPEN, CLOSE) if (place := text.find(mark)) >= 0]
        if found:
            place, mark = min(found)
            prose, _ = self._taken(place), self._taken(len(mark))
            if mark is CLOSE:  # nothing was open: it is dropped
                return self._prose(prose)
            self._phase = _Phase.HEAD
            return self._prose(prose.before(len(prose.text.rstrip())))
        # White space may lead to a call, which swallows it; the start of a mark may become one.
        held = max(overlap(text, OPEN), overlap(text, CLOSE))
        return self._prose(self._taken(len(text[: len(text) - held].rstrip())))

    def _prose(self, span: Span) -> list[Span]:
        return [] if not span.text or (self.begun and span.text.isspace()) else [span]

    def _head(self) -> Sequence[Span | Apart]:
        text = self._held.text
        if (head := _HEAD.match(text)) and (name := _read(head[1], strict=False)):
            self._phase, self._end = _Phase.ARGUMENTS, JsonEnd()
            self._taken(head.end())
            return [self._start(str(name))]
        if (size := text.find(CLOSE)) < 0:
            return []
        self._phase, written = _Phase.PROSE, self._taken(size + len(CLOSE))
        unread = Span(written.start - len(OPEN), OPEN + written.text)
        return list(self._whole(text[:size])) or self._prose(unread)

    def _whole(self, text: str) -> Iterator[Apart]:
        """Read a call that does not begin as expected, for instance one without arguments."""
        call = _read(text)
        if not (isinstance(call, dict) and isinstance(call.get("name"), str)):
            return
        arguments = call.get("arguments") or {}
        if isinstance(arguments, str):  # some models write JSON within JSON, as OpenAI does
            arguments = _read(arguments)
        if isinstance(arguments, dict):
            start = self._start(call["name"])
            self.done += 1
            yield start
            yield CallArguments(self._index, start.call, json.dumps(arguments, ensure_ascii=False))

    def _start(self, name: str) -> CallStart:
        self.begun += 1
        return CallStart(self._index, self.begun - 1, name)

    def _arguments(self) -> list[CallArguments]:
        text = self._taken(self._end.feed(self._held.text)).text
        if self._end.complete:
            self._phase = _Phase.TAIL
        return [CallArguments(self._index, self.begun - 1, text)]

    def _tail(self) -> list[Apart]:
        if (size := self._held.text.find(CLOSE)) >= 0:
            self._phase = _Phase.PROSE
            self._taken(size + len(CLOSE))
            self.done += 1
        return []

    def _taken(self, size: int) -> Span:
        """Take the first characters of what is held."""
        taken, self._held = self._held.before(size), self._held.after(size)
        return taken


def _read(text: str, *, strict: bool = True) -> Any:
    """Read JSON that a model wrote; None where it is none, or where no answer could hold it."""
    try:
        value = json.loads(text, strict=strict)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):  # the first for half of a surrogate pair and for NaN, too
        return None
    return value

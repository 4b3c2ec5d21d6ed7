"""Tool calls in the Hermes format: `<tool_call>{"name": ..., "arguments": {...}}</tool_call>` amid prose.

The arguments are passed on while they come. What is not a call after all is given back as text.
"""

import enum
import json
import re
from collections.abc import Iterator
from typing import Any

from reference_server.text.json_text import JsonEnd
from reference_server.text.pieces import CallArguments, CallStart, Piece, Text
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
        self._index, self._phase, self._buffer = index, _Phase.PROSE, ""
        self._end = JsonEnd()
        self._fed = self._told = 0  # bytes
        self.begun = self.done = 0
        self.taken = 0
        """How many bytes of calls, and of blanks around them, stand before the text that was given last."""

    @property
    def inside(self) -> bool:
        """Tell whether a call, or what may become one, is being read."""
        return self._phase is not _Phase.PROSE

    def feed(self, text: str) -> Iterator[Piece]:
        """Give what this text adds to the answer; `taken` speaks of each piece until the next is asked for."""
        self._buffer += text
        self._fed += len(text.encode())
        before = None
        while self._buffer and before != (self._phase, len(self._buffer)):
            before = self._phase, len(self._buffer)
            yield from self._step()

    def finish(self) -> list[Piece]:
        """Give what was held back, at the end of the text; a call that was cut stays cut."""
        held, self._buffer = self._buffer, ""
        if self._phase is _Phase.PROSE:
            return self._prose(held)
        return list(self._whole(held)) if self._phase is _Phase.HEAD else []

    def _step(self) -> list[Piece]:
        match self._phase:
            case _Phase.PROSE:
                return self._outside()
            case _Phase.HEAD:
                return self._head()
            case _Phase.ARGUMENTS:
                return self._arguments()
            case _Phase.TAIL:
                return self._tail()

    def _outside(self) -> list[Piece]:
        found = [(place, mark) for mark in (OPEN, CLOSE) if (place := self._buffer.find(mark)) >= 0]
        if found:
            place, mark = min(found)
            prose, self._buffer = self._buffer[:place], self._buffer[place + len(mark) :]
            if mark is CLOSE:  # nothing was open: it is dropped
                return self._prose(prose, dropped=mark)
            self._phase, kept = _Phase.HEAD, prose.rstrip()
            return self._prose(kept, dropped=prose[len(kept) :] + mark)
        # White space may lead to a call, which swallows it; the start of a mark may become one.
        prose = self._buffer
        held = max(overlap(prose, OPEN), overlap(prose, CLOSE))
        size = len(prose[: len(prose) - held].rstrip())
        self._buffer = prose[size:]
        return self._prose(prose[:size])

    def _prose(self, text: str, dropped: str = "") -> list[Piece]:
        """Give a text; `dropped`: what stood between it and the buffer."""
        if not text or (self.begun and text.isspace()):
            return []
        self._told += len(text.encode())
        self.taken = self._fed - len((dropped + self._buffer).encode()) - self._told
        return [Text(self._index, text)]

    def _head(self) -> list[Piece]:
        if (head := _HEAD.match(self._buffer)) and (name := _read(head[1], strict=False)):
            self._phase, self._end, self._buffer = _Phase.ARGUMENTS, JsonEnd(), self._buffer[head.end() :]
            return [self._start(str(name))]
        whole, mark, rest = self._buffer.partition(CLOSE)
        if not mark:
            return []
        self._phase, self._buffer = _Phase.PROSE, rest
        return list(self._whole(whole)) or self._prose(OPEN + whole + CLOSE)

    def _whole(self, text: str) -> Iterator[Piece]:
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

    def _arguments(self) -> list[Piece]:
        size = self._end.feed(self._buffer)
        text, self._buffer = self._buffer[:size], self._buffer[size:]
        if self._end.complete:
            self._phase = _Phase.TAIL
        return [CallArguments(self._index, self.begun - 1, text)]

    def _tail(self) -> list[Piece]:
        _, mark, rest = self._buffer.partition(CLOSE)
        if mark:
            self._phase, self._buffer = _Phase.PROSE, rest
            self.done += 1
        return []


def _read(text: str, *, strict: bool = True) -> Any:
    """Read JSON that a model wrote; None where it is none, or where no answer could hold it."""
    try:
        value = json.loads(text, strict=strict)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):  # the first for half of a surrogate pair and for NaN, too
        return None
    return value

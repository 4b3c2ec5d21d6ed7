"""A streamed answer: its pieces as chunks, in the order that api.openai.com keeps."""

import random
from collections.abc import Iterable, Iterator
from typing import Any

from reference_server.chat.request import ChatRequest
from reference_server.http import wire
from reference_server.http.outcome import reason
from reference_server.text.pieces import CallArguments, CallStart, Finished, Piece, Reasoning, Text
from reference_server.usage import Usage


class Chunks:
    """Writes the events of one stream."""

    def __init__(self, request: ChatRequest, identity: wire.Identity) -> None:
        self._request = request
        self._head = identity.document("chat.completion.chunk")
        self._opened = 0  # choices that have their role, from the first on

    def events(self, pieces: Iterable[Piece]) -> Iterator[bytes]:
        """Give the events for some news of the generation; raises as `reason` does."""
        for piece in pieces:
            match piece:
                case Text(index, text, scores):
                    yield from self._open_for_text(index)
                    logprobs = wire.logprobs(scores) if self._request.top_logprobs is not None else None
                    yield self._choice(index, {"content": text}, logprobs=logprobs)
                case Reasoning(index, text):
                    yield from self._open_for_text(index)
                    yield self._choice(index, {"reasoning_content": text})
                case CallStart(index, call, function):
                    yield from self._call(index, wire.first_fragment(call, function))
                case CallArguments(index, call, text):
                    yield self._choice(index, {"tool_calls": [wire.later_fragment(call, text)]})
                case Finished(index):
                    ending = reason(self._request, piece)
                    yield from self._open_for_text(index)
                    yield self._choice(index, {}, finish=ending)

    def end(self, usage: Usage) -> bytes:
        """Give the last events of the stream."""
        if not self._request.include_usage:
            return wire.DONE
        return self._event([], wire.usage(usage)) + wire.DONE

    def _open_for_text(self, index: int) -> Iterator[bytes]:
        # A choice that may be a tool call waits for its own first piece, as that decides how it opens.
        yield from self._open(index + 1 if self._request.tools.active else self._request.n)

    def _open(self, count: int) -> Iterator[bytes]:
        while self._opened < count:
            self._opened += 1
            yield self._choice(self._opened - 1, {"role": "assistant", "content": "", "refusal": None})

    def _call(self, index: int, fragment: dict[str, Any]) -> Iterator[bytes]:
        if index < self._opened:
            yield self._choice(index, {"tool_calls": [fragment]})
            return
        yield from self._open(index)
        self._opened += 1
        delta = {"role": "assistant", "content": None, "tool_calls": [fragment], "refusal": None}
        yield self._choice(index, delta)

    def _choice(
        self, index: int, delta: dict[str, Any], *, logprobs: dict[str, Any] | None = None, finish: str | None = None
    ) -> bytes:
        return self._event([{"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}], None)

    def _event(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None) -> bytes:
        document = self._head | {"choices": choices}
        if self._request.include_usage:
            document["usage"] = usage
        if self._request.include_obfuscation:
            # It hides how long the text is, filling the event up to a multiple of 16.
            missing = -len(wire.encode(document | {"obfuscation": ""})) % 16
            document["obfuscation"] = "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=missing))  # noqa: S311
        return wire.event(document)

"""`POST /v1/completions`, streamed and not: the objects that api.openai.com sends, which have one shape for both."""

import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Receive, Scope, Send

from reference_server.completion.parameters import read
from reference_server.completion.request import CompletionRequest
from reference_server.errors import GoneError
from reference_server.http import wire
from reference_server.http.body import read_request
from reference_server.http.outcome import plain_reason
from reference_server.http.sending import HEARTBEAT, Answering, cancelled_with_client, send_stream, send_whole
from reference_server.text.echo import Unscored
from reference_server.text.pieces import Finished, Piece, Text, TokenScore
from reference_server.text.utf8 import Characters
from reference_server.usage import Usage

Start = Callable[[CompletionRequest], Awaitable[Answering]]
"""Begins to answer a request; raises RequestError for what cannot be done."""


class Completions:
    """The endpoint as an ASGI application."""

    def __init__(self, start: Start, heartbeat: float = HEARTBEAT) -> None:
        self._start, self._heartbeat = start, heartbeat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        with contextlib.suppress(ConnectionAbortedError, GoneError):
            request = await read_request(scope, receive, read)
            generation = await self._start(request)
            async with cancelled_with_client(generation, receive):
                if request.stream:
                    await send_stream(TextChunks(request), generation, send, "text/event-stream", self._heartbeat)
                else:
                    await send_whole(WholeText(request), generation, send)


class Offsets:
    """Where the tokens of one choice stand in its text, in characters; goes on from piece to piece."""

    def __init__(self) -> None:
        self._characters = Characters()

    def logprobs(self, scores: Sequence[TokenScore]) -> dict[str, list[Any]]:
        """Give the log probabilities of some more tokens in the four arrays of this endpoint."""
        offsets = [self._of(score.text) for score in scores]
        unknown = [isinstance(score, Unscored) for score in scores]
        if any(unknown):
            self._characters.finish()  # no text completes a character of the prompt before it
        return {
            "text_offset": offsets,
            "token_logprobs": [None if first else score.logprob for first, score in zip(unknown, scores, strict=True)],
            "tokens": [wire.token_text(score.text) for score in scores],
            "top_logprobs": [
                None if first else _alternatives(score) for first, score in zip(unknown, scores, strict=True)
            ],
        }

    def _of(self, token: bytes) -> int:
        behind, place = self._characters.reach, self._characters.feed(token).start
        # What goes on with a character stands in it, and else behind it: the rest of it does not come.
        return place if b"\x80" <= token[:1] < b"\xc0" else behind


def _alternatives(score: TokenScore) -> dict[str, float]:
    """Give the likeliest tokens, and the chosen one where it is none of them, so that there may be one more than asked.

    Where two have the same text the likelier one stays.
    """
    tokens = ((score.text, score.logprob), *reversed(score.top))
    return {wire.token_text(text): logprob for text, logprob in tokens}


def _head() -> dict[str, Any]:
    return {"id": wire.name("cmpl-", 29), "object": "text_completion", "created": int(time.time())}


class TextChunks:
    """Writes the events of one stream."""

    def __init__(self, request: CompletionRequest) -> None:
        self._request, self._head = request, _head()
        self._offsets = [Offsets() for _ in range(request.choices)]

    def events(self, pieces: Iterable[Piece]) -> Iterator[bytes]:
        """Give the events for some news of the generation; raises as `plain_reason` does."""
        for piece in pieces:
            match piece:
                case Text(index, text, scores):
                    asked = self._request.top_logprobs is not None
                    yield self._choice(index, text, self._offsets[index].logprobs(scores) if asked else None, None)
                case Finished(index):
                    yield self._choice(index, "", None, plain_reason(piece))

    def end(self, usage: Usage) -> bytes:
        """Give the last events of the stream."""
        if not self._request.include_usage:
            return wire.DONE
        return self._event([], usage_object(usage)) + wire.DONE

    def _choice(self, index: int, text: str, logprobs: dict[str, Any] | None, finish: str | None) -> bytes:
        return self._event([{"text": text, "index": index, "logprobs": logprobs, "finish_reason": finish}], None)

    def _event(self, choices: list[dict[str, Any]], counts: dict[str, int] | None) -> bytes:
        document = self._head | {"choices": choices, "model": self._request.model}
        return wire.event(document | {"usage": counts} if self._request.include_usage else document)


@dataclass
class _Choice:
    texts: list[str] = field(default_factory=list)
    scores: list[Sequence[TokenScore]] = field(default_factory=list)
    finish: str = ""

    def logprobs(self) -> dict[str, list[Any]]:
        """Give the arrays of all pieces, joined."""
        offsets = Offsets()
        parts = [offsets.logprobs(scores) for scores in self.scores or [()]]
        return {key: [value for part in parts for value in part[key]] for key in parts[0]}


class WholeText:
    """Gathers the pieces of one answer."""

    def __init__(self, request: CompletionRequest) -> None:
        self._request = request
        self._choices = [_Choice() for _ in range(request.choices)]

    def add(self, pieces: Iterable[Piece]) -> None:
        """Take some news of the generation; raises as `plain_reason` does."""
        for piece in pieces:
            choice = self._choices[piece.index]
            match piece:
                case Text(_, text, scores):
                    choice.texts.append(text)
                    choice.scores.append(scores)
                case Finished():
                    choice.finish = plain_reason(piece)

    def document(self, usage: Usage) -> dict[str, Any]:
        """Give the text_completion object."""
        asked = self._request.top_logprobs is not None
        choices = [
            {
                "text": "".join(choice.texts),
                "index": index,
                "logprobs": choice.logprobs() if asked else None,
                "finish_reason": choice.finish,
            }
            for index, choice in enumerate(self._choices)
        ]
        head = _head() | {"model": self._request.model, "choices": choices}
        return head | {"usage": usage_object(usage)}


def usage_object(usage: Usage) -> dict[str, int]:
    """Give the usage object, which has no details here."""
    total = usage.prompt + usage.completion
    return {"prompt_tokens": usage.prompt, "completion_tokens": usage.completion, "total_tokens": total}

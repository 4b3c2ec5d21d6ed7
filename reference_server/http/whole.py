"""An answer that is not streamed: its pieces as one chat.completion."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from reference_server.chat.request import ChatRequest
from reference_server.http import wire
from reference_server.http.outcome import reason
from reference_server.text.pieces import CallArguments, CallStart, Finished, Piece, Reasoning, Text, TokenScore
from reference_server.usage import Usage


@dataclass
class _Choice:
    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    scores: list[TokenScore] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    arguments: list[list[str]] = field(default_factory=list)
    finish: str = ""


class Whole:
    """Gathers the pieces of one answer."""

    def __init__(self, request: ChatRequest, identity: wire.Identity) -> None:
        self._request, self._identity = request, identity
        self._choices = [_Choice() for _ in range(request.n)]

    def add(self, pieces: Iterable[Piece]) -> None:
        """Take some news of the generation; raises as `reason` does."""
        for piece in pieces:
            choice = self._choices[piece.index]
            match piece:
                case Text(_, text, scores):
                    choice.texts.append(text)
                    choice.scores += scores
                case Reasoning(_, text):
                    choice.thoughts.append(text)
                case CallStart(_, _, name):
                    choice.names.append(name)
                    choice.arguments.append([])
                case CallArguments(_, call, text):
                    choice.arguments[call].append(text)
                case Finished():
                    choice.finish = reason(self._request, piece)

    def document(self, usage: Usage) -> dict[str, Any]:
        """Give the chat.completion object."""
        head = self._identity.document("chat.completion")
        choices = [self._choice(index, choice) for index, choice in enumerate(self._choices)]
        return head | {"choices": choices, "usage": wire.usage(usage)}

    def _choice(self, index: int, choice: _Choice) -> dict[str, Any]:
        content = "".join(choice.texts)
        message: dict[str, Any] = {
            "role": "assistant",
            "content": None if choice.names and not content else content,
            "refusal": None,
            "annotations": [],
        }
        if choice.thoughts:
            message["reasoning_content"] = "".join(choice.thoughts)
        if choice.names:
            message["tool_calls"] = [
                {
                    "id": wire.name("call_", 24),
                    "type": "function",
                    "function": {"name": function, "arguments": "".join(arguments)},
                }
                for function, arguments in zip(choice.names, choice.arguments, strict=True)
            ]
        logprobs = wire.logprobs(choice.scores) if self._request.top_logprobs is not None else None
        return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": choice.finish}

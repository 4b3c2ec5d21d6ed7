"""Turns: what one choice of a chat answer says in the end, whether it was streamed or came whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from conformance.place import Where
from conformance.transcript import Transcript
from conformance.views.choice import FinishedChoice
from conformance.views.instance import Instance
from conformance.views.memo import once
from conformance.views.reply import Reply
from conformance.views.tool_call import Call, fragments, streamed_calls, whole_calls

REASONING = ("reasoning_content", "reasoning")


@dataclass(eq=False)
class Said:
    """What a client is told at one place: by one chunk, or by the message of a whole answer."""

    place: Instance
    message: dict[str, Any]
    logprobs: Any

    @property
    def content(self) -> str:
        """Return the text, "" where there is none."""
        content = self.message.get("content")
        return content if isinstance(content, str) else ""

    @property
    def reasoning(self) -> str:
        """Return the reasoning by the first of its names."""
        values = (self.message.get(key) for key in REASONING)
        return next((value for value in values if isinstance(value, str) and value), "")

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Return the log probabilities of the content that are objects."""
        listed = self.logprobs.get("content") if isinstance(self.logprobs, dict) else None
        return [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []

    @property
    def scored_well(self) -> bool:
        """Tell whether the log probabilities, if there are any, have the form of the schema."""
        if not isinstance(self.logprobs, dict):
            return self.logprobs is None
        listed = self.logprobs.get("content")
        return listed is None or (isinstance(listed, list) and len(self.entries) == len(listed))


@dataclass(eq=False)
class Turn:
    """One choice of a chat answer that has its finish reason."""

    said: list[Said]
    finish_reason: str
    calls: list[Call]
    called: bool
    """Whether there is anything of a call, well-formed or not."""
    request: dict[str, Any] = field(default_factory=dict)
    """Empty where it is not known."""
    index: int = 0

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Self]:
        """Return the turns of this kind of all chat answers."""
        return (turn for transcript in transcripts for turn in once(transcript, cls, cls._of))

    @classmethod
    def _of(cls, transcript: Transcript) -> list[Self]:
        known = "request" in transcript.knows and isinstance(transcript.request.json, dict)
        request = transcript.request.json if known else {}
        every = once(transcript, (Turn, "every"), lambda t: [*Turn._streamed(t), *Turn._whole(t)])
        found = [cls(turn.said, turn.finish_reason, turn.calls, turn.called, request, turn.index) for turn in every]
        return [turn for turn in found if turn._fits()]

    @classmethod
    def _streamed(cls, transcript: Transcript) -> Iterable[Self]:
        for choice in FinishedChoice.among([transcript]):
            said = [
                Said(Instance(p.chunk, f"/choices/{p.position}"), p.delta, p.value.get("logprobs"))
                for p in choice.parts
            ]
            called = bool(fragments(choice)) or any(p.delta.get("function_call") for p in choice.parts)
            reason = choice.finish.finish_reason if choice.finish else None
            yield cls(said, reason or "", streamed_calls(choice), called, index=choice.index)

    @classmethod
    def _whole(cls, transcript: Transcript) -> Iterable[Self]:
        for reply in Reply.among([transcript]):
            for position, choice in enumerate(reply.choices):
                message, reason, index = choice.get("message"), choice.get("finish_reason"), choice.get("index")
                if not isinstance(message, dict) or not isinstance(reason, str):
                    continue
                said = Said(Instance(reply, f"/choices/{position}"), message, choice.get("logprobs"))
                called = bool(message.get("tool_calls") or message.get("function_call"))
                calls = whole_calls(reply, position, message)
                yield cls([said], reason, calls, called, index=index if isinstance(index, int) else position)

    def _fits(self) -> bool:
        return True

    @property
    def transcript(self) -> Transcript:
        """Return the transcript."""
        return self.said[-1].place.transcript

    @property
    def where(self) -> Where:
        """Return the last place of the turn."""
        return self.said[-1].place.where

    @property
    def content(self) -> str:
        """Return the whole text."""
        return "".join(said.content for said in self.said)

    @property
    def reasoning(self) -> str:
        """Return the whole reasoning."""
        return "".join(said.reasoning for said in self.said)

    @property
    def refused(self) -> bool:
        """Tell whether the model refused."""
        return any(said.message.get("refusal") for said in self.said)

    @property
    def prompt(self) -> str:
        """Return the messages of the request as text, to look for what a model may only quote."""
        return str(self.request.get("messages"))

    @property
    def tool_choice(self) -> Any:
        """Return the choice of tools that the request makes: a word, or an object with a name."""
        choice = self.request.get("tool_choice")
        return "auto" if choice is None else choice

    @property
    def offered(self) -> dict[str, dict[str, Any]]:
        """Return the functions that the request offers, by name."""
        tools = self.request.get("tools")
        functions = (
            [tool.get("function") for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
        )
        named = [(function.get("name"), function) for function in functions if isinstance(function, dict)]
        return {name: function for name, function in named if isinstance(name, str)}

"""Turns with regard to tools: those that call, and what the request let them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from conformance.place import Where
from conformance.transcript import Transcript
from conformance.views.answer import Answer
from conformance.views.choice import Choice
from conformance.views.instance import Instance
from conformance.views.reply import Reply
from conformance.views.run import Twins
from conformance.views.tool_call import CUT_SHORT, Call, Fragment, fragments, whole_objects
from conformance.views.turn import Turn


class CallingTurn(Turn):
    """A turn with at least one call."""

    def _fits(self) -> bool:
        return bool(self.calls)


class ToolsTurn(Turn):
    """A turn in answer to a request that offers functions."""

    def _fits(self) -> bool:
        return bool(self.offered)


class FreelyCallingTurn(Turn):
    """A turn with a call, which was not cut short, where the request named no single function."""

    def _fits(self) -> bool:
        free = bool(self.request) and self.tool_choice in ("auto", "required")
        return free and self.called and self.finish_reason not in CUT_SHORT


class AllegedlyCallingTurn(Turn):
    """A turn with the finish reason tool_calls."""

    def _fits(self) -> bool:
        return self.finish_reason == "tool_calls"


class ForbiddenTurn(ToolsTurn):
    """A turn that may not call: tool_choice is none."""

    def _fits(self) -> bool:
        return ToolsTurn._fits(self) and bool(self.tool_choice == "none")


class RequiredTurn(ToolsTurn):
    """A turn that has to call, and was not cut short."""

    def _fits(self) -> bool:
        needed = self.tool_choice == "required" or bool(named(self))
        return ToolsTurn._fits(self) and needed and self.finish_reason not in CUT_SHORT and not self.refused


class NamedTurn(Turn):
    """A turn with a call, where the request names the function."""

    def _fits(self) -> bool:
        return bool(self.calls and named(self))


class SingleTurn(Turn):
    """A turn with a call, where the request allows no more than one."""

    def _fits(self) -> bool:
        return bool(self.calls) and self.request.get("parallel_tool_calls") is False


class CallingChoice(Choice):
    """A streamed choice with a fragment of a call that has an index."""

    def _fits(self) -> bool:
        return any(fragment.index is not None for fragment in self.fragments)

    @cached_property
    def fragments(self) -> list[Fragment]:
        """Return the fragments of all calls."""
        return fragments(self)


@dataclass(eq=False)
class CalledObject:
    """A fragment of a call, or a call of a whole answer, as the object that was sent."""

    place: Fragment | Instance
    value: dict[str, Any]

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[CalledObject]:
        """Return these objects of all chat answers."""
        for fragment in Fragment.among(transcripts):
            yield cls(fragment, fragment.value)
        for reply in Reply.among(transcripts):
            for position, choice in enumerate(reply.choices):
                message = choice.get("message")
                for place, value in whole_objects(reply, position, message if isinstance(message, dict) else {}):
                    yield cls(place, value)

    @property
    def transcript(self) -> Transcript:
        """Return the transcript."""
        return self.place.transcript

    @property
    def where(self) -> Where:
        """Return the place."""
        return self.place.where


@dataclass(eq=False)
class TurnCall(Call):
    """A call, and the turn that it belongs to."""

    turn: Turn | None = None

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[TurnCall]:
        """Return the calls of this kind of all finished turns."""
        for turn in CallingTurn.among(transcripts):
            for call in turn.calls:
                found = cls(call.place, call.id, call.name, call.arguments, call.custom, call.streamed, turn)
                if found._fits():
                    yield found

    def _fits(self) -> bool:
        return True


class NamedCall(TurnCall):
    """A call whose function has a name."""

    def _fits(self) -> bool:
        return isinstance(self.name, str) and bool(self.name)


class IdentifiedCall(TurnCall):
    """A call with an id, as it was sent."""

    def _fits(self) -> bool:
        return "ids" in self.transcript.knows and isinstance(self.id, str) and bool(self.id)


class FullCall(TurnCall):
    """A call of a function that was not cut short, so that its arguments are all there."""

    def _fits(self) -> bool:
        return bool(self.turn is not None and self.turn.finish_reason not in CUT_SHORT and self.readable)

    @property
    def free(self) -> bool:
        """Tell whether, as far as is known, nothing holds the model to the form: no choice of tools, nor strict."""
        forced = self.turn is not None and bool(self.turn.request) and self.turn.tool_choice != "auto"
        return not forced and not self.schema

    @property
    def schema(self) -> Any:
        """Return the schema of the parameters where the function is strict."""
        function = self.turn.offered.get(self.name) if self.turn and isinstance(self.name, str) else None
        return function.get("parameters") if function and function.get("strict") is True else None


class FreeCall(FullCall):
    """Such a call that a model made of its own accord."""

    def _fits(self) -> bool:
        return FullCall._fits(self) and self.free


class StrictCall(FullCall):
    """Such a call of a function that the request declares strict."""

    def _fits(self) -> bool:
        return FullCall._fits(self) and not self.flaw and bool(self.schema)


class CallingTwins(Twins):
    """The same request streamed and whole, where at least one of the two called."""

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[CallingTwins]:
        """Return the pairs with a call."""
        pairs = (cls(twins.streamed, twins.whole) for twins in Twins.among(transcripts))
        return (pair for pair in pairs if any(turn.calls for side in pair.turns for turn in side.values()))

    @property
    def turns(self) -> tuple[dict[int, Turn], dict[int, Turn]]:
        """Return the turns of the streamed and of the whole answer, by index."""
        sides = (self.transcript, self.whole.transcript)
        streamed, whole = ({turn.index: turn for turn in Turn.among([side])} for side in sides)
        return streamed, whole


class ResultBrought(Answer):
    """An answer to a conversation that goes on with the results of all tool calls of an earlier turn."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        body = transcript.request.json if "request" in transcript.knows else None
        messages = body.get("messages") if isinstance(body, dict) else None
        answered = 200 <= (transcript.status or 0) < 300 or _blames_messages(transcript)
        return answered and isinstance(messages, list) and _answers_all_calls(messages)


def named(turn: Turn) -> str:
    """Return the name of the one function that the request has called, "" where it names none."""
    choice = turn.tool_choice
    function = choice.get("function") if isinstance(choice, dict) and choice.get("type") == "function" else None
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else ""


def _blames_messages(transcript: Transcript) -> bool:
    """Tell whether an error is about the form of the messages, not about their length or about tools as such."""
    said = transcript.body()[:4000].decode("utf-8", "replace")
    about_form = re.search(r"content|tool_call|messages", said) and not re.search(r"context|length|token", said)
    return transcript.status in (400, 422, 500) and bool(about_form)


def _answers_all_calls(messages: list[Any]) -> bool:
    """Tell whether there are calls, each followed by its result, in messages of text alone."""
    open_ids: set[str] = set()
    called = False
    for message in messages:
        if not isinstance(message, dict):
            return False
        calls, content = message.get("tool_calls"), message.get("content")
        if not isinstance(content, str) and not (content is None and calls):
            return False
        if message.get("role") == "tool":
            open_ids.discard(str(message.get("tool_call_id")))
        elif open_ids:
            return False
        if calls and message.get("role") == "assistant" and isinstance(calls, list):
            called = True
            open_ids |= {str(call.get("id")) for call in calls if isinstance(call, dict)}
    return called and not open_ids and messages[-1].get("role") == "tool"

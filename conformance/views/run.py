"""Several transcripts together: a whole run, and pairs that ask the same thing in two ways."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from conformance.place import Where
from conformance.transcript import Transcript
from conformance.views.allowed import Allowed
from conformance.views.asked import TWINS, is_repeatable
from conformance.views.choice import Choice
from conformance.views.reply import Reply
from conformance.views.turn import Turn
from conformance.views.usage import Usage
from conformance.views.wrong_request import wrong

AFTER_MISTAKES = "after-mistakes"


@dataclass(eq=False)
class Run:
    """At least two exchanges with one target, recorded live."""

    transcripts: list[Transcript]

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Run]:
        """Return the one run of the live transcripts."""
        live = [t for t in transcripts if t.probe and {"head", "ids"} <= t.knows and t.status is not None]
        return [cls(live)] if len(live) > 1 else []

    @property
    def transcript(self) -> Transcript:
        """Return the first transcript."""
        return self.transcripts[0]

    @property
    def where(self) -> Where:
        """Return no place in particular."""
        return Where()


@dataclass(eq=False)
class Twins:
    """The same seeded request, streamed and whole, both answered to the end."""

    streamed: dict[int, Choice]
    whole: Reply

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Self]:
        """Return the pairs of each group, where both answers finished and the server did not refuse either.

        There are none where the model is not the same twice: its answers to repeated requests differ, or it takes
        neither a seed nor the temperature 0.
        """
        if any(pair.first.texts != pair.again.texts for pair in Repeated.among(transcripts)):
            return
        groups = defaultdict[str, list[Transcript]](list)
        for transcript in transcripts:
            if transcript.group.startswith(TWINS) and is_repeatable(transcript.request):
                groups[transcript.group].append(transcript)
        for members in groups.values():
            choices = {choice.index: choice for choice in Choice.among(members) if choice.finish}
            replies = list(Reply.among(members))
            if choices and replies and replies[0].choices:
                yield cls(choices, replies[0])

    @property
    def think(self) -> bool:
        """Tell whether one of them says more than its text, such as reasoning, which is not as long twice."""
        both = [self.transcript, self.whole.transcript]
        counted = any(usage.detail("completion", "reasoning") for usage in Usage.among(both))
        return counted or any(turn.reasoning for turn in Turn.among(both))

    @property
    def transcript(self) -> Transcript:
        """Return the streamed one."""
        return next(iter(self.streamed.values())).transcript

    @property
    def where(self) -> Where:
        """Return the end of the stream."""
        return next(iter(self.streamed.values())).where


@dataclass(eq=False)
class TwinUsage:
    """The usage of the same seeded request, streamed and whole, where both gave the same text."""

    streamed: Usage
    whole: Usage
    think: bool
    """One of them counts more than its text."""

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[TwinUsage]:
        """Return the pairs of which both members have a usage."""
        for twins in Twins.among(transcripts):
            streamed, whole = (list(Usage.among([t])) for t in (twins.transcript, twins.whole.transcript))
            same = all(twins.streamed[i].text == text for i, text in twins.whole.texts.items() if i in twins.streamed)
            if streamed and whole and same:
                more = any(usage.total - usage.prompt > usage.completion for usage in (streamed[0], whole[0]))
                yield cls(streamed[0], whole[0], more or twins.think)

    @property
    def transcript(self) -> Transcript:
        """Return the streamed one."""
        return self.streamed.transcript

    @property
    def where(self) -> Where:
        """Return the usage of the stream."""
        return self.streamed.where


@dataclass(eq=False)
class Repeated:
    """The same seeded request at temperature 0, sent twice and answered whole."""

    first: Reply
    again: Reply

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Repeated]:
        """Return each repetition of a request with the first answer to it."""
        seen = list[Reply]()
        for reply in Reply.among(transcripts):
            body = reply.request
            if not reply.transcript.probe or not is_repeatable(reply.transcript.request):
                continue
            first = next((each for each in seen if _is_same(each.request, body)), None)
            if first:
                yield cls(first, reply)
            else:
                seen.append(reply)

    @property
    def transcript(self) -> Transcript:
        """Return the second one."""
        return self.again.transcript

    @property
    def where(self) -> Where:
        """Return the second answer as a whole."""
        return self.again.where


def _is_same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return first | {"stream": False} == second | {"stream": False}


@dataclass(eq=False)
class Afterwards:
    """An ordinary request that came after one that was wrong; there may be no answer."""

    transcript: Transcript

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Afterwards]:
        """Return those of the group `after-mistakes`, where mistakes were made."""
        if any(wrong(transcript.request) for transcript in transcripts):
            yield from (cls(t) for t in transcripts if t.group == AFTER_MISTAKES and _is_ordinary(t))

    @property
    def where(self) -> Where:
        """Return no place in particular."""
        return Where()


def _is_ordinary(transcript: Transcript) -> bool:
    """Tell whether a request is one that has been seen to be answered: short, plain, and taken by the server."""
    body = transcript.request.json
    keys = {"model", "messages", "temperature", "seed", "max_tokens", "max_completion_tokens"}
    asked = isinstance(body, dict) and body.keys() <= keys and Allowed.fits(transcript)
    return asked and transcript.ending.kind in ("eof", "reset", "truncated")

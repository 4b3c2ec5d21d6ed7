"""Several transcripts together: a whole run, and pairs that ask the same thing in two ways."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from conformance.place import Where
from conformance.transcript import Transcript
from conformance.views.choice import Choice
from conformance.views.reply import Reply


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
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Twins]:
        """Return the pairs of each group, where both answers finished and the server did not refuse either."""
        groups = defaultdict[str, list[Transcript]](list)
        for transcript in transcripts:
            if transcript.group.startswith("twins"):
                groups[transcript.group].append(transcript)
        for members in groups.values():
            choices = {choice.index: choice for choice in Choice.among(members) if choice.finish}
            replies = list(Reply.among(members))
            if choices and replies and replies[0].choices:
                yield cls(choices, replies[0])

    @property
    def transcript(self) -> Transcript:
        """Return the streamed one."""
        return next(iter(self.streamed.values())).transcript

    @property
    def where(self) -> Where:
        """Return the end of the stream."""
        return next(iter(self.streamed.values())).where

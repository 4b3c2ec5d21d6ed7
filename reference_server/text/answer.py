"""One answer in the making: from the tokens of a sequence to the pieces a client is told."""

from collections.abc import Iterable, Iterator

from reference_server.text.hermes import ToolCalls
from reference_server.text.pieces import Apart, Finished, Piece, TokenScore
from reference_server.text.reasoning import Thoughts
from reference_server.text.scores import Scores
from reference_server.text.span import Span
from reference_server.text.stops import Stops
from reference_server.text.utf8 import Characters


class Answer:
    """Hold back what a client must not see yet or ever, and tell when the answer has to stop.

    A token passes through stages, each of which hands on text with its place: bytes become characters, reasoning and
    then calls are told apart, and what is left is the content, of which alone a stop string is the end.
    """

    def __init__(
        self,
        index: int,
        *,
        stops: Iterable[str] = (),
        reasoning: bool = True,
        tools: bool = False,
        one_call: bool = False,
        thinking: bool = False,
    ) -> None:
        """Begin an answer; `reasoning` and `tools`: what is told apart, where a client has a place for it.

        `thinking`: the prompt has opened the reasoning already.
        """
        self._index = index
        self._characters, self._stops, self._scores = Characters(), Stops(stops), Scores(index)
        self._thoughts = Thoughts(index, inside=thinking) if reasoning else None
        self._calls = ToolCalls(index) if tools else None
        self._one_call = one_call

    @property
    def stopped(self) -> bool:
        """Tell whether nothing that follows belongs to the answer."""
        return self._stops.found or (self._one_call and self._calls is not None and self._calls.done > 0)

    @property
    def reasoning_tokens(self) -> int:
        """Count the tokens of the reasoning, once it or the answer has ended."""
        return self._thoughts.tokens if self._thoughts else 0

    def feed(self, data: bytes, score: TokenScore | None = None) -> list[Piece]:
        """Give what a token adds to the answer, as far as it is certain."""
        if self._stops.found:
            return []
        span = self._characters.feed(data)
        if score:
            self._scores.add(score, self._characters.reach)
        return self._told(self._apart(self._thoughts.feed(span) if self._thoughts else [span]))

    def finish(self, reason: str) -> list[Piece]:
        """Give what was held back and the end; the start of a character that never came whole is dropped.

        An answer with calls ends for tool_calls also where a stop string ended the text after them: a client looks
        there for whether there is something to call.
        """
        told = [] if self.stopped else self._told(self._held())
        told += self._text_held()
        if self._stops.found and reason == "length":
            reason = "stop"  # the text that could only be told now had one
        if self._calls and self._calls.begun and reason == "stop":
            reason = "tool_calls"
        return [*told, Finished(self._index, reason)]

    def _apart(self, parts: Iterable[Span | Apart]) -> Iterator[Span | Apart]:
        """Take calls out of the text; what follows a part is not read before it is asked for."""
        for part in parts:
            if self._calls and isinstance(part, Span):
                yield from self._calls.feed(part)
            else:
                yield part

    def _held(self) -> Iterator[Span | Apart]:
        if self._thoughts:
            yield from self._apart(self._thoughts.finish())
        if self._calls:
            yield from self._calls.finish()

    def _told(self, parts: Iterable[Span | Apart]) -> list[Piece]:
        """Give the pieces for some parts up to a stop string, behind which there is nothing, no call either."""
        told: list[Piece] = []
        for part in parts:
            if isinstance(part, Span):
                for span in self._stops.feed(part):
                    told += self._scores.feed(span)
                if self._stops.found:
                    break
            else:
                told += [*self._text_held(), part]
        return told

    def _text_held(self) -> list[Piece]:
        """Give the text that no text continues: no stop string came of it, and no more of its token is shown."""
        told: list[Piece] = []
        for span in self._stops.finish():
            told += self._scores.feed(span)
        return [*told, *self._scores.finish()]

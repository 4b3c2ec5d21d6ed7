"""One answer in the making: from the tokens of a sequence to the pieces a client is told."""

from collections import deque
from collections.abc import Iterable

from reference_server.text.hermes import ToolCalls
from reference_server.text.pieces import Finished, Piece, Text, TokenScore
from reference_server.text.reasoning import Thoughts
from reference_server.text.stops import Stops
from reference_server.text.utf8 import Characters


class Answer:
    """Hold back what a client must not see yet or ever, and tell when the answer has to stop."""

    def __init__(
        self,
        index: int,
        *,
        stops: Iterable[str] = (),
        tools: bool = False,
        one_call: bool = False,
        thinking: bool = False,
    ) -> None:
        """Begin an answer; `thinking`: the prompt has opened its reasoning already."""
        self._index = index
        self._characters, self._stops = Characters(), Stops(stops)
        self._thoughts = Thoughts(index, inside=thinking)
        self._calls = ToolCalls(index) if tools else None
        self._one_call = one_call
        self._scores: deque[tuple[TokenScore, int]] = deque()  # with the place where each token ends
        self._received = self._released = self._skipped = 0  # bytes: all, those of text, and those between texts
        self._kept = ""
        self._ends: list[int] = []  # of the tokens up to the text

    @property
    def stopped(self) -> bool:
        """Tell whether nothing that follows belongs to the answer."""
        return self._stops.found or (self._one_call and self._calls is not None and self._calls.done > 0)

    @property
    def reasoning_tokens(self) -> int:
        """Count the tokens of the reasoning, once it or the answer has ended."""
        taken = self._thoughts.taken
        return len(self._ends) if self._thoughts.inside else sum(end <= taken for end in self._ends)

    def feed(self, data: bytes, score: TokenScore | None = None) -> list[Piece]:
        """Give what a token adds to the answer, as far as it is certain."""
        text = self._characters.feed(data)
        self._received += len(text.encode())  # of what is shown: U+FFFD is longer than the byte it stands for
        if not self._thoughts.past:
            self._ends.append(self._received)
        if score:
            self._scores.append((score, self._received + self._characters.held))
        if self._calls and self._calls.inside:
            return self._pass(self._stops.finish() + text)  # a stop string ends a text, and no call in its middle
        return self._pass(self._stops.feed(text))

    def finish(self, reason: str) -> list[Piece]:
        """Give what was held back and the end; the start of a character that never came whole is dropped."""
        pieces = self._pass(self._stops.finish()) + self._spoken(self._thoughts.finish())
        if self._calls:
            pieces += self._scored(self._calls.finish())
            if self._calls.begun and reason == "stop":
                reason = "tool_calls"
        return [*pieces, *self._rest(), Finished(self._index, reason)]

    def _pass(self, text: str) -> list[Piece]:
        return self._spoken(self._thoughts.feed(text))

    def _spoken(self, pieces: list[Piece]) -> list[Piece]:
        told: list[Piece] = []
        for piece in pieces:
            read = self._calls.feed(piece.text) if self._calls and isinstance(piece, Text) else [piece]
            told += self._scored(read)
        return told

    def _scored(self, pieces: Iterable[Piece]) -> list[Piece]:
        told: list[Piece] = []
        for piece in pieces:
            if isinstance(piece, Text):
                told += self._with_scores(piece)
            else:
                told += [*self._rest(), piece]
        return told

    def _with_scores(self, piece: Text) -> list[Piece]:
        """Give a text with the tokens that are complete with it; the start of a token waits for its rest."""
        told, scores, end = self._past_gap(), list[TokenScore](), 0
        self._kept += piece.text
        self._released += len(piece.text.encode())
        place = self._skipped + self._released
        while self._scores and self._scores[0][1] <= place:
            score, end = self._scores.popleft()
            scores.append(score)
        text, self._kept = _parted(self._kept, place - end if self._scores else 0)
        return [*told, Text(self._index, text, tuple(scores))] if text else told

    def _past_gap(self) -> list[Piece]:
        """Drop the tokens of reasoning and calls before a text, which nobody asks the probabilities of."""
        taken = self._thoughts.taken + (self._calls.taken if self._calls else 0)
        if taken == self._skipped:
            return []
        told, self._skipped = self._rest(), taken
        while self._scores and self._scores[0][1] <= self._skipped + self._released:
            self._scores.popleft()
        return told

    def _rest(self) -> list[Piece]:
        """Give the text that waits for the rest of its token, which does not come."""
        text, self._kept = self._kept, ""
        return [Text(self._index, text, (self._scores.popleft()[0],))] if text else []


def _parted(text: str, size: int) -> tuple[str, str]:
    """Part a text before its last bytes, or behind the character that they begin in."""
    raw = text.encode()
    rest = raw[max(len(raw) - size, 0) :].decode(errors="ignore")
    return text[: len(text) - len(rest)], rest

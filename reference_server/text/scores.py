"""The log probabilities of tokens beside the text that the tokens stand for."""

from collections import deque

from reference_server.text.pieces import Text, TokenScore
from reference_server.text.span import Span


class Scores:
    """Give each text of an answer the scores of the tokens that are complete with it.

    They find each other by their places in what the model wrote, so that a token of which nothing is shown, as it
    belongs to reasoning or to a call, lends its score to no text beside it.
    """

    def __init__(self, index: int) -> None:
        self._index = index
        self._due: deque[tuple[TokenScore, int]] = deque()  # with the place where each token ends
        self._passed = 0  # the place where the last one ended that is not due any more
        self._ready: list[TokenScore] = []  # of tokens without a text, to go with the next one
        self._waiting = Span(0, "")

    def add(self, score: TokenScore, end: int) -> None:
        """Take the score of the next token; `end`: where it ends, the character that it ends in counted."""
        self._due.append((score, end))

    def feed(self, span: Span) -> list[Text]:
        """Give a text with its scores; the start of a token waits for the rest."""
        told = self._past_gap(span) if span.start != self._waiting.end else []
        if not self._due:
            self._waiting = span.after(len(span.text))
            return [*told, *self._told(span)]
        text = Span(self._waiting.start, self._waiting.text + span.text)
        while self._due and self._due[0][1] <= text.end:
            self._ready.append(self._next())
        whole = min(max(self._passed, text.start), text.end) if self._due else text.end
        size = whole - text.start
        self._waiting = text.after(size)
        return [*told, *self._told(text.before(size))]

    def finish(self) -> list[Text]:
        """Give the text that waits for the rest of its token, which does not come."""
        text, self._waiting = self._waiting, self._waiting.after(len(self._waiting.text))
        if text.text:
            self._ready.append(self._next())
        return self._told(text)

    def _past_gap(self, span: Span) -> list[Text]:
        """Drop the tokens before a text that does not follow the last one at once."""
        told = self.finish()
        while self._due and self._due[0][1] <= span.start:
            self._next()
        self._ready, self._waiting = [], span.before(0)
        return told

    def _next(self) -> TokenScore:
        score, self._passed = self._due.popleft()
        return score

    def _told(self, text: Span) -> list[Text]:
        if not text.text:
            return []
        scores, self._ready = tuple(self._ready), []
        return [Text(self._index, text.text, scores)]

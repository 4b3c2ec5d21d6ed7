"""A generation as the event loop sees it: pieces of answers, told by the decoding thread as they come."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence

from reference_server.engine.events import Event, Finish, Scored, Token
from reference_server.text import echo
from reference_server.text.answer import Answer
from reference_server.text.pieces import Finished, Piece, Text, TokenScore
from reference_server.usage import Usage

Wake = Callable[[], None]


class Post:
    """Wakes the readers of generations, once for all that a round of the engine brought.

    Woken one by one they would ask for Python's lock while the decoding thread still needs it; after the round it is
    about to be in llama.cpp, where it does not.
    """

    def __init__(self) -> None:
        self._due: list[tuple[asyncio.AbstractEventLoop, Wake]] = []

    def add(self, loop: asyncio.AbstractEventLoop, wake: Wake) -> None:
        """Note, in the decoding thread, that a reader in some event loop has news."""
        self._due.append((loop, wake))

    def deliver(self) -> None:
        """Wake all readers that have news, in the decoding thread."""
        due, self._due = self._due, []
        for loop in {loop for loop, _ in due}:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody reads any more
                loop.call_soon_threadsafe(_wake, [wake for other, wake in due if other is loop])


class Generation:
    """Receives the events of a job in the decoding thread, and gives them to one reader in the event loop."""

    def __init__(self, answers: Sequence[Answer], prompt_tokens: int, post: Post, echoes: Sequence[str] = ()) -> None:
        """Collect what comes for some answers; `echoes`: the prompts, where the events are to score them."""
        self.usage = Usage(prompt_tokens)
        self.cancel: Callable[[], None] = lambda: None
        self._answers, self._open = answers, len(answers)
        self._echoes = echoes
        self._loop = asyncio.get_running_loop()
        self._told: deque[Piece] = deque()  # its methods are atomic
        self._news, self._post = asyncio.Event(), post
        self._woken = False

    async def pieces(self) -> list[Piece]:
        """Wait for news and give all of it; nothing any more after the end of all answers."""
        while not self._told and self._open:
            self._news.clear()
            self._woken = False  # from here on the thread must wake us again
            if not self._told:
                await self._news.wait()
        pieces = [self._told.popleft() for _ in range(len(self._told))]
        self._open -= sum(isinstance(piece, Finished) for piece in pieces)
        return pieces

    @property
    def ended(self) -> bool:
        """Tell whether the reader has been given everything."""
        return not self._open and not self._told

    def listen(self, event: Event) -> bool:
        """Take an event, in the decoding thread; True where the sequence has to stop."""
        answer = self._answers[event.sequence]
        if isinstance(event, Scored):
            text = self._echoes[event.sequence]
            scores = echo.scores(text, [(_score(token), token.name) for token in event.tokens])
            self._tell([Text(event.sequence, text, scores)])
            return False
        if isinstance(event, Finish):
            self.usage.completion += event.produced
            pieces: list[Piece] = [Finished(event.sequence, "error")]  # without any end the reader would wait for ever
            try:
                pieces = answer.finish(event.reason)
                self.usage.reasoning += answer.reasoning_tokens
            finally:
                self._tell(pieces)
            return False
        self._tell(answer.feed(event.text, None if event.logprob is None else _score(event)))
        return answer.stopped

    def _tell(self, pieces: list[Piece]) -> None:
        if pieces:
            self._told.extend(pieces)
            if not self._woken:
                self._woken = True
                self._post.add(self._loop, self._news.set)

    def say(self, piece: Piece) -> None:
        """Put a piece before all that is to come."""
        self._told.append(piece)


def _wake(readers: list[Wake]) -> None:
    for wake in readers:
        wake()


def _score(token: Token) -> TokenScore:
    top = tuple((other.text, other.logprob) for other in token.top)
    return TokenScore(token.text, 0.0 if token.logprob is None else token.logprob, top)

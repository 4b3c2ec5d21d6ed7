"""Whole characters out of tokens that may end within one."""

import codecs

from reference_server.text.span import Span


class Characters:
    """Decode bytes, and hold the start of a character back until its rest has come."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._end = 0

    def feed(self, data: bytes) -> Span:
        """Give the characters that are complete now; bytes that can never become one are replaced."""
        return self._placed(self._decoder.decode(data))

    def finish(self) -> Span:
        """Give what stands for the start of a character whose rest does not come."""
        return self._placed(self._decoder.decode(b"", final=True))

    @property
    def reach(self) -> int:
        """Tell where the bytes end that were fed, in characters: one of which the start is held back counts too."""
        return self._end + bool(self._decoder.getstate()[0])

    def _placed(self, text: str) -> Span:
        span = Span(self._end, text)
        self._end += len(text)
        return span

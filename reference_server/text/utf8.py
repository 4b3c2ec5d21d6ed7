"""Whole characters out of tokens that may end within one."""

import codecs


class Characters:
    """Decode bytes, and hold the start of a character back until its rest has come."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, data: bytes) -> str:
        """Give the characters that are complete now; bytes that can never become one are replaced."""
        return self._decoder.decode(data)

    @property
    def held(self) -> int:
        """Tell how many bytes of an unfinished character are held back."""
        return len(self._decoder.getstate()[0])

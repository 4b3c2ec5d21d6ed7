"""Prompts as tokens: read or checked, and refused where they are too long."""

from collections.abc import Sequence

from reference_server.completion.request import Prompt
from reference_server.engine.model import Model
from reference_server.errors import RequestError

SHORT = 8192
"""Characters that are read in no time. llama.cpp's time for a text grows with its square."""


class Tokens:
    """Reads prompts for one model, from any thread."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def of_prompt(self, prompt: Prompt, place: str, room: int) -> list[int]:
        """Turn a prompt into tokens, or check those that it consists of; raises RequestError."""
        if isinstance(prompt, str):
            return self.of_text((prompt,), place, room)
        if max(prompt) >= (count := self._model.n_vocab):
            raise RequestError(f"Invalid '{place}': token numbers go from 0 to {count - 1}.", param=place)
        if len(prompt) >= room:
            raise _too_long(room, str(len(prompt)), place)
        return list(prompt)

    def of_text(self, pieces: Sequence[str], place: str, room: int) -> list[int]:
        """Turn the pieces of a text into tokens, and give up early on one that is far too long; raises RequestError."""
        tokenize = self._model.tokenize
        prompt: list[int] = []
        for number, text in enumerate(pieces):
            size = SHORT
            while size < len(text):
                if len(tokenize(text[:size])) > room:
                    raise _too_long(room, f"more than {room}", place)
                size *= 4
            prompt += tokenize(text, start=not number)
            if len(prompt) >= room and number + 1 < len(pieces):
                raise _too_long(room, f"more than {room}", place)
        if len(prompt) >= room:
            raise _too_long(room, str(len(prompt)), place)
        return prompt


def _too_long(room: int, count: str, place: str) -> RequestError:
    message = (
        f"This model's maximum context length is {room} tokens. However, your {place} resulted in "
        f"{count} tokens. Please reduce the length of the {place}."
    )
    return RequestError(message, param=place, code="context_length_exceeded")

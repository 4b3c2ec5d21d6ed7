"""Prompts as tokens: read or checked, and refused where they are too long."""

from collections.abc import Sequence
from typing import NamedTuple

from reference_server.completion.request import Prompt
from reference_server.engine.model import Model
from reference_server.errors import RequestError

SHORT = 8192
"""Characters that are read in no time. llama.cpp's time for a text grows with its square."""


class Room(NamedTuple):
    """How much a text may have."""

    size: int
    answer: int = 1
    """Tokens of it that have to be left for what the model writes."""

    def holds(self, count: int) -> bool:
        """Tell whether a prompt of so many tokens fits."""
        return count + self.answer <= self.size


class Tokens:
    """Reads prompts for one model, from any thread."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def of_prompt(self, prompt: Prompt, place: str, room: Room) -> list[int]:
        """Turn a prompt into tokens, or check those that it consists of; raises RequestError."""
        if isinstance(prompt, str):
            return self.of_text((prompt,), place, room)
        if max(prompt) >= (count := self._model.n_vocab):
            raise RequestError(f"Invalid '{place}': token numbers go from 0 to {count - 1}.", param=place)
        if not room.holds(len(prompt)):
            raise _too_long(room, str(len(prompt)), place)
        return list(prompt)

    def of_text(self, pieces: Sequence[str], place: str, room: Room) -> list[int]:
        """Turn the pieces of a text into tokens, and give up early on one that is far too long; raises RequestError."""
        tokenize = self._model.tokenize
        prompt: list[int] = []
        for number, text in enumerate(pieces):
            size = SHORT
            while size < len(text):
                if len(tokenize(text[:size])) > room.size:
                    raise _too_long(room, f"more than {room.size}", place)
                size *= 4
            prompt += tokenize(text, start=not number)
            if len(prompt) >= room.size and number + 1 < len(pieces):
                raise _too_long(room, f"more than {room.size}", place)
        if not room.holds(len(prompt)):
            raise _too_long(room, str(len(prompt)), place)
        return prompt


def _too_long(room: Room, count: str, place: str) -> RequestError:
    message = (
        f"This model's maximum context length is {room.size} tokens. However, your {place} resulted in "
        f"{count} tokens. Please reduce the length of the {place}."
    )
    return RequestError(message, param=place, code="context_length_exceeded")

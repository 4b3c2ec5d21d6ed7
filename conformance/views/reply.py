"""Whole answers: bodies of 2xx answers that are one JSON object."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from conformance.transcript import Transcript
from conformance.views.answer import JSONBody, endpoint_of
from conformance.views.asked import Asked


class Reply(JSONBody, Asked):
    """A whole answer to a chat request that did not ask for a stream."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return _is_whole(transcript, "chat") and not transcript.request.asks_for_stream()

    @cached_property
    def choices(self) -> list[dict[str, Any]]:
        """Return the choices that are objects."""
        choices = self.value.get("choices") if isinstance(self.value, dict) else None
        return [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []

    @cached_property
    def texts(self) -> dict[int, str]:
        """Return the content of each choice, by index."""
        found = {}
        for choice in self.choices:
            message, index = choice.get("message"), choice.get("index")
            if isinstance(message, dict) and isinstance(index, int):
                content = message.get("content")
                found[index] = content if isinstance(content, str) else ""
        return found


class Answered(Reply):
    """Such an answer that is no error in disguise, of which that is said, and nothing else."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return Reply._fits(transcript) and not _is_error(next(iter(Reply.among([transcript]))).value)


class ModelList(JSONBody):
    """The answer to GET /models."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return _is_whole(transcript, "models")


def _is_error(value: object) -> bool:
    return isinstance(value, dict) and bool(value.get("error")) and "choices" not in value


def _is_whole(transcript: Transcript, name: str) -> bool:
    ok = transcript.status is not None and 200 <= transcript.status < 300
    named = endpoint_of(transcript) == name
    return ok and named and JSONBody._fits(transcript)

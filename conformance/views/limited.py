"""Choices whose length is bounded by the request, or by nothing."""

from __future__ import annotations

from conformance.views.choice import Choice, EndedChoice

MANY = 50  # parts


class UncountedChoice(EndedChoice):
    """The only choice of a stream that has a limit, and no usage to hold it to."""

    def _fits(self) -> bool:
        stream = self.stream
        counted = any(chunk.usage for chunk in stream.chunks)
        return super()._fits() and stream.limit > 0 and stream.n == 1 and not counted and not thinks(self)


class LongChoice(Choice):
    """A choice of many parts."""

    def _fits(self) -> bool:
        return len(self.parts) >= MANY


def thinks(choice: Choice) -> bool:
    """Tell whether a choice has parts that are no text, so that its text is not all that was generated."""
    keys = ("reasoning_content", "reasoning", "tool_calls", "function_call", "refusal", "audio")
    return any(part.delta.get(key) for part in choice.parts for key in keys)

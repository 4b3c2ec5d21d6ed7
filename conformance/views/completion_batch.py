"""Legacy completions of several prompts, beside those of one of these prompts alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from conformance.place import Where
from conformance.transcript import Transcript
from conformance.views.completion import Completion


@dataclass(eq=False)
class CountedBatch:
    """A completion of several prompts with its count of prompt tokens, and the count of one of them alone.

    Where that count is not the same each time, a server leaves cached tokens out of it, and nothing can be told.
    """

    batch: Completion
    tokens: int
    alone: int

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterator[CountedBatch]:
        """Return each completion of several texts, one of which was counted alone at least twice."""
        counted = [(completion, _prompt_tokens(completion)) for completion in Completion.among(transcripts)]
        counted = [(completion, tokens) for completion, tokens in counted if tokens]
        for batch, tokens in counted:
            texts = all(isinstance(prompt, str) and prompt for prompt in batch.prompts)
            if texts and len(batch.prompts) > 1:
                singles = [alone for single, alone in counted if _is_part(single, batch)]
                if len(singles) > 1 and len(set(singles)) == 1:
                    yield cls(batch, tokens, singles[0])

    @property
    def transcript(self) -> Transcript:
        """Return the transcript of the batch."""
        return self.batch.transcript

    @property
    def where(self) -> Where:
        """Return the place of its usage."""
        return self.batch.with_usage[-1].where


def _prompt_tokens(completion: Completion) -> int:
    """Return the count of prompt tokens, 0 where there is none."""
    usage = completion.with_usage[-1].value["usage"] if completion.with_usage else {}
    count = usage.get("prompt_tokens")
    return count if type(count) is int else 0


def _is_part(single: Completion, batch: Completion) -> bool:
    """Tell whether a completion is of one of the prompts, by the same model."""
    one = len(single.prompts) == 1 and single.prompts[0] in batch.prompts
    return one and single.request.get("model") == batch.request.get("model")

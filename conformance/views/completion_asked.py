"""Legacy completions by what was asked for: the preconditions of rules about echo, logprobs, limits and refusals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.place import Where
from conformance.transcript import Transcript
from conformance.views.asked import TWINS, is_repeatable, stop_strings
from conformance.views.completion import Completion, CompletionObject, TextChoice, TextPart, in_few_ids
from conformance.views.endpoint import EndpointRequest


class EndedText(TextChoice):
    """A choice of a completion that came to its end without an error."""

    def _fits(self) -> bool:
        return self.completion.ended


class EchoedText(TextChoice):
    """A choice of which the prompt is to be the beginning, as far as it is known."""

    def _fits(self) -> bool:
        return self.request.get("echo") is True and bool(self.prompt) and self.completion.ended


class BatchText(EchoedText):
    """Such a choice of a request for several prompts, none of which begins with another."""

    def _fits(self) -> bool:
        texts = [prompt for prompt in self.completion.prompts if isinstance(prompt, str)]
        others = [(one, other) for one in texts for other in texts if one is not other]
        return EchoedText._fits(self) and len(texts) > 1 and not any(one.startswith(other) for one, other in others)


class EchoAlone(EchoedText):
    """Such a choice where nothing but the prompt is wanted."""

    def _fits(self) -> bool:
        return EchoedText._fits(self) and self.completion.number("max_tokens") == 0


class ScoredText(TextChoice):
    """A choice with text, of a request for log probabilities, of a completion that came to its end."""

    def _fits(self) -> bool:
        asked = self.completion.number("logprobs")
        return asked is not None and asked >= 0 and bool(self.text) and self.completion.ended


class JoinableText(TextChoice):
    """A choice that has tokens with its text, each of them whole characters."""

    def _fits(self) -> bool:
        tokens = self.joined("tokens")
        whole = all(isinstance(token, str) and not is_cut(token) for token in tokens)
        return bool(tokens) and whole and self.completion.ended

    @property
    def may_be_longer(self) -> bool:
        """Tell whether the text may have a piece that no whole token stands for: before a stop string."""
        return bool(self.request.get("stop")) or not self.request


class LocatedText(TextChoice):
    """A choice of which at least two tokens have their place in the text."""

    @property
    def located(self) -> list[tuple[int, str]]:
        """Return the offsets and the tokens; none where one of them is no whole character."""
        offsets, tokens = self.joined("text_offset"), self.joined("tokens")
        right = len(offsets) == len(tokens) and all(type(offset) is int for offset in offsets)
        whole = all(isinstance(token, str) and not is_cut(token) for token in tokens)
        return list(zip(offsets, tokens, strict=True)) if right and whole else []

    def _fits(self) -> bool:
        return len(self.located) > 1


class StoppableText(TextChoice):
    """A choice with text, of a request with stop strings."""

    @property
    def stops(self) -> list[str]:
        """Return the stop strings."""
        return stop_strings(self.request)

    @property
    def answer(self) -> str:
        """Return the text without the prompt that was to be echoed."""
        return self.text.removeprefix(self.prompt or "") if self.request.get("echo") else self.text

    def _fits(self) -> bool:
        known = self.prompt is not None or not self.request.get("echo")
        return bool(self.stops and self.text and known)


class TokenLogprobs(TextPart):
    """A part whose log probabilities are an object."""

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[TextPart]:
        """Return all such parts."""
        return (part for part in TextPart.among(transcripts) if part.logprobs is not None)


@dataclass(eq=False)
class AlternativesAsked(TextPart):
    """Such a part of a request that says how many alternatives there are to be."""

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterator[AlternativesAsked]:
        """Return all such parts that have alternatives."""
        for part in TokenLogprobs.among(transcripts):
            asked = part.completion.number("logprobs")
            if asked is not None and asked >= 0 and isinstance((part.logprobs or {}).get("top_logprobs"), list):
                yield cls(part.transcript, part.where, part.completion, part.value)

    @property
    def most(self) -> int:
        """Return how many there may be: those asked for, and the chosen token."""
        return (self.completion.number("logprobs") or 0) + 1


class NamedText(TextPart):
    """A part that has a text."""

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[TextPart]:
        """Return all such parts."""
        return (part for part in TextPart.among(transcripts) if isinstance(part.value.get("text"), str))


class CountedCompletion(Completion):
    """A completion that came to its end, of a request that tells how many choices it is to have."""

    def _fits(self) -> bool:
        candidates = self.number("best_of")
        return self.ended and self.count > 0 and (candidates is None or candidates >= self.n)


class CompletionUsageAsked(Completion):
    """A stream that came to its end, whose request asks for usage."""

    def _fits(self) -> bool:
        return self.ended and self.asked_usage


class CompletionUsageUnasked(Completion):
    """A stream whose request is known and does not ask for usage."""

    def _fits(self) -> bool:
        return self.streamed and bool(self.request) and not self.asked_usage


class CompletionWithUsage(Completion):
    """A stream whose request asks for usage and that has it."""

    def _fits(self) -> bool:
        return self.asked_usage and bool(self.with_usage)


class LimitedCompletion(Completion):
    """A completion of which the count of tokens and the limit are known."""

    @property
    def limit(self) -> int:
        """Return the limit of one choice."""
        return self.number("max_tokens") or 0

    @property
    def most(self) -> int:
        """Return how many tokens all choices may have together; candidates that are not shown count too."""
        return self.limit * max(self.n, self.number("best_of") or 0) * len(self.prompts)

    def _fits(self) -> bool:
        return self.limit > 0 and self.count > 0 and self.completion_tokens is not None


class CutCompletions(LimitedCompletion):
    """Such a completion with several choices, each of which was cut at the limit of the request."""

    @property
    def least(self) -> int:
        """Return how many tokens all choices have together."""
        return self.limit * self.count

    @property
    def generated(self) -> int:
        """Return how many tokens the usage counts beside the prompt, under whichever name."""
        usage = self.with_usage[-1].value["usage"]
        total, prompt = usage.get("total_tokens"), usage.get("prompt_tokens")
        rest = total - prompt if type(total) is int and type(prompt) is int else 0
        return max(self.completion_tokens or 0, rest)

    def _fits(self) -> bool:
        several = LimitedCompletion._fits(self) and self.ended and self.limit > 1 and self.count > 1
        return several and len(self.choices) == self.count and all(_is_cut_short(c) for c in self.choices.values())


class UnlimitedCompletion(Completion):
    """A completion of a request without max_tokens; the tokens are counted, or there are that many pieces at least."""

    @property
    def tokens(self) -> int:
        """Return how many tokens a choice has, at least."""
        pieces = max((sum(bool(part.text) for part in parts) for parts in self.choices.values()), default=0)
        return max(pieces if self.streamed else 0, (self.completion_tokens or 0) // max(self.count, 1))

    def _fits(self) -> bool:
        absent = bool(self.request) and self.request.get("max_tokens") is None and not self.request.get("echo")
        return absent and not self.request.get("best_of") and self.count > 0


class IdentifiedCompletion(Completion):
    """A stream whose ids and times of creation are those that were sent."""

    def _fits(self) -> bool:
        return self.streamed and "ids" in self.transcript.knows


@dataclass(eq=False)
class CompletionTwins:
    """The same seeded request, streamed and whole, both answered to the end, and with the echo that was asked for."""

    streamed: TextChoice
    whole: TextChoice

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterator[CompletionTwins]:
        """Return the choices of each group that came both ways."""
        groups: dict[str, list[TextChoice]] = {}
        for choice in EndedText.among(transcripts):
            echoed = not choice.request.get("echo") or choice.text.startswith(choice.prompt or "")
            twin = choice.transcript.group.startswith(TWINS) and is_repeatable(choice.transcript.request)
            if twin and echoed:
                groups.setdefault(f"{choice.transcript.group} {choice.index}", []).append(choice)
        for choices in groups.values():
            streamed = [choice for choice in choices if choice.completion.streamed]
            whole = [choice for choice in choices if not choice.completion.streamed]
            if streamed and whole:
                yield cls(streamed[0], whole[0])

    @property
    def transcript(self) -> Transcript:
        """Return the streamed one."""
        return self.streamed.transcript

    @property
    def where(self) -> Where:
        """Return the end of the stream."""
        return self.streamed.where


@dataclass(eq=False)
class SuffixTwins:
    """An answer to a request with a suffix, and one to the same seeded request without."""

    transcript: Transcript
    text: str
    plain: str

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterator[SuffixTwins]:
        """Return the pairs."""
        texts = [(choice, _without_suffix(choice)) for choice in EndedText.among(transcripts) if choice.index == 0]
        for choice, request in texts:
            if (
                choice.request.get("suffix")
                and choice.request.get("temperature") == 0
                and not choice.completion.streamed
            ):
                for other, same in texts:
                    if same == request and not other.request.get("suffix") and other.text:
                        yield cls(choice.transcript, choice.text, other.text)
                        break

    @property
    def where(self) -> Where:
        """Return the answer as a whole."""
        return Where()


class CompletionRequest(EndpointRequest):
    """An answer to a request for legacy completions."""

    to = "completions"

    @classmethod
    def _served(cls, transcripts: Sequence[Transcript]) -> bool:
        return any(True for _ in CompletionObject.among(transcripts))


class ManyLogprobs(CompletionRequest):
    """One for more alternatives than there may be."""

    @classmethod
    def _asks(cls, request: dict[str, Any]) -> bool:
        return integer(request, "logprobs") > 5


class StreamedBestOf(CompletionRequest):
    """One for the best of several texts, streamed."""

    @classmethod
    def _asks(cls, request: dict[str, Any]) -> bool:
        return request.get("stream") is True and integer(request, "best_of") > 1


class SmallBestOf(CompletionRequest):
    """One for fewer candidates than choices, not streamed."""

    @classmethod
    def _asks(cls, request: dict[str, Any]) -> bool:
        return request.get("stream") is not True and 0 < integer(request, "best_of") < integer(request, "n")


class TokenPrompt(CompletionRequest):
    """One whose prompt consists of token numbers, and that was not refused in so many words."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return super()._fits(transcript) and not 400 <= (transcript.status or 0) < 500

    @classmethod
    def _asks(cls, request: dict[str, Any]) -> bool:
        return in_few_ids(request.get("prompt"))


def integer(request: dict[str, Any], name: str) -> int:
    """Return a parameter that is an integer, else -1."""
    value = request.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def is_cut(token: str) -> bool:
    """Tell whether a token is shown as a part of a character."""
    return "\ufffd" in token or token.startswith("bytes:")


def _is_cut_short(parts: Sequence[TextPart]) -> bool:
    """Tell whether the only finish reason of a choice is length."""
    return {part.finish_reason for part in parts} - {None, ""} == {"length"}


def _without_suffix(choice: TextChoice) -> dict[str, Any]:
    return {key: value for key, value in choice.request.items() if key != "suffix"}

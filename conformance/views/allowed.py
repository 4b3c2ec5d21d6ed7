"""Chat requests that the schema allows in every detail, and what was answered: each view is about one such detail."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from conformance import refusal
from conformance.features import features
from conformance.json_text import parse, parse_bytes
from conformance.place import Where
from conformance.refusal import REFUSALS, blamed
from conformance.transcript import Request, Transcript
from conformance.views.answer import BUSY, Answer
from conformance.views.reply import Reply
from conformance.views.wrong_request import wrong_in

SILENT = BUSY | {401, 403, 404}  # says nothing about the request
UNSUPPORTED = re.compile(
    r"unsupported|not support|not implemented|not allowed|context.?length|does not exist|deprecated|"
    r"(invalid|unknown|not a valid|no such) model|model.{0,80}(invalid|unknown|not found|not a valid)",
    re.IGNORECASE,
)
UNKNOWN = re.compile(r"unrecogni[sz]ed|not permitted|extra (inputs|fields)|only be set to", re.IGNORECASE)
OPTIONAL = (
    "n",
    "logprobs",
    "top_logprobs",
    "tools",
    "response_format",
    "logit_bias",
    "functions",
    "audio",
    "modalities",
)
BYSTANDERS = ("metadata", "store", "safety_identifier", "prompt_cache_key", "verbosity")
HELLO = "Say hello."


class Allowed(Answer):
    """An answer to a chat request that is right by the schema, unless the server was busy or lacks the feature.

    `about`: the parameters that the view is about, None: all. A refusal of another one says nothing about them.
    """

    about: ClassVar[frozenset[str] | None] = None
    may_be_unknown: ClassVar[bool] = True

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        request = transcript.request
        if "request" not in transcript.knows or request.method != "POST" or transcript.status in SILENT:
            return False
        body = body_of(request)
        named = cls(transcript).endpoint == "chat" and bool(body.get("messages")) and not wrong_in(transcript)
        about = named and cls._about(request, body) and not _lacks_its_condition(body)
        lacking = refused_clearly(transcript) or (cls.may_be_unknown and _is_unknown(transcript))
        return about and not lacking and not cls._blames_another(transcript, body)

    @classmethod
    def _blames_another(cls, transcript: Transcript, body: dict[str, Any]) -> bool:
        others = blamed(transcript, body.keys())
        return cls.about is not None and bool(others) and others.isdisjoint(cls.about)

    @classmethod
    def _about(cls, request: Request, body: dict[str, Any]) -> bool:
        return True

    @classmethod
    def fits(cls, transcript: Transcript) -> bool:
        """Tell whether a transcript is of such a request, answered or not."""
        return cls._fits(transcript)

    @property
    def says(self) -> str:
        """Return the status, and the message of a refusal."""
        return f"{self.status} {message(self.transcript)}".strip()


class Nulls(Allowed):
    """An answer to a request in which nullable parameters are null."""

    @classmethod
    def _about(cls, request: Request, body: dict[str, Any]) -> bool:
        return any(value is None for value in body.values())


class Minimal(Allowed):
    """An answer to a request with nothing but a model and messages."""

    @classmethod
    def _about(cls, request: Request, body: dict[str, Any]) -> bool:
        return body.keys() <= {"model", "messages"} and _is_text(body)


class AtTheEdge(Allowed):
    """An answer to a request whose sampling parameters are at the ends of their ranges."""

    about = frozenset({"temperature", "top_p", "presence_penalty", "frequency_penalty"})

    @classmethod
    def _about(cls, request: Request, body: dict[str, Any]) -> bool:
        return body.get("presence_penalty") in (2, -2) and body.get("frequency_penalty") in (2, -2) and _is_text(body)


class StopText(Allowed):
    """An answer to a request with a stop string, in an array or alone."""

    about = frozenset({"stop"})

    @classmethod
    def _about(cls, request: Request, body: dict[str, Any]) -> bool:
        stop = body.get("stop")
        if _has(body, OPTIONAL):
            return False
        return bool(stop) and isinstance(stop, str | list) and all(isinstance(s, str) and s for s in stop)


class EmptyStop(Allowed):
    """An answer to a request with an empty stop string, or an empty array of them."""

    @classmethod
    def _about(cls, request: Request, body: dict[str, Any]) -> bool:
        return body.get("stop") in ("", [])


class ContentParts(Allowed):
    """An answer to a request whose content is an array of text parts."""

    about = frozenset({"messages"})

    @classmethod
    def _about(cls, request: Request, body: dict[str, Any]) -> bool:
        return any(_texts(m.get("content")) for m in _messages(body)) and not _has(body, OPTIONAL)


class Roles(Allowed):
    """An answer to a request with a message of the system, the developer or the assistant."""

    about = frozenset({"messages"})

    @classmethod
    def _about(cls, request: Request, body: dict[str, Any]) -> bool:
        roles = {m.get("role") for m in _messages(body) if isinstance(m.get("role"), str)}
        return bool(roles & {"system", "developer", "assistant"}) and _is_text(body) and not _has(body, OPTIONAL)


class Bystanders(Allowed):
    """An answer to a request with parameters that have no bearing on the text."""

    about = frozenset({"user", "service_tier", *BYSTANDERS})
    may_be_unknown = False  # to be ignored rather than refused

    @classmethod
    def _about(cls, request: Request, body: dict[str, Any]) -> bool:
        return any(body.get(name) is not None for name in BYSTANDERS) and _is_text(body)


class UnknownParameter(Allowed):
    """An answer to a request with a parameter that no schema has."""

    may_be_unknown = False

    @classmethod
    def _about(cls, request: Request, body: dict[str, Any]) -> bool:
        return "conformance_unknown" in body


class StreamOption(Allowed):
    """An answer to a request for a stream with include_usage or include_obfuscation."""

    about = frozenset({"stream_options", "stream"})

    @classmethod
    def _about(cls, request: Request, body: dict[str, Any]) -> bool:
        options = body.get("stream_options")
        if not isinstance(options, dict) or _has(body, OPTIONAL):
            return False
        known = options.keys() <= {"include_usage", "include_obfuscation"}
        return known and all(isinstance(each, bool) for each in options.values())


class OddText(Allowed):
    """An answer to a prompt with control characters, or with an escaped half of a surrogate pair in the request."""

    @classmethod
    def _about(cls, request: Request, body: dict[str, Any]) -> bool:
        return "\\x00" in str(_messages(body)) or "\\ud83d" in (request.text or "")


class OddNumber(Allowed):
    """An answer to a body with numbers that no machine word holds."""

    @classmethod
    def _about(cls, request: Request, body: dict[str, Any]) -> bool:
        return "9223372036854775808" in (request.text or "")


class Dressed(Allowed):
    """An answer to a request with headers that make no difference, where the same one without them was accepted."""

    about = frozenset()

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Self]:
        """Return the answers of this kind."""
        dressed = list(super().among(transcripts))
        others = {id(answer.transcript) for answer in dressed}
        plain = [t.request.json for t in transcripts if 200 <= (t.status or 0) < 300 and id(t) not in others]
        return [answer for answer in dressed if answer.transcript.request.json in plain]


class SDKHeaders(Dressed):
    """An answer to such a request with the headers that the official libraries send."""

    @classmethod
    def _about(cls, request: Request, body: dict[str, Any]) -> bool:
        return any(name.lower().startswith("x-stainless-") for name, _ in request.headers) and _is_text(body)


class OddHeaders(Dressed):
    """An answer to such a request whose header names are written in another letter case."""

    @classmethod
    def _about(cls, request: Request, body: dict[str, Any]) -> bool:
        return any(name.upper() == name and "-" in name for name, _ in request.headers) and _is_text(body)


class Optional(Allowed):
    """An answer to a request for something that servers need not have.

    Of an exchange that is no probe of ours, a 500 that says the server failed does not prove that the feature did, and
    where other requests for the same were answered, the server has it.
    """

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Self]:
        """Return the answers of this kind."""
        found = list(super().among(transcripts))
        had = {_asked(answer) for answer in found if 200 <= answer.status < 300}
        return [answer for answer in found if answer.status < 500 or _asked(answer) not in had]

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return super()._fits(transcript) and (bool(transcript.probe) or not _says_it_failed(transcript))

    @classmethod
    def _about(cls, request: Request, body: dict[str, Any]) -> bool:
        return _has(body, OPTIONAL)


def _lacks_its_condition(body: dict[str, Any]) -> bool:
    """Tell whether a parameter is there that OpenAI refuses without another one, which the schema does not say."""
    unstored = body.get("metadata") is not None and body.get("store") is not True
    return unstored or (body.get("parallel_tool_calls") is not None and not body.get("tools"))


def _asked(answer: Answer) -> frozenset[str]:
    """Return what is asked for, and who speaks."""
    request = answer.transcript.request
    return features(request) | {str(message.get("role")) for message in _messages(body_of(request))}


def _says_it_failed(transcript: Transcript) -> bool:
    if (transcript.status or 0) < 500:
        return False
    return refusal.error(parse_bytes(transcript.body()).value).get("type") in ("server_error", "api_error")


@dataclass(eq=False)
class SameAsked:
    """Two answers to what is the same request, written in two ways: the second one is odd."""

    plain: Reply
    odd: Reply

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterable[Self]:
        """Return a pair for each odd spelling of a request that was sent in plain as well."""
        live = [reply for reply in Reply.among(transcripts) if reply.transcript.probe]
        plains = [reply for reply in live if _content(reply) == HELLO and not reply.transcript.request.text]
        steady = len({_counted(reply) for reply in plains}) == 1  # else cached tokens are left out of the count
        plain = plains[0] if steady else None
        for reply in live:
            spelt = reply.transcript.request.text is not None or isinstance(_content(reply), list)
            if plain and spelt and _flat(reply) == HELLO and _counted(plain) and _counted(reply):
                pair = cls(plain, reply)
                if pair.in_parts == (cls is not SameAsked):
                    yield pair

    @property
    def in_parts(self) -> bool:
        """Tell whether the odd one has its text in parts."""
        return isinstance(_content(self.odd), list)

    @property
    def transcript(self) -> Transcript:
        """Return the transcript of the odd one."""
        return self.odd.transcript

    @property
    def where(self) -> Where:
        """Return its answer as a whole."""
        return self.odd.where

    @property
    def prompts(self) -> tuple[int, int]:
        """Return how many tokens each prompt has."""
        return _counted(self.plain), _counted(self.odd)


class SameInParts(SameAsked):
    """Two answers to what is the same request, once with its text in parts."""


def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object that was sent, empty where it was none."""
    body = parse(request.text).value if request.text is not None else request.json
    return body if isinstance(body, dict) else {}


def message(transcript: Transcript) -> str:
    """Return the beginning of what an error says, "" where it says nothing."""
    return refusal.message(parse_bytes(transcript.body()).value)[:120]


def refused_clearly(transcript: Transcript) -> bool:
    """Tell whether a server says that it lacks what was asked for, which is honest."""
    body = parse_bytes(transcript.body()).value if (transcript.status or 0) >= 400 else None
    error = body.get("error", body) if isinstance(body, dict) else None
    words = f"{error.get('message')} {error.get('code')}" if isinstance(error, dict) else str(error)
    return transcript.status == 501 or ((transcript.status or 0) < 500 and UNSUPPORTED.search(words) is not None)


def _is_unknown(transcript: Transcript) -> bool:
    """Tell whether a server says that it does not know a parameter, or not in this value."""
    value = parse_bytes(transcript.body()).value if transcript.status in REFUSALS else None
    return UNKNOWN.search(refusal.message(value)) is not None


def _messages(body: dict[str, Any]) -> list[dict[str, Any]]:
    messages = body.get("messages")
    return [m for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []


def _has(body: dict[str, Any], names: Iterable[str]) -> bool:
    return any(body.get(name) not in (None, False) for name in names)


def _is_text(body: dict[str, Any]) -> bool:
    messages = _messages(body)
    return bool(messages) and all(isinstance(m.get("content"), str) and not m.get("tool_calls") for m in messages)


def _texts(content: object) -> bool:
    parts = content if isinstance(content, list) else []
    return bool(parts) and all(isinstance(p, dict) and p.get("type") == "text" for p in parts)


def _content(reply: Reply) -> Any:
    messages = _messages(body_of(reply.transcript.request))
    return messages[0].get("content") if len(messages) == 1 else None


def _flat(reply: Reply) -> str:
    content = _content(reply)
    if isinstance(content, list) and len(content) == 1 and _texts(content):
        return str(content[0].get("text"))
    return content if isinstance(content, str) else ""


def _counted(reply: Reply) -> int:
    usage = reply.value.get("usage") if isinstance(reply.value, dict) else None
    count = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return count if isinstance(count, int) else 0

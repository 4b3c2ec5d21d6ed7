"""Single models: what is told of one alone, beside what the list says of it, and whether it can be used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from conformance import refusal
from conformance.json_text import parse_bytes
from conformance.place import Where
from conformance.transcript import Transcript
from conformance.views.answer import Answer, JSONBody, endpoint_of
from conformance.views.reply import ModelList

UNKNOWN_ID = "no-such-model-conformance"
NO_ACCESS = frozenset({401, 403, 405, 429})


class Model(JSONBody):
    """A 2xx answer to GET /models/{id}, whose request is known."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        ok = transcript.status is not None and 200 <= transcript.status < 300
        return ok and _of_one(transcript) and JSONBody._fits(transcript)


class UnknownId(Answer):
    """An answer to GET /models/{id} for an id that no server has."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        status = transcript.status or 0
        return _of_one(transcript) and _id(transcript) == UNKNOWN_ID and status not in NO_ACCESS and status < 500


@dataclass(eq=False)
class Retrieval:
    """An answer to GET /models/{id} for a listed id, of a server that answers such requests."""

    answer: Answer
    listed: dict[str, Any]

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterator[Retrieval]:
        """Return those of the ids in the list; a 404 counts where another such request was answered."""
        listed = _listed(transcripts)
        answers = [answer for answer in Answer.among(transcripts) if _of_one(answer.transcript)]
        known = [answer for answer in answers if _id(answer.transcript) in listed]
        served = any(200 <= answer.status < 300 for answer in known)
        for answer in known:
            if 200 <= answer.status < 300 or (answer.status == 404 and served):
                yield cls(answer, listed[_id(answer.transcript)])

    @property
    def told(self) -> dict[str, Any]:
        """Return the object that the answer is, empty where it is none."""
        value = parse_bytes(self.transcript.body()).value
        return value if isinstance(value, dict) else {}

    @property
    def transcript(self) -> Transcript:
        """Return the transcript of the retrieval."""
        return self.answer.transcript

    @property
    def where(self) -> Where:
        """Return the answer as a whole."""
        return Where()


class ListedInUse(Answer):
    """An answer to a chat request that names a listed model."""

    @classmethod
    def among(cls, transcripts: Sequence[Transcript]) -> Iterator[Any]:
        """Return those answers."""
        listed = _listed(transcripts)
        for answer in Answer.among(transcripts):
            request = answer.transcript.request.json
            if answer.endpoint == "chat" and "request" in answer.transcript.knows and isinstance(request, dict):
                model = request.get("model")
                if isinstance(model, str) and model in listed:
                    yield answer


def code(answer: Answer) -> Any:
    """Return the code of a failure's error, None where there is none."""
    return refusal.error(parse_bytes(answer.transcript.body()).value).get("code") if answer.status >= 400 else None


def _listed(transcripts: Sequence[Transcript]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for models in ModelList.among(transcripts):
        data = models.value.get("data") if isinstance(models.value, dict) else None
        for item in data if isinstance(data, list) else []:
            if isinstance(item, dict) and isinstance(item.get("id"), str):
                found.setdefault(item["id"], item)
    return found


def _of_one(transcript: Transcript) -> bool:
    name = endpoint_of(transcript)
    return name == "model" and transcript.request.method == "GET" and "request" in transcript.knows


def _id(transcript: Transcript) -> str:
    return unquote(transcript.request.path.partition("?")[0].partition("/models/")[2])

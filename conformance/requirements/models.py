"""The list of models: what the schema cannot say in a place of its own."""

from __future__ import annotations

from dataclasses import replace

from conformance import goldens
from conformance.json_text import show
from conformance.mutation import edit_json, with_header
from conformance.requirement import Findings, fault, must, should
from conformance.transcript import Transcript
from conformance.views import ModelList
from conformance.views.model import ListedInUse, Retrieval, UnknownId, code
from conformance.warrant import docs, quality

SAME = ("id", "object", "owned_by")


@must("models-ids-unique", docs("models/list", "the model identifier, which can be referenced in the API endpoints"))
def ids_unique(models: ModelList) -> Findings:
    """No two models of the list have the same id."""
    data = models.value.get("data") if isinstance(models.value, dict) else None
    ids = [item["id"] for item in data if isinstance(item, dict) and "id" in item] if isinstance(data, list) else []
    seen: list[object] = []
    for value in ids:
        if value in seen:
            yield models, "each id once", show(value)
        seen.append(value)


@fault("models-id-repeated", golden="models", trips={"models-ids-unique"})
def id_repeated(transcript: Transcript) -> Transcript:
    """The list names its first model twice."""
    return edit_json(transcript, lambda body: body["data"].append(body["data"][0]))


@should(
    "models-retrieved-as-listed",
    docs("models/retrieve", "retrieves a model: its basic information"),
    needs="model",
)
def retrieved_as_listed(retrieval: Retrieval) -> Findings:
    """A listed model is told of alone as in the list, whether or not its id is percent-encoded in the path.

    More may be told of it, and its time of creation is that of the answer for some.
    """
    listed, told = ({key: each.get(key) for key in SAME} for each in (retrieval.listed, retrieval.told))
    if retrieval.answer.status == 404:
        yield retrieval, f"the model {show(retrieval.listed['id'])}", "404, though another listed model is found"
    elif told != listed:
        yield retrieval, show(listed), show(told)


@fault("models-retrieved-otherwise", golden="model-plain", trips={"models-retrieved-as-listed"}, beside=("models",))
def retrieved_otherwise(transcript: Transcript) -> Transcript:
    """A model belongs to somebody else when it is asked for alone."""
    return edit_json(transcript, lambda body: body.update(owned_by="somebody else"))


@fault(
    "models-encoded-id-not-found",
    golden="model-encoded",
    trips={"models-retrieved-as-listed"},
    beside=("models", "model-plain"),
)
def encoded_not_found(transcript: Transcript) -> Transcript:
    """A listed model is not found where its id is percent-encoded."""
    return replace(
        with_header(goldens.load("model-not-listed"), "x-request-id", "req_as_if"), request=transcript.request
    )


@must(
    "models-unknown-not-found",
    docs("error-codes", "404: the model does not exist"),
    needs="model",
)
def unknown_not_found(answer: UnknownId) -> Findings:
    """A model that does not exist is answered by 404."""
    if answer.status != 404:
        yield answer, "404", str(answer.status)


@fault("models-unknown-found", golden="model-not-listed", trips={"models-unknown-not-found"})
def unknown_found(transcript: Transcript) -> Transcript:
    """A model that does not exist is made up."""
    return replace(with_header(goldens.load("model-plain"), "x-request-id", "req_as_if"), request=transcript.request)


@should("models-listed-usable", quality("the list is what users choose from"))
def listed_usable(answer: ListedInUse) -> Findings:
    """A listed model can be asked for: no request that names it is refused because of an unknown model."""
    if code(answer) == "model_not_found":
        yield answer, "an answer of a listed model", f"{answer.status} model_not_found"


@fault("models-listed-unknown", golden="model-unknown", trips={"models-listed-usable"}, beside=("models",))
def listed_unknown(transcript: Transcript) -> Transcript:
    """A listed model is not known when it is asked for."""
    [models] = ModelList.among([goldens.load("models")])
    named = transcript.request.json | {"model": models.value["data"][0]["id"]}
    return replace(transcript, request=replace(transcript.request, json=named))

"""The list of models: what the schema cannot say in a place of its own."""

from __future__ import annotations

from conformance.json_text import show
from conformance.mutation import edit_json
from conformance.requirement import Findings, fault, must
from conformance.transcript import Transcript
from conformance.views import ModelList
from conformance.warrant import docs


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

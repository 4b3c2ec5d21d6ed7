"""The schemas against the types of the installed `openai` package: an upgrade that adds or changes a field is noticed."""

import types
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

import pytest
from openai.types import Completion, CompletionUsage, CreateEmbeddingResponse, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionTokenLogprob
from pydantic import BaseModel

from conformance.schema import bundle

MODELS: dict[str, type[BaseModel]] = {
    "chat.completion.chunk": ChatCompletionChunk,
    "chat.completion": ChatCompletion,
    "usage": CompletionUsage,
    "logprob": ChatCompletionTokenLogprob,
    "text_completion": Completion,
    "embeddings.list": CreateEmbeddingResponse,
    "model": Model,
}
# Fields of the package that no requirement is about, by the last part of their path, and why.
UNJUDGED = {
    "moderation": "sent only where moderation was asked for",
    "audio": "streamed audio is not judged",
    "function_call": "deprecated; its text is judged as payload of a delta",
    "custom": "custom calls are legal; what is in them is the caller's",
    "url_citation": "what is in an annotation is not judged",
}
# The same, by the whole path.
UNJUDGED_PATHS = {
    "text_completion/system_fingerprint": "legacy completions have none on the wire",
    **dict.fromkeys(
        (
            f"{name}/choices/logprobs/refusal/{key}"
            for name in ("chat.completion", "chat.completion.chunk")
            for key in ("token", "logprob", "bytes", "top_logprobs")
        ),
        "entries of a refusal are no more than those of a content, of which hardly any was ever seen",
    ),
}
# The package lists words that no answer may use.
NARROWER = {"role": "an answer is the assistant's"}
# Fields of the package whose contents the schemas leave open.
OPEN = {"annotations", "metadata", "top_logprobs", "audio"}
# The package requires these; the schemas do not, and why.
LOOSER = {
    "created": "a requirement of its own grades a chunk without it",
    "finish_reason": "a requirement of its own asks for the key",
    "logprobs": "absent on the wire for reasoning models",
    "function": "absent in custom calls, which are of another type",
    "object": "a requirement of its own grades it",
}


class Field(NamedTuple):
    """A place of a wire object: whether it must be there, and the words allowed, if they are listed."""

    required: bool
    words: frozenset[str]


def of_model(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, Field]]:
    for name, info in model.model_fields.items():
        yield f"{path}/{name}", Field(info.is_required(), frozenset(words(info.annotation)))
        for nested in models(info.annotation):
            if name not in OPEN:
                yield from of_model(nested, f"{path}/{name}")


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is not dict:
        for part in get_args(annotation):
            yield from models(part)


def words(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from (word for word in get_args(annotation) if isinstance(word, str))
    elif get_origin(annotation) in (Union, types.UnionType, None):
        for part in get_args(annotation):
            yield from words(part)


def of_schema(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, Field]]:
    for name, child in schema.get("properties", {}).items():
        listed = child.get("enum", [child["const"]] if "const" in child else [])
        yield f"{path}/{name}", Field(name in schema.get("required", ()), frozenset(w for w in listed if w))
        for nested in (child, child.get("items", {})):
            yield from of_schema(nested, f"{path}/{name}")


def last(path: str) -> str:
    return path.rpartition("/")[2]


@pytest.mark.parametrize("name", MODELS)
def test_the_schemas_have_the_fields_of_the_package(name: str) -> None:
    package, ours = dict(of_model(MODELS[name])), dict(of_schema(bundle(name)))
    new = {path for path in package if path not in ours and not set(path.split("/")) & UNJUDGED.keys()}
    new -= {path for path in new if f"{name}{path}" in UNJUDGED_PATHS}
    assert new == set(), "fields that the package has gained"
    assert {path for path in ours if path not in package} == set(), "fields that the package has lost"


@pytest.mark.parametrize("name", MODELS)
def test_the_words_and_the_duties_are_those_of_the_package(name: str) -> None:
    package = dict(of_model(MODELS[name]))
    for path, field in of_schema(bundle(name)):
        if field.words and package[path].words and last(path) not in NARROWER:
            assert package[path].words <= field.words | {"custom"}, path
        if package[path].required and not field.required:
            assert last(path) in LOOSER, path

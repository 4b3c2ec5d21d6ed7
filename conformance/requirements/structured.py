"""Forced formats: text that has to be JSON, or JSON of a schema."""

from __future__ import annotations

from typing import Any

from conformance.json_text import show
from conformance.mutation import edit_chunk, edit_json
from conformance.requirement import Findings, fault, must, should
from conformance.transcript import Transcript
from conformance.views.structured import JSONTurn, SchemaTurn, StrictSchemaTurn, disagreement
from conformance.warrant import bug, docs, quality

CREATE = "chat/create"


def _say(text: str) -> Any:
    return lambda body: body["choices"][0]["message"].update(content=text)


@must(
    "format-json-object",
    docs(CREATE, "json_object ensures that the message the model generates is valid JSON"),
    quality("accepted and ignored: code that parses the text fails"),
    needs="json_object",
)
def json_object(turn: JSONTurn) -> Findings:
    """With response_format json_object the text of an answer that stopped by itself is a JSON object."""
    if turn.text.error or not isinstance(turn.text.value, dict):
        yield turn, "a JSON object", f"{show(turn.content)}: {turn.text.error or 'another value'}"


@fault("format-json-in-fence", golden="chat-whole-json", trips={"format-json-object"})
def in_fence(transcript: Transcript) -> Transcript:
    """The JSON stands in a Markdown fence."""
    return edit_json(transcript, _say('```json\n{"city": "Oslo"}\n```'))


@fault("format-json-brace-lost", golden="chat-stream-json", trips={"format-json-object"})
def brace_lost(transcript: Transcript) -> Transcript:
    """The opening brace is lost in the stream."""
    return edit_chunk(transcript, 1, lambda chunk: chunk["choices"][0]["delta"].update(content=" "))


@must(
    "format-schema-strict",
    docs(CREATE, "strict: the model will always follow the exact schema"),
    quality("accepted and ignored: code that relies on the schema fails"),
    needs="json_schema",
)
def schema_strict(turn: StrictSchemaTurn) -> Findings:
    """With a strict json_schema the text of an answer that stopped by itself is JSON that satisfies the schema."""
    if wrong := disagreement(turn):
        yield turn, "JSON that satisfies the schema", wrong


@fault("format-schema-strict-ignored", golden="chat-stream-schema-strict", trips={"format-schema-strict"})
def schema_strict_ignored(transcript: Transcript) -> Transcript:
    """The name of a property is changed in the stream."""
    return edit_chunk(transcript, 3, lambda chunk: chunk["choices"][0]["delta"].update(content="x"))


@should(
    "format-schema-loose",
    docs(CREATE, "json_schema ensures that the model will match the supplied schema"),
    bug("https://github.com/vllm-project/vllm/issues/50938"),
    bug("https://github.com/vllm-project/vllm/issues/50948"),
    needs="json_schema",
)
def schema_loose(turn: SchemaTurn) -> Findings:
    """With a json_schema that is not strict the text is JSON that satisfies the schema."""
    if wrong := disagreement(turn):
        yield turn, "JSON that satisfies the schema", wrong


@fault("format-schema-ignored", golden="chat-whole-schema", trips={"format-schema-loose"})
def schema_ignored(transcript: Transcript) -> Transcript:
    """A sentence stands in front of the JSON."""
    return edit_json(transcript, _say('Here it is: {"city": "Oslo", "large": true}'))

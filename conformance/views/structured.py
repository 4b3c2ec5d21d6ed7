"""Turns whose text has to be JSON, because the request asks for that."""

from __future__ import annotations

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry

from conformance.json_text import JSONText, parse, show
from conformance.views.turn import Turn


class FormattedTurn(Turn):
    """A turn of text that ended by itself, in answer to a request with a response format."""

    kind = ""

    def _fits(self) -> bool:
        spoken = self.finish_reason == "stop" and not self.called and not self.refused
        return spoken and self.format.get("type") == self.kind

    @property
    def format(self) -> dict[str, Any]:
        """Return the response format of the request."""
        asked = self.request.get("response_format")
        return asked if isinstance(asked, dict) else {}

    @property
    def text(self) -> JSONText:
        """Return the text as JSON."""
        return parse(self.content)


class JSONTurn(FormattedTurn):
    """Such a turn where any JSON object will do."""

    kind = "json_object"


class SchemaTurn(FormattedTurn):
    """Such a turn where a schema is given, though not strictly."""

    kind = "json_schema"

    def _fits(self) -> bool:
        return FormattedTurn._fits(self) and legal(self.schema) and not self.strict

    @property
    def strict(self) -> bool:
        """Tell whether the schema is strict."""
        described = self.format.get("json_schema")
        return isinstance(described, dict) and described.get("strict") is True

    @property
    def schema(self) -> Any:
        """Return the schema."""
        described = self.format.get("json_schema")
        return described.get("schema") if isinstance(described, dict) else None


class StrictSchemaTurn(SchemaTurn):
    """Such a turn where a schema is given, and strict."""

    def _fits(self) -> bool:
        return FormattedTurn._fits(self) and legal(self.schema) and self.strict


@cache
def _nothing_fetched() -> Registry[Any]:
    return Registry()


def legal(schema: Any) -> bool:
    """Tell whether something is a JSON schema."""
    try:
        Draft202012Validator.check_schema(schema)
    except Exception:  # noqa: BLE001 - one too deep, or with a pattern that is none
        return False
    return isinstance(schema, dict)


def mismatch(schema: Any, value: Any) -> str:
    """Return in one line why a value does not fit a client's schema, "" where it does or where nobody can tell."""
    try:
        error = best_match(Draft202012Validator(schema, registry=_nothing_fetched()).iter_errors(value))
        place = "/".join(map(str, error.absolute_path)) if error else ""
        return f"{place or 'the value'}: {error.message[:100]}" if error else ""
    except Exception:  # noqa: BLE001 - a schema that is broken, or refers to what we do not have, proves nothing
        return ""


def disagreement(turn: SchemaTurn) -> str:
    """Return why the text is not what the schema asks for."""
    if turn.text.error:
        return f"{show(turn.content)}: {turn.text.error}"
    return mismatch(turn.schema, turn.text.value)

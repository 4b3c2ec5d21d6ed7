"""From messages to the text that the model reads, by the chat template of its file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.parser
import jinja2.sandbox

from reference_server.chat.request import Message, Tool

CHATML = """\
{%- for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


class TemplateError(ValueError):
    """The template refuses the messages, or is broken."""


class _Generation(jinja2.ext.Extension):
    """The block that marks what the model said, for those who train it."""

    tags = {"generation"}  # noqa: RUF012 - as jinja2 declares it

    def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class Template:
    """A chat template with the names that such templates expect."""

    def __init__(self, source: str | None, start_and_end: Sequence[str]) -> None:
        # Blocks are trimmed as in the library that set the custom: templates are written for it. Some add to lists.
        environment = jinja2.sandbox.SandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _Generation]
        )
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = lambda form: datetime.now(UTC).strftime(form)
        self._names = dict(zip(("bos_token", "eos_token"), start_and_end, strict=True))
        try:
            self._template = environment.from_string(source or CHATML)
        except (jinja2.TemplateError, RecursionError) as error:
            raise TemplateError(f"the chat template of the model is broken: {_line(error)}") from error

    def render(self, messages: Sequence[Message], tools: Sequence[Tool] = ()) -> str:
        """Write the conversation down, up to where the model goes on.

        Raises TemplateError where the template does not take these messages.
        """
        failed: Exception | None = None
        for names in _spellings(messages, tools):
            try:
                return self._template.render(**names, add_generation_prompt=True, **self._names)
            except Exception as error:  # noqa: BLE001 - a template is somebody else's program, and may raise anything
                failed = failed or error
        raise TemplateError(f"the chat template of the model refuses these messages: {_line(failed)}") from failed


def _spellings(messages: Sequence[Message], tools: Sequence[Tool]) -> Iterator[dict[str, Any]]:
    """Give the ways to pass a conversation: custom first, then what some templates take instead."""
    offered: dict[str, Any] = {"tools": [dict(tool.declaration) for tool in tools] or None}
    for said in ([dict(message) for message in messages], [_with_written_arguments(message) for message in messages]):
        yield {"messages": said, **offered}
        if not tools:
            yield {"messages": said}


def _with_written_arguments(message: Message) -> dict[str, Any]:
    if not message.get("tool_calls"):
        return dict(message)
    calls = [
        {**call, "function": {**call["function"], "arguments": _to_json(call["function"]["arguments"])}}
        for call in message["tool_calls"]
    ]
    return {**message, "tool_calls": calls}


def _to_json(
    value: Any, indent: int | None = None, separators: tuple[str, str] | None = None, **options: object
) -> str:
    sort = bool(options.get("sort_keys"))
    return json.dumps(value, ensure_ascii=False, indent=indent, separators=separators, sort_keys=sort, default=_plain)


def _plain(value: Any) -> Any:
    """Give filters' results, which come one by one, as a list; what is undefined as null."""
    if isinstance(value, jinja2.Undefined):
        return None
    return dict(value) if isinstance(value, Mapping) else list(value)


def _line(error: Exception | None) -> str:
    return " ".join(str(error).split())


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)

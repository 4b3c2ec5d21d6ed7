"""From messages to the text that the model reads, by the chat template of its file."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from reference_server.chat.request import ChatRequest

CHATML = """\
{%- for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


class TemplateError(ValueError):
    """The template refuses the messages, or is broken."""


class Template:
    """A chat template with the names that such templates expect."""

    def __init__(self, source: str | None, start_and_end: Sequence[str]) -> None:
        # As in the library that set the custom: templates are written for these two.
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = lambda form: datetime.now(UTC).strftime(form)
        self._names = dict(zip(("bos_token", "eos_token"), start_and_end, strict=True))
        try:
            self._template = environment.from_string(source or CHATML)
        except jinja2.TemplateError as error:
            raise TemplateError(f"the chat template of the model is broken: {error}") from error

    def render(self, request: ChatRequest) -> str:
        """Write the conversation down, up to where the model goes on.

        Raises TemplateError where the template does not take these messages.
        """
        tools = [dict(tool.declaration) for tool in request.tools.offered] if request.tools.active else None
        try:
            return self._template.render(
                messages=[dict(message) for message in request.messages],
                tools=tools,
                add_generation_prompt=True,
                **self._names,
            )
        except (jinja2.TemplateError, TypeError, ValueError) as error:
            raise TemplateError(f"the chat template of the model refuses these messages: {error}") from error


def _to_json(value: Any, indent: int | None = None, **_: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _refuse(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)

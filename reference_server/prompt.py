"""From a request to what the model reads: the chat template, and what keeps a client's text from being taken for it."""

import json
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from reference_server.chat.request import ChatRequest, Message, Tool
from reference_server.template import Template, TemplateError
from reference_server.text.hermes import CLOSE, OPEN
from reference_server.text.reasoning import CLOSE as END_OF_THOUGHT
from reference_server.text.reasoning import OPEN as THOUGHT

_MARKS = range(0xF0000, 0xFFFFE)
"""Private characters, of which one that the request does not use marks the places to cut."""

_SAMPLE = Tool("sample", {"type": "function", "function": {"name": "sample", "description": "", "parameters": {}}}, {})


@dataclass(frozen=True)
class WrittenPrompt:
    """What the model reads."""

    pieces: tuple[str, ...]
    """To be turned into tokens each for itself; some vocabularies put a blank before each."""
    thinking: bool
    """The template has opened the reasoning already."""


class Prompts:
    """Writes conversations down for one model."""

    def __init__(self, template: Template, controls: Iterable[str]) -> None:
        """Take the template and the texts of the control tokens."""
        self._template, self._controls = template, frozenset(controls)
        self._lengths = sorted({len(word) for word in self._controls}, reverse=True)
        first = "".join(sorted({re.escape(word[0]) for word in self._controls}))
        self._candidates = re.compile(f"[{first}]") if first else re.compile(r"(?!)")
        self._hermes = self._knows_hermes()

    def write(self, request: ChatRequest, *, form: bool = False) -> WrittenPrompt:
        """Write a conversation down; `form`: the answer is forced from its start. Raises TemplateError."""
        offered = request.tools.offered if request.tools.active else ()
        try:
            mark = self._mark([*request.messages, *(tool.declaration for tool in offered)])
            messages = [self._guarded(message, mark) for message in request.messages]
            tools = [replace(tool, declaration=self._cut(tool.declaration, mark, self._controls)) for tool in offered]
        except RecursionError as error:
            raise TemplateError("they are nested too deep") from error
        text = self._render(messages, tools)
        thinking = text.rstrip().endswith(THOUGHT)
        if thinking and form:
            text, thinking = f"{text.rstrip()}\n\n{END_OF_THOUGHT}\n\n", False
        return WrittenPrompt(tuple(text.split(mark)) if mark else (text,), thinking)

    def _render(self, messages: Sequence[Message], offered: Sequence[Tool]) -> str:
        if self._hermes:
            return self._template.render(messages, offered)
        if not offered and not any(message["role"] == "tool" or message.get("tool_calls") for message in messages):
            return self._template.render(messages)
        plain = [_without_calls(message) for message in messages]
        if not offered:
            return self._template.render(_alternating(plain))
        declared = "\n".join(json.dumps(tool.declaration, ensure_ascii=False) for tool in offered)
        instructions = _instructions(declared)
        try:
            return self._template.render(_alternating([{"role": "system", "content": instructions}, *plain]))
        except TemplateError:  # it takes no system message
            return self._template.render(_alternating([{"role": "user", "content": instructions}, *plain]))

    def _knows_hermes(self) -> bool:
        """Tell whether the template describes tools in the way in which answers are read."""
        try:
            text = self._template.render([{"role": "user", "content": "hello"}], [_SAMPLE])
        except TemplateError:
            return False
        return OPEN in text and '"name"' in text and '"arguments"' in text

    def _mark(self, written: Sequence[Mapping[str, Any]]) -> str:
        """Find a character for the places to cut; none where there is nothing to cut."""
        texts = [json.dumps(each, ensure_ascii=False) for each in written]
        if not any(self._places(text, self._controls) for text in texts):
            return ""
        used = set().union(*texts)
        for number in _MARKS:
            if chr(number) not in used:
                return chr(number)
        raise TemplateError("they use every private character of Unicode")

    def _places(self, text: str, words: Container[str]) -> list[int]:
        return [
            place
            for place in (found.start() for found in self._candidates.finditer(text))
            if any(text[place : place + length] in words for length in self._lengths)
        ]

    def _guarded(self, message: Message, mark: str) -> dict[str, Any]:
        """Cut control words of a client's text in two, so that no token stands for them any more.

        What the model said may have thoughts and calls, which are written as it writes them.
        """
        said = self._controls - {OPEN, CLOSE, THOUGHT, END_OF_THOUGHT} if message["role"] == "assistant" else None
        return {
            key: self._cut(value, mark, said if key == "content" and said is not None else self._controls)
            for key, value in message.items()
        }

    def _cut(self, value: Any, mark: str, words: Container[str]) -> Any:
        """Cut some words in all strings of a value."""
        if not mark:
            return value
        if isinstance(value, Mapping):
            return {self._cut(key, mark, words): self._cut(inner, mark, words) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._cut(inner, mark, words) for inner in value]
        if not isinstance(value, str):
            return value
        places = [0, *(place + 1 for place in self._places(value, words)), len(value)]
        return mark.join(value[start:stop] for start, stop in pairwise(places))


def _instructions(declared: str) -> str:
    return f"""\
You may call functions. Their signatures are within <tools></tools>:
<tools>
{declared}
</tools>
For each call answer with its name and its arguments as JSON within {OPEN}{CLOSE}:
{OPEN}
{{"name": NAME, "arguments": ARGUMENTS}}
{CLOSE}"""


def _without_calls(message: Mapping[str, Any]) -> dict[str, Any]:
    """Write calls and their results as text, for a template that knows neither."""
    if message["role"] == "tool":
        return {"role": "user", "content": f"<tool_response>\n{message['content']}\n</tool_response>"}
    if calls := message.get("tool_calls"):
        written = "\n".join(
            f"{OPEN}\n{json.dumps(_named(call['function']), ensure_ascii=False)}\n{CLOSE}" for call in calls
        )
        return {"role": "assistant", "content": f"{message['content']}\n{written}".lstrip()}
    return dict(message)


def _named(function: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": function["name"], "arguments": function["arguments"]}


def _alternating(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Join what neighbours of one role say: many templates demand that the roles take turns."""
    joined: list[dict[str, Any]] = []
    for message in messages:
        if joined and joined[-1]["role"] == message["role"]:
            joined[-1] = {**joined[-1], "content": f"{joined[-1]['content']}\n{message['content']}"}
        else:
            joined.append(dict(message))
    return joined

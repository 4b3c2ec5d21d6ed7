"""A chat request as the rest of the server sees it: complete, checked, without anything optional left open."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reference_server.engine.sampling import Sampling

Message = Mapping[str, Any]
"""A message as chat templates expect it: role, content (text), tool_calls with parsed arguments."""


@dataclass(frozen=True)
class Tool:
    """A function that the model may call."""

    name: str
    declaration: Mapping[str, Any]
    """As the client wrote it."""
    parameters: Mapping[str, Any]
    strict: bool = False


@dataclass(frozen=True)
class Tools:
    """What the request says of functions."""

    offered: tuple[Tool, ...] = ()
    choice: str = "auto"
    """auto, none, required or named."""
    named: str | None = None
    parallel: bool = True

    @property
    def active(self) -> bool:
        """Tell whether the answer may hold calls."""
        return bool(self.offered) and self.choice != "none"


@dataclass(frozen=True)
class Format:
    """The form that the text must have."""

    schema: Mapping[str, Any]
    strict: bool = False


@dataclass(frozen=True)
class ChatRequest:
    """What a client asks of `/v1/chat/completions`."""

    model: str
    messages: tuple[Message, ...]
    stream: bool = False
    include_usage: bool = False
    include_obfuscation: bool = False
    n: int = 1
    stops: tuple[str, ...] = ()
    limit: int | None = None
    sampling: Sampling = field(default_factory=Sampling)
    top_logprobs: int | None = None
    """None: no log probabilities at all."""
    tools: Tools = field(default_factory=Tools)
    format: Format | None = None

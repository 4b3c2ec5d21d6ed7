"""Probes: the requests we make, what features each asks, and how we read the answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from json import dumps
from typing import Any

from conformance.features import endpoint, features
from conformance.transcript import Request


@dataclass(frozen=True)
class Probe:
    """One request as data, without the model and the address of a target.

    `text` replaces the body where its form matters; `$MODEL` in it stands for the model as JSON, and a lone surrogate
    U+DC80 to U+DCFF for a byte that is no UTF-8. `headers` are sent beside, or instead of, the usual ones. A `literal`
    body goes out as it is, even if the model was found to refuse one of its parameters. `group` ties probes that are
    judged together. A `core` probe is small and of use to nearly every requirement: those that name no feature are
    exercised by the core alone. `cancel_after` is the number of events after which we leave; None reads the answer to
    its end. `fixed_model` keeps the model of the body. `key` is sent in place of the target's API key, once, and only
    where the target has one.
    """

    name: str
    path: str = "/chat/completions"
    method: str = "POST"
    json: Mapping[str, Any] | None = None
    text: str | None = None
    group: str = ""
    core: bool = False
    cancel_after: int | None = None
    fixed_model: bool = field(default=False, kw_only=True)
    headers: tuple[tuple[str, str], ...] = field(default=(), kw_only=True)
    literal: bool = field(default=False, kw_only=True)
    key: str = field(default="", kw_only=True)

    @property
    def endpoint(self) -> str:
        """Return the endpoint it asks: `chat`, `models`, ..."""
        return endpoint(self.path)

    @property
    def wants_stream(self) -> bool:
        """Tell whether it asks for server-sent events."""
        return self.json is not None and self.json.get("stream") is True

    @cached_property
    def asks(self) -> frozenset[str]:
        """Return the features of its request, which requirements may need."""
        return features(self.request())

    def request(self, *, model: str = "model", prefix: str = "", extra: Mapping[str, Any] | None = None) -> Request:
        """Return the request for a model of a target under a path prefix; `extra` is merged into the body."""
        body = None
        if self.json is not None:
            named = {} if self.fixed_model else {"model": model}
            body = named | dict(self.json) | dict(extra or {})
        text = None if self.text is None else self.text.replace("$MODEL", dumps(model))
        return Request(method=self.method, path=f"{prefix}{self.path}", headers=self.headers, json=body, text=text)


def wanted(probes: Iterable[Probe], needs: Iterable[frozenset[str]]) -> list[Probe]:
    """Return the probes that exercise at least one of the requirements with these needs, in their order.

    Those of a group are compared with each other, so that all of it is wanted where one is.
    """
    probes, needs = list(probes), set(needs)
    core = frozenset() in needs
    named = needs - {frozenset()}
    asked = [probe for probe in probes if (core and probe.core) or any(need <= probe.asks for need in named)]
    groups = {probe.group for probe in asked} - {""}
    return [probe for probe in probes if probe in asked or probe.group in groups]

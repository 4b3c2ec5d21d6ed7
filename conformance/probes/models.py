"""Questions about models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from conformance.probe import Probe
from conformance.transcript import Request

UNKNOWN = "/models/no-such-model-conformance"


@dataclass(frozen=True)
class ModelProbe(Probe):
    """A request about the model in use, whose id ends the path; `safe`: characters that are not percent-encoded."""

    safe: str = field(default="", kw_only=True)

    @property
    def endpoint(self) -> str:
        """Return the endpoint of single models."""
        return "model"

    def request(self, *, model: str = "model", prefix: str = "", extra: Mapping[str, Any] | None = None) -> Request:
        """Return the request for a model."""
        request = super().request(model=model, prefix=prefix, extra=extra)
        return replace(request, path=f"{request.path}/{quote(model, safe=self.safe)}")


LIST = Probe("models", path="/models", method="GET", core=True, group="models")

# Each is to be refused.
REFUSED = (Probe("model-not-listed", path=UNKNOWN, method="GET"),)
PROBES = (
    LIST,
    ModelProbe("model-encoded", path="/models", method="GET", group="models"),
    ModelProbe("model-plain", path="/models", method="GET", safe="/:@", group="models"),
    *REFUSED,
)

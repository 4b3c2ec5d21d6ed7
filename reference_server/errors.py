"""Refusals: what the server says instead of an answer."""

from collections.abc import Mapping
from dataclasses import dataclass

LONGEST = 200
"""Characters of what a client sent that an error repeats."""


def shown(value: object) -> str:
    """Give what a client sent for an error message: its beginning, where it is long."""
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


class GoneError(Exception):
    """The client has gone away; there is nobody to tell."""


class RequestError(Exception):
    """A request that is refused, with all that the client is told of the reason."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        status: int = 400,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.headers: Mapping[str, str] = {}
        self.error = Error(message, param=param, code=code, kind=kind)
        self.status = status


@dataclass(frozen=True)
class Error:
    """The error object as OpenAI writes it; all four keys are always there."""

    message: str
    param: str | None = None
    code: str | None = None
    kind: str = "invalid_request_error"

    def body(self) -> dict[str, dict[str, str | None]]:
        """Give the JSON document that a client gets."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}


class BusyError(RequestError):
    """The queue is full; the client may come back."""

    def __init__(self) -> None:
        message = "The server is busy: its queue is full. Please try again later."
        super().__init__(message, code="rate_limit_exceeded", status=429, kind="rate_limit_error")
        self.headers = {"retry-after": "1"}


def unsupported(param: str, what: str = "") -> RequestError:
    """Refuse what the API knows and this server does not do."""
    message = what or f"Unsupported parameter: '{param}' is not supported by this server."
    return RequestError(message, param=param, code="unsupported_parameter")


def unknown_model(name: str) -> RequestError:
    """Refuse a model that is not served here."""
    message = f"The model '{shown(name)}' does not exist or you do not have access to it."
    return RequestError(message, code="model_not_found", status=404)

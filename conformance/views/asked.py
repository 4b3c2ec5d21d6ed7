"""What the request of an answer asks for."""

from __future__ import annotations

from typing import Any

from conformance.transcript import Request, Transcript

LIMITS = ("max_tokens", "max_completion_tokens")
TWINS = "twins"
"""What the names of groups begin with whose requests are the same but for the stream."""


class Asked:
    """Something with a transcript, and what its request says."""

    transcript: Transcript

    @property
    def request(self) -> dict[str, Any]:
        """Return the request's JSON, empty where it is not known."""
        json = self.transcript.request.json
        return json if "request" in self.transcript.knows and isinstance(json, dict) else {}

    @property
    def n(self) -> int:
        """Return the number of choices asked for, 0 where the request is not known or wrong."""
        n = self.request.get("n") or 1
        return n if self.request and is_count(n) else 0

    @property
    def limits(self) -> list[int]:
        """Return the limits of tokens that the request names."""
        found = (self.request.get(name) for name in LIMITS)
        return [limit for limit in found if isinstance(limit, int) and is_count(limit) and limit > 0]

    @property
    def limit(self) -> int:
        """Return the number of tokens that each choice may have, 0 where the request names none, or two."""
        return self.limits[0] if len(self.limits) == 1 else 0

    @property
    def stops(self) -> list[str]:
        """Return the stop strings of the request."""
        return stop_strings(self.request)

    @property
    def prompt(self) -> str:
        """Return the messages of the request as text, to look for what a model may only quote."""
        return str(self.request.get("messages"))

    @property
    def options(self) -> dict[str, Any]:
        """Return the stream options of the request."""
        options = self.request.get("stream_options")
        return options if isinstance(options, dict) else {}


def stop_strings(request: dict[str, Any]) -> list[str]:
    """Return the stop strings that a request names, alone or in an array."""
    stops = request.get("stop")
    found = [stops] if isinstance(stops, str) else stops if isinstance(stops, list) else []
    return [stop for stop in found if isinstance(stop, str) and stop]


def is_count(value: object) -> bool:
    """Tell whether a value is an integer."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_repeatable(request: Request) -> bool:
    """Tell whether a request asks for the same answer every time, as far as one can."""
    body = request.json
    return isinstance(body, dict) and body.get("seed") is not None and body.get("temperature") == 0

"""Answers by what their headers are about."""

from __future__ import annotations

from conformance.transcript import Transcript
from conformance.views.answer import CompleteHead, FailedAnswer, Head


class Retriable(CompleteHead):
    """An answer that says that the server is busy, 429 or 503, rather than that a quota is used up."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        busy = transcript.status in (429, 503) and b"quota" not in transcript.body()[:4000].lower()
        return busy and CompleteHead._fits(transcript)


class Failing(Head):
    """An answer with a status of 400 or more, whose headers are known."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return FailedAnswer._fits(transcript) and Head._fits(transcript)


class Unauthorised(CompleteHead):
    """An answer with status 401, whose whole head is known."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        return transcript.status == 401 and CompleteHead._fits(transcript)


class Preflight(CompleteHead):
    """An answer to OPTIONS with an Origin: what a browser asks before it sends a request."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        known = CompleteHead._fits(transcript) and "request" in transcript.knows
        return known and transcript.request.method == "OPTIONS" and _from_a_page(transcript)

    @property
    def allowed(self) -> bool:
        """Tell whether the server lets pages of that origin in."""
        return 200 <= self.status < 300 and bool(self.values("access-control-allow-origin"))

    def wanted(self) -> list[str]:
        """Return the headers that the page wants to send."""
        asked = {name.lower(): value for name, value in self.transcript.request.headers}
        return asked.get("access-control-request-headers", "").lower().split(",")


class CrossOrigin(CompleteHead):
    """An answer to a request of a web page."""

    @classmethod
    def _fits(cls, transcript: Transcript) -> bool:
        known = CompleteHead._fits(transcript) and "request" in transcript.knows
        return known and transcript.request.method != "OPTIONS" and _from_a_page(transcript)


def _from_a_page(transcript: Transcript) -> bool:
    return any(name.lower() == "origin" for name, _ in transcript.request.headers)

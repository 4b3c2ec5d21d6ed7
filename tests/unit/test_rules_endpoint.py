"""Where the rules about whole endpoints draw their lines: one failure is no sign of an endpoint that is not there."""

from dataclasses import replace

import pytest
from rule_findings import found

from conformance import goldens
from conformance.requirements.accepted import refusal
from conformance.transcript import Transcript

ENDPOINTS = [
    ("completion-endpoint-no-5xx", "completion-whole", "completion-stream", "completion-stream-n"),
    ("embedding-endpoint-no-5xx", "embeddings-one", "embeddings-batch", "embeddings-dimensions"),
]


def failed(name: str, status: int = 500) -> Transcript:
    return refusal(goldens.load(name), status)


@pytest.mark.parametrize(("rule", "plain", "other", "special"), ENDPOINTS)
def test_an_endpoint_fails_where_every_plain_request_does(rule: str, plain: str, other: str, special: str) -> None:
    assert len(found(rule, failed(plain), failed(other))) == 1
    assert found(rule, failed(plain), goldens.load(other)) == []
    assert found(rule, failed(plain), failed(other, 404)) == []
    assert found(rule, failed(special)) == []


@pytest.mark.parametrize(("rule", "plain", "other", "special"), ENDPOINTS)
@pytest.mark.parametrize(("status", "count"), [(500, 1), (501, 0), (503, 0), (429, 0), (504, 0), (404, 0)])
def test_a_busy_or_a_frank_server_does_not_fail(
    rule: str, plain: str, other: str, special: str, status: int, count: int
) -> None:
    assert len(found(rule, failed(plain, status))) == count


@pytest.mark.parametrize(("rule", "plain", "other", "special"), ENDPOINTS)
def test_what_somebody_else_asked_proves_nothing(rule: str, plain: str, other: str, special: str) -> None:
    assert found(rule, replace(failed(plain), probe="")) == []

"""What a browser is told about pages of other origins, on every answer and after the Fetch standard."""

import asyncio
from types import SimpleNamespace

import httpx
import pytest

pytest.importorskip("starlette", reason="it belongs to the extra 'reference'")

from reference_server.errors import BusyError
from reference_server.http.app import application
from reference_server.http.body import LIMIT
from reference_server.service import ModelCard

PAGE = {"origin": "http://page.test:8080"}
KEY = "right"
READABLE = {"openai-processing-ms", "openai-version", "retry-after", "x-request-id"}
GOOD = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def ask(method, path, *, fails=None, key=None, **how):
    """Ask an application whose model answers every request by `fails`."""

    async def start(_):
        raise fails

    service = SimpleNamespace(
        card=ModelCard("m", 0), start=start, complete=start, embed=start, fingerprint="fp", healthy=True, work=None
    )
    transport = httpx.ASGITransport(application(service, key), raise_app_exceptions=False)

    async def run():
        async with httpx.AsyncClient(transport=transport, base_url="http://server.test") as client:
            return await client.request(method, path, **how)

    return asyncio.run(run())


def names(value):
    return {name.strip().lower() for name in value.split(",")}


@pytest.mark.parametrize("key", [None, KEY])
def test_a_preflight_is_answered_without_a_key(key):
    wanted = "authorization,content-type,x-stainless-os"
    headers = {**PAGE, "access-control-request-method": "POST", "access-control-request-headers": wanted}
    reply = ask("OPTIONS", "/v1/chat/completions", key=key, headers=headers)
    assert reply.is_success
    assert reply.headers["access-control-allow-origin"] == "*"
    # Named one by one: `*` covers every header but Authorization.
    assert names(wanted) <= names(reply.headers["access-control-allow-headers"])
    assert {"get", "post"} <= names(reply.headers["access-control-allow-methods"])
    assert int(reply.headers["access-control-max-age"]) > 0
    assert {"origin", "access-control-request-headers"} <= names(reply.headers["vary"])
    assert "access-control-allow-credentials" not in reply.headers


@pytest.mark.parametrize(
    ("status", "how"),
    [
        (200, {"method": "GET", "path": "/v1/models"}),
        (400, {"json": GOOD | {"temperature": 9}}),
        (400, {"content": b"{"}),
        (401, {"key": KEY, "json": GOOD}),
        (401, {"key": KEY, "json": GOOD, "headers": PAGE | {"authorization": "Bearer wrong"}}),
        (404, {"method": "GET", "path": "/v1/models/other"}),
        (404, {"path": "/v1/nope"}),
        (405, {"method": "GET"}),
        (413, {"content": b'"' + b"x" * LIMIT + b'"'}),
        (429, {"json": GOOD, "fails": BusyError()}),
        (500, {"json": GOOD, "fails": ZeroDivisionError()}),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else None,
)
def test_a_page_may_read_every_answer(status, how):
    reply = ask(**{"method": "POST", "path": "/v1/chat/completions", "headers": PAGE} | how)
    assert reply.status_code == status
    assert reply.headers["access-control-allow-origin"] == "*"
    assert names(reply.headers["access-control-expose-headers"]) >= READABLE
    assert "origin" in names(reply.headers["vary"])
    assert reply.headers["x-request-id"].startswith("req_")
    if status != 200:
        assert reply.json()["error"]["message"]


def test_who_is_no_page_is_told_nothing_of_it():
    reply = ask("GET", "/v1/models")
    assert not [name for name in reply.headers if name.startswith("access-control-")]

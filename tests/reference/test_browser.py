"""A page of another origin reads the stream with fetch, in a real browser that asks leave before (a preflight)."""

import functools
import http.server
import threading
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="it belongs to the extra 'reference'")

from reference_server.http.body import LIMIT

FOLDER = Path(__file__).parent / "javascript"
EMOJI = "Grüße, 世界 🌍 ñandú مرحبا 👩‍👩‍👧 and in pieces: é / 語 // 🦜 fin."
KEY = "the-right-key"
WHOLE = 4 * 1001


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def origin():
    """Another origin than the server's: the same host, but a port of its own."""
    handler = functools.partial(Quiet, directory=str(FOLDER))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as pages:
        thread = threading.Thread(target=pages.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{pages.server_address[1]}"
        pages.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def guarded(serve):
    """The URL of a server that has one place, no queue and a key."""
    with serve("--parallel", "1", "--queue", "0", "--api-key-env", "TEST_KEY", TEST_KEY=KEY) as (url, _):
        yield url


@pytest.fixture
def page(browser, origin):
    """The page, and the preflights that the browser sent for it."""
    context = browser.new_context()
    opened = context.new_page()
    opened.preflights = []
    network = context.new_cdp_session(opened)
    network.send("Network.enable")

    def watch(event):
        if event["request"]["method"] == "OPTIONS":
            opened.preflights.append(event["request"]["headers"])

    network.on("Network.requestWillBeSent", watch)
    opened.goto(f"{origin}/page.html")
    yield opened
    context.close()


def request(url, prompt, key=None, **parameters):
    body = {"model": "scripted", "messages": [{"role": "user", "content": prompt}], "stream": True, **parameters}
    return {"url": f"{url}/chat/completions", "key": key, "body": body}


def long(url, key=None):
    return request(url, "count", key, n=4, logprobs=True, top_logprobs=20)


def test_the_text_is_shown_as_the_server_made_it(page, server):
    seen = page.evaluate("ask", request(server.url, "emoji", "any-key"))
    assert (seen["status"], seen["type"]) == (200, "text/event-stream; charset=utf-8")
    assert (seen["text"], seen["rest"], seen["marker"]) == (EMOJI, "", True)
    assert page.locator("#text").text_content() == EMOJI
    assert seen["requestId"].startswith("req_")
    assert int(seen["took"]) >= 0


def test_the_browser_asks_leave_without_the_key_and_remembers_the_answer(page, guarded):
    for _ in range(2):
        seen = page.evaluate("ask", request(guarded, "hello", KEY))
        assert seen["status"] == 200
        assert seen["text"].startswith("Hello!")
    [preflight] = page.preflights
    names = {name.lower() for name in preflight}
    assert "authorization" not in names
    assert preflight["Access-Control-Request-Headers"] == "authorization,content-type"


@pytest.mark.parametrize(
    ("key", "parameters", "status", "code", "param"),
    [
        (None, {}, 401, "invalid_api_key", None),
        ("wrong", {}, 401, "invalid_api_key", None),
        (KEY, {"temperature": 9}, 400, "decimal_above_max_value", "temperature"),
        (KEY, {"model": "nope"}, 404, "model_not_found", None),
        (KEY, {"user": "x" * LIMIT}, 413, "body_too_large", None),
    ],
)
def test_the_page_reads_why_it_was_refused(page, guarded, key, parameters, status, code, param):
    seen = page.evaluate("ask", request(guarded, "hello", key, **parameters))
    assert seen["status"] == status
    assert (seen["error"]["code"], seen["error"]["param"]) == (code, param)
    assert seen["requestId"].startswith("req_")


def test_the_page_reads_when_to_come_back(page, serve):
    with serve("--parallel", "4", "--queue", "0") as (url, _):
        page.evaluate("begin", long(url))
        page.wait_for_function("document.getElementById('text').textContent.startsWith('1, 2')")
        seen = page.evaluate("ask", request(url, "hello"))
        page.evaluate("leaving.abort()")
    assert (seen["status"], seen["error"]["code"]) == (429, "rate_limit_exceeded")
    assert seen["retryAfter"] == "1"


def test_text_is_shown_while_more_is_made_and_an_abort_ends_the_work(page, server, metrics, at_rest):
    before = at_rest()["completion_tokens_total"]
    page.evaluate("begin", long(server.url))
    page.wait_for_function("document.getElementById('text').textContent.startsWith('1, 2')")
    assert metrics()["requests_running"] == 1
    page.evaluate("leaving.abort()")
    page.wait_for_function("ended")
    assert page.evaluate("ended").startswith("AbortError")
    assert 0 < at_rest()["completion_tokens_total"] - before < WHOLE


def test_closing_the_page_ends_the_work(page, server, at_rest):
    before = at_rest()["completion_tokens_total"]
    page.evaluate("begin", long(server.url))
    page.wait_for_function("document.getElementById('text').textContent.startsWith('1, 2')")
    page.close()
    assert 0 < at_rest()["completion_tokens_total"] - before < WHOLE


def test_a_shutdown_in_mid_stream_reaches_the_page(page, serve):
    with serve() as (url, process):
        page.evaluate("begin", long(url))
        page.wait_for_function("document.getElementById('text').textContent.startsWith('1, 2')")
        process.terminate()
        page.wait_for_function("ended")
    assert page.evaluate("ended") == "Error: The server is shutting down."

import pytest

from conformance.discovery import choose, models
from conformance.target import TargetError, parse
from conformance.transcript import Read, Request, Transcript


def target(url, environment=None, **options):
    return parse(url, environment=environment or {}, **options)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("https://example.test/api/openai", "https://example.test/api/openai"),
        ("https://example.test/v1/chat/completions", "https://example.test/v1"),
        (" HTTP://Example.test/v1#top", "http://example.test/v1"),
    ],
)
def test_a_base_url_is_normalised(given, url):
    assert target(given).url == url


def test_the_query_goes_with_every_request_and_its_values_are_never_shown():
    azure = target("https://example.test/openai/deployments/x?api-version=2024-10-21&sig=secret-signature")
    sent = azure.address(f"{azure.prefix}/chat/completions")
    assert sent == (
        "https://example.test/openai/deployments/x/chat/completions?api-version=2024-10-21&sig=secret-signature"
    )
    assert azure.label == "https://example.test/openai/deployments/x?api-version=***&sig=***"
    assert azure.secrets == {"secret-signature"}
    assert "secret-signature" not in repr(azure)


def test_user_and_password_become_a_header_and_leave_the_url():
    found = target("https://user:pass%40word@example.test/v1")
    assert found.url == "https://example.test/v1"
    assert found.headers == (("Authorization", "Basic dXNlcjpwYXNzQHdvcmQ="),)
    assert "pass@word" in found.secrets
    assert "dXNlcjpwYXNzQHdvcmQ=" in found.secrets
    assert "pass" not in repr(found)


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"environment": {"TARGET_API_KEY": "sk-mine"}}, (("Authorization", "Bearer wrong"),)),
        (
            {"headers": ["api-key: mine-mine", "X-Team: blue"]},
            (("X-Team", "blue"), ("api-key", "wrong")),
        ),
    ],
)
def test_another_key_takes_the_place_of_the_targets_in_the_header_that_bears_it(options, sent):
    found = target("https://example.test/v1", **options)
    assert found.keys
    assert found.with_key("wrong").headers == sent


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("https://example.test/v1", []),
        ("https://user:password@example.test/v1", []),  # the door of a proxy, say
        ("https://example.test/v1?sig=secret-signature", ["X-Team: blue"]),
    ],
)
def test_where_no_header_bears_a_key_there_is_none_to_replace(url, headers):
    found = target(url, headers=headers)
    assert found.keys == ()
    assert found.with_key("wrong") == found


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://example.test", "http://", "/v1", "http://x:port/v1", "http://[::1"]
)
def test_what_is_no_http_url_is_refused_in_one_line(url):
    with pytest.raises(TargetError) as caught:
        target(url)
    assert "\n" not in str(caught.value)
    assert "--target-url" in str(caught.value)


def test_a_url_that_is_refused_is_not_quoted_as_it_may_hold_a_password():
    with pytest.raises(TargetError) as caught:
        target("ftp://user:hidden-word@example.test")
    assert "hidden-word" not in str(caught.value)


def test_the_usual_key_is_sent_where_it_is_set():
    found = target("https://example.test/v1", {"TARGET_API_KEY": " sk-1234567 "})
    assert found.headers == (("Authorization", "Bearer sk-1234567"),)
    assert found.secrets == {"sk-1234567", "Bearer sk-1234567"}


def test_the_key_of_openai_goes_to_openai_alone():
    environment = {"OPENAI_API_KEY": "sk-openai-1"}
    assert target("https://api.openai.com/v1", environment).headers
    assert not target("https://api.openai.com.example.test/v1", environment).headers
    assert target("https://example.test/v1", environment, key_variable="OPENAI_API_KEY").headers


def test_a_named_variable_has_to_be_set():
    with pytest.raises(TargetError, match="MY_KEY"):
        target("https://example.test/v1", key_variable="MY_KEY")


def test_a_key_does_not_travel_unencrypted_to_another_machine():
    environment = {"TARGET_API_KEY": "sk-1234567"}
    with pytest.raises(TargetError, match="--target-allow-http-key") as caught:
        target("http://example.test/v1", environment)
    assert "sk-1234567" not in str(caught.value)
    assert target("http://example.test/v1", environment, allow_http_key=True).headers
    for host in ("127.0.0.1", "localhost", "[::1]", "127.3.2.1"):
        assert target(f"http://{host}:8000/v1", environment).headers
    with pytest.raises(TargetError, match="unencrypted"):
        target("http://example.test/v1", headers=["Authorization: Bearer abcdefgh"])
    with pytest.raises(TargetError, match="unencrypted"):
        target("http://u:p@example.test/v1")
    with pytest.raises(TargetError, match="unencrypted"):
        target("http://example.test/v1", {"PASS": "sesame-open"}, headers=["X-Auth: env:PASS"])


def test_headers_may_come_from_the_environment_and_are_secrets():
    found = target("https://example.test/v1", {"K": "key-of-azure"}, headers=["api-key: env:K", "X-Team: blue:1"])
    assert found.headers == (("api-key", "key-of-azure"), ("X-Team", "blue:1"))
    assert found.secrets == {"key-of-azure", "blue:1"}


def test_a_header_of_ones_own_replaces_the_key():
    found = target("https://example.test/v1", {"TARGET_API_KEY": "sk-1234567"}, headers=["Authorization: Token abc"])
    assert found.headers == (("Authorization", "Token abc"),)


@pytest.mark.parametrize(
    "header", ["no colon", ": value", "Bad Name: x", "Host: example.test", "X: env:NOT_SET", "X: a\nY: b", "X: \u00e9"]
)
def test_a_header_that_cannot_be_sent_is_refused(header):
    with pytest.raises(TargetError, match="--target-header"):
        target("https://example.test/v1", headers=[header])


@pytest.mark.parametrize(
    "body", ["{", "[]", "1", '{"model": "x"}', '{"messages": []}', "[" * 100_000, '{"a": NaN}', '{"a": "\\ud800"}']
)
def test_a_body_that_cannot_be_merged_is_refused(body):
    with pytest.raises(TargetError, match="--target-body"):
        target("https://example.test/v1", body=body)


def test_version_numbers_and_media_types_are_no_secrets_to_blot_out_of_answers():
    found = target("https://example.test/x?api-version=2024-10-21-preview", headers=["Accept: application/json"])
    assert not found.secrets


def answer(body, status=200, kind="application/json"):
    return Transcript(Request("GET", "/v1/models"), status, (("Content-Type", kind),), (Read(0.1, body),))


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"object": "list", "data": [{"id": "a"}, {"id": "a"}, {"id": "b"}]}', ["a", "b"]),
        (b'[{"id": "a"}]', ["a"]),
        (b'["a"]', ["a"]),
        (b'{"models": [{"name": "a"}]}', ["a"]),
        (b'{"data": []}', []),
        (b'{"data": [1, null, {"id": 5}, {}]}', []),
        (b'{"data": null}', None),
        (b"{}", None),
        (b"<html>", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
    ],
)
def test_model_lists_are_read_with_patience(body, found):
    assert models(answer(body)) == found


@pytest.mark.parametrize(
    ("transcript", "words"),
    [
        (answer(b'{"data": [{"id": "a"}, {"id": "b"}]}'), ["a, b", "--target-model=a"]),
        (answer(b'{"data": []}'), ["no model", "--target-model"]),
        (answer(b"", 404), ["404", "--target-model"]),
        (answer(b"<!doctype html>", kind="text/html"), ["HTML instead of JSON"]),
        (answer(b"{}", 401), ["401", "TARGET_API_KEY"]),
        (answer(b"", 307), ["307", "--target-url"]),
        (answer(b'{"ok": "\x1b[2J"}'), ["none", "--target-model"]),
    ],
)
def test_what_stands_in_the_way_of_a_model_is_said_with_the_way_out(transcript, words):
    with pytest.raises(TargetError) as caught:
        choose(transcript, "http://example.test/v1")
    assert all(word in str(caught.value) for word in words)
    assert str(caught.value).isprintable()

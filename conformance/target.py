"""Targets: where a server is, what has to be sent with every request, and what of that must never be written down."""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from conformance.transcript import SECRET_HEADERS

KEY_VARIABLE = "TARGET_API_KEY"
KEY_HINT = f"put the API key into the environment variable {KEY_VARIABLE}, or name one with --target-api-key-env"
OWN_FIELDS = frozenset({"messages", "model", "stream"})  # of a body: what makes a probe the probe it is
OWN_HEADERS = frozenset({"content-length", "transfer-encoding", "host", "connection"})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VERSION = re.compile(
    r"v?\d[\d.-]*(-?(preview|beta|alpha))?|[\w.+-]+/[\w.+*-]+"
)  # public by nature, as are media types
_FROM_ENV = re.compile(r":\s*env:")
_ENDPOINT = re.compile(r"/(chat/completions|completions|models|embeddings|responses)/?$")


class TargetError(ValueError):
    """The target cannot be used; the message is one line that says why and what to do."""


@dataclass(frozen=True)
class Target:
    """The base URL of a server, and what goes with each request.

    `url` is free of secrets and ends without a slash. `query`, the values of `headers` and `userinfo` are secrets.
    """

    url: str
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: Mapping[str, Any] = field(default_factory=dict)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    model: str = ""
    ca: str | None = None
    proxy: str | None = field(default=None, repr=False)

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """Return those of the headers that bear the API key."""
        return tuple(header for header in self.headers if _bears_key(*header))

    def with_key(self, key: str) -> Target:
        """Return this target with another API key, in the headers that bear its own."""
        others = ((name, f"Bearer {key}" if name.lower() == "authorization" else key) for name, _ in self.keys)
        return replace(self, headers=(*(header for header in self.headers if header not in self.keys), *others))

    @property
    def prefix(self) -> str:
        """Return the path of the base URL, which stands before the path of each probe."""
        return urlsplit(self.url).path

    @property
    def origin(self) -> str:
        """Return scheme, host and port."""
        return self.url.removesuffix(self.prefix) if self.prefix else self.url

    @property
    def label(self) -> str:
        """Return the URL as it may be shown: the names of its query stay, their values go."""
        return self.url + self.shown_query

    @property
    def shown_query(self) -> str:
        """Return the query with its values blotted out."""
        return "?" + "&".join(f"{quote(name)}=***" for name, _ in self.query) if self.query else ""

    @property
    def is_loopback(self) -> bool:
        """Tell whether the host is this machine."""
        return _is_loopback(urlsplit(self.url).hostname or "")

    def address(self, path: str) -> str:
        """Return the full URL of a path, secrets included: for sending only."""
        return f"{self.origin}{path}" + (f"?{urlencode(self.query)}" if self.query else "")

    def alternatives(self) -> list[Target]:
        """Return this target and its likely other spelling, with or without /v1."""
        if self.prefix.endswith("/v1"):
            return [self, replace(self, url=self.url.removesuffix("/v1"))] if self.prefix == "/v1" else [self]
        return [self, replace(self, url=f"{self.url}/v1")]


def parse(
    url: str,
    *,
    environment: Mapping[str, str],
    key_variable: str | None = None,
    allow_http_key: bool = False,
    headers: Sequence[str] = (),
    body: str = "",
    model: str = "",
    ca: str | None = None,
    proxy: str | None = None,
) -> Target:
    """Return the target of a base URL and options as they stand on a command line; raises TargetError."""
    parts = _split(url)
    host = parts.hostname or ""
    key = _key(host, environment, key_variable)
    sent = [_header(line, environment) for line in headers]
    named = {name.lower() for name, _ in sent}
    if key and not named & {"authorization", "api-key"}:
        sent.append(("Authorization", f"Bearer {key}"))
    elif parts.username is not None and "authorization" not in named:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        sent.append(("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
    query = tuple(parse_qsl(parts.query, keep_blank_values=True))
    exposed = parts.scheme == "http" and not _is_loopback(host) and not allow_http_key
    private = SECRET_HEADERS | {line.partition(":")[0].strip().lower() for line in headers if _FROM_ENV.search(line)}
    if exposed and any(name.lower() in private for name, _ in sent):
        raise TargetError(
            f"the API key would travel unencrypted to {host}: use https, or allow it with --target-allow-http-key"
        )
    netloc = f"[{host}]" if ":" in host else host
    netloc += f":{parts.port}" if parts.port else ""
    path = _ENDPOINT.sub("", parts.path).rstrip("/")
    values = [key, *(value for _, value in sent), *(value for _, value in query)]
    values += [value.partition(" ")[2] for _, value in sent if value.startswith(("Bearer ", "Basic "))]
    values += [unquote(part) for part in (parts.username, parts.password) if part]
    return Target(
        url=f"{parts.scheme}://{netloc}{path or '/v1'}",
        query=query,
        headers=tuple(sent),
        body=_body(body),
        secrets=frozenset(value for value in values if len(value) >= 6 and not _VERSION.fullmatch(value)),
        model=model,
        ca=ca,
        proxy=proxy,
    )


def _split(url: str) -> Any:
    url = url.strip()
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError as error:
        raise TargetError(f"--target-url is no URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        shown = parts.scheme if "://" in url else ""
        cause = f"has the scheme {shown!r}" if shown else "names no scheme"
        raise TargetError(f"--target-url {cause}: it begins with http:// or https://, as in http://127.0.0.1:8000/v1")
    return parts


def _key(host: str, environment: Mapping[str, str], variable: str | None) -> str:
    """Return the key to send, "" for none; only a variable that was named has to be set."""
    if variable:
        if not environment.get(variable, "").strip():
            raise TargetError(f"--target-api-key-env={variable}: this environment variable is not set")
    else:
        variable = KEY_VARIABLE
        if not environment.get(variable) and host == "api.openai.com":
            variable = "OPENAI_API_KEY"
    key = environment.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise TargetError(f"the key in {variable} has characters that no header can carry")
    return key


def _header(line: str, environment: Mapping[str, str]) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    name, value = name.strip(), value.strip()
    if not colon or not _TOKEN.fullmatch(name):
        raise TargetError("--target-header is not of the form 'Name: value' or 'Name: env:VARIABLE'")
    if name.lower() in OWN_HEADERS:
        raise TargetError(f"--target-header {name}: this header is not free to choose")
    if value.startswith("env:"):
        variable = value.removeprefix("env:").strip()
        if variable not in environment:
            raise TargetError(f"--target-header {name}: the environment variable {variable} is not set")
        value = environment[variable].strip()
    if not (value.isascii() and value.isprintable()):
        raise TargetError(f"--target-header {name}: the value has characters that no header can carry")
    return name, value


def _bears_key(name: str, value: str) -> bool:
    """Tell an API key from what opens a door on the way to the server, such as the password for a proxy."""
    return name.lower() in ("api-key", "x-api-key") or (name.lower() == "authorization" and value.startswith("Bearer "))


def _body(text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        body = json.loads(text, parse_constant=_refuse)
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise TargetError(f"--target-body is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise TargetError('--target-body is no JSON object, such as \'{"reasoning_effort": "low"}\'')
    if own := sorted(OWN_FIELDS & body.keys()):
        hint = "; --target-model chooses the model" if "model" in own else ""
        raise TargetError(f"--target-body may not set {', '.join(own)}: the probes do{hint}")
    return body


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

"""A request as a command line that repeats it, and that holds no secret."""

from __future__ import annotations

import json
import re
import shlex
from urllib.parse import urlsplit, urlunsplit

from conformance.transcript import Request

KEY = '"Authorization: Bearer $TARGET_API_KEY"'
ANYWHERE = "$TARGET_URL"
WRONG_KEY = "conformance-wrong-key"  # of the probe that is to be turned away
SHOWN_HEADERS = frozenset({"accept", "content-type"})  # others may carry what is nobody's business
LONGEST = 6_000  # characters of a body that a command line still shows


def command(request: Request, *, base_url: str = "") -> str:
    """Return a curl command for POSIX shells; without a base URL it uses the variable TARGET_URL."""
    words = ["curl"]
    if request.asks_for_stream():
        words.append("-N")
    if request.method not in ("GET", "POST"):
        words += ["-X", quote(request.method)]
    wrong = (f"{name}: {value}" for name, value in request.headers if value.removeprefix("Bearer ") == WRONG_KEY)
    words += [_url(request.path, base_url), "-H", next(map(quote, wrong), KEY)]
    headers = {name.lower(): value for name, value in request.headers if name.lower() in SHOWN_HEADERS}
    if request.json is not None or request.text is not None:
        headers.setdefault("content-type", "application/json")
    words += [word for name, value in headers.items() if value != "*/*" for word in ("-H", quote(f"{name}: {value}"))]
    body = json.dumps(request.json) if request.text is None else request.text
    if request.json is None and request.text is None:
        if request.method == "POST":
            words += ["-X", "POST"]
    elif len(body) > LONGEST:
        words += ["--data-binary", f"@body.json  # {len(body):,} characters, in the transcript"]
    else:
        words += ["--data-raw", quote(body)]
    return " ".join(words)


def quote(text: str) -> str:
    """Quote for a shell; a text with anything but printable ASCII is written with escapes, as `$'...'`."""
    if text.isascii() and text.isprintable():
        return shlex.quote(text)
    escaped = re.sub(r"['\\]", r"\\\g<0>", text).encode("utf-8", "surrogatepass")
    return "$'" + "".join(chr(b) if 0x20 <= b < 0x7F else f"\\x{b:02x}" for b in escaped) + "'"


def without_secrets(url: str) -> str:
    """Return a URL without user, password and the values of its query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    query = "&".join(f"{pair.partition('=')[0]}=..." for pair in parts.query.split("&") if pair)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


def _url(path: str, base_url: str) -> str:
    if "://" in path:
        return quote(without_secrets(path))
    path = without_secrets(path if path.startswith("/") else f"/{path}")
    base, _, query = without_secrets(base_url).partition("?")
    base = base.rstrip("/")
    prefix = urlsplit(base).path
    if prefix and (path == prefix or path.startswith(f"{prefix}/")):
        path = path.removeprefix(prefix)
    if not base:
        return f'"{ANYWHERE}"{quote(path.removeprefix("/v1") if path.startswith("/v1/") else path)}'
    return quote(f"{base}{path}" + (f"?{query}" if query and "?" not in path else ""))

"""HAR 1.2, what browsers and proxies save: http://www.softwareishard.com/blog/har-12-spec/."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from conformance.exchange import Exchange, ExchangeError, Source, from_json, without_secrets
from conformance.reading.found import Batch, Item, Skipped, Tally, Trouble
from conformance.transcript import SECRET_HEADERS, Transcript

NO_BODY = "no body was saved"
ELSEWHERE = "no call of a known endpoint"


def is_har(document: Any) -> bool:
    """Tell whether a JSON value is a HAR document."""
    log = document.get("log") if isinstance(document, dict) else None
    return isinstance(log, dict) and isinstance(log.get("entries"), list)


def read_har(document: Any, name: str, default_endpoint: str) -> Iterator[Item]:
    """Yield the exchanges of a HAR document, then what was left out."""
    left_out, broken, judged = Tally(name, "entry"), Tally(name, "entry"), 0
    for number, entry in enumerate(document["log"]["entries"], 1):
        place = f"entry {number}"
        try:
            transcript = _transcript(entry, default_endpoint)
        except ExchangeError as error:
            (left_out if str(error) in (NO_BODY, ELSEWHERE) else broken).add(str(error), place)
            continue
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            broken.add(f"no HAR entry ({type(error).__name__}: {str(error)[:80]})", place)
            continue
        judged += 1
        yield Batch((Exchange(f"{name}#{number}", transcript, Source(name)),))
    if broken.first:
        yield Trouble(name, broken.words())
    elif not judged:
        yield Trouble(name, f"nothing to judge: {left_out.words() or 'no entries'}")
    if left_out.first and (judged or broken.first):
        yield Skipped(name, left_out.words())


def _transcript(entry: dict[str, Any], default_endpoint: str) -> Transcript:
    request, response = entry["request"], entry["response"]
    content, url = response.get("content") or {}, str(request["url"])
    if not isinstance(content.get("text"), str) or not response.get("status") or request.get("method") == "OPTIONS":
        raise ExchangeError(NO_BODY)
    body = _body(content)
    sent = (request.get("postData") or {}).get("text")
    row = {
        "url": url,
        "method": request.get("method", "POST"),
        "request": sent if isinstance(sent, str) and sent else None,
        "status": response["status"],
        "headers": [[h["name"], h["value"]] for h in response.get("headers", ())],
        "body_base64": base64.b64encode(body).decode("ascii"),
        "ending": "open" if _cut_short(response, content, body) else "eof",
    }
    transcript = from_json(row, default_endpoint=default_endpoint)
    if not transcript.endpoint:
        raise ExchangeError(ELSEWHERE)
    return without_secrets(transcript, _secrets(request, url))


def _body(content: dict[str, Any]) -> bytes:
    if content.get("encoding") != "base64":
        return str(content["text"]).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(content["text"])
    except ValueError as error:
        raise ExchangeError("its content is not base64") from error


def _cut_short(response: dict[str, Any], content: dict[str, Any], body: bytes) -> bool:
    """Tell whether the browser gave up on the answer, or kept only the beginning of it."""
    size = content.get("size")
    return bool(response.get("_error")) or (isinstance(size, int) and size > len(body))


def _secrets(request: dict[str, Any], url: str) -> list[str]:
    """Return all that may be a credential: of headers, cookies and the query."""
    headers = [h["value"] for h in request.get("headers", ()) if str(h["name"]).lower() in SECRET_HEADERS]
    cookies = [cookie["value"] for cookie in request.get("cookies") or ()]
    query = [value for name, value in parse_qsl(urlsplit(url).query) if name != "api-version"]
    return [str(value) for value in (*headers, *cookies, *query)]

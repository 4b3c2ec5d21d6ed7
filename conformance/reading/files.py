"""Files and folders by their paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from conformance.exchange import LIMIT, Exchange, Source
from conformance.reading.found import Batch, Item, Trouble
from conformance.reading.rows import TOO_LONG
from conformance.reading.stream import read_stream
from conformance.transcript import FORMAT, TranscriptError, loads

_SNIFFED = 1024


def read(paths: Iterable[str], default_endpoint: str = "") -> Iterator[Item]:
    """Yield what is in these files and folders, in this order.

    Transcripts that stand in one folder are one run and come together, whether the folder was named or its files.
    """
    waiting: list[Path] = []
    for name in paths:
        path = Path(name)
        if waiting and (path.parent != waiting[0].parent or not _is_transcript(path)):
            yield from _together(waiting)
            waiting = []
        if path.is_dir():
            yield from _folder(path)
        elif _is_transcript(path):
            waiting.append(path)
        else:
            yield from _file(path, default_endpoint)
    yield from _together(waiting)


def _file(path: Path, default_endpoint: str) -> Iterator[Item]:
    try:
        with path.open("rb") as file:
            yield from read_stream(file, str(path), default_endpoint)
    except (OSError, ValueError) as error:
        yield Trouble(str(path), _words(error))


def _folder(path: Path) -> Iterator[Item]:
    """Yield the transcripts of a folder, or of a report's folder."""
    folder = path / "transcripts" if (path / "transcripts").is_dir() else path
    try:
        files = sorted(entry for entry in folder.iterdir() if _is_transcript(entry))
    except OSError as error:
        yield Trouble(str(path), _words(error))
        return
    if files:
        yield from _together(files)
    else:
        yield Trouble(str(path), "a folder without transcripts")


def _together(paths: list[Path]) -> Iterator[Item]:
    found: list[Exchange] = []
    for path in paths:
        try:
            if path.stat().st_size > 2 * LIMIT:  # text takes more room in a transcript than on the wire
                yield Trouble(str(path), TOO_LONG)
                continue
            found.append(Exchange(str(path), loads(path.read_bytes()), Source(str(path))))
        except TranscriptError as error:
            yield Trouble(str(path), str(error))
        except (OSError, ValueError) as error:
            yield Trouble(str(path), _words(error))
    if found:
        yield Batch(tuple(found))


def _is_transcript(path: Path) -> bool:
    """Tell whether a file begins like a transcript; one that was cut is to be named, not passed over."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            start = file.read(_SNIFFED)
    except (OSError, ValueError):
        return False
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and FORMAT.encode() in start


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)

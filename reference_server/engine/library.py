"""llama.cpp's Python bindings, imported on first use only, and what llama.cpp logs."""

import collections
import functools
import importlib
import logging
from typing import Any

log = logging.getLogger(__name__)

_ERROR = 4
_complaints: collections.deque[str] = collections.deque(maxlen=8)
_kept: list[object] = []
"""C holds a pointer to the callback, so Python must hold it too."""


class MissingExtraError(Exception):
    """The packages of the extra `reference` are not installed."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f'{name} is not installed, and the reference server needs it: pip install "openai-conformance[reference]"'
        )


@functools.cache
def load() -> Any:
    """Import llama_cpp, send its log to ours, and start its backend."""
    try:
        api = importlib.import_module("llama_cpp")
    except ImportError as error:
        raise MissingExtraError(error.name or "llama_cpp") from error
    callback = api.llama_log_callback(_to_logging)
    _kept.append(callback)
    api.llama_log_set(callback, None)
    api.llama_backend_init()
    return api


def complaint() -> str:
    """Tell llama.cpp's first error since the last call, in its own words."""
    said = _complaints[0] if _complaints else ""
    _complaints.clear()
    return said


def _to_logging(level: int, text: bytes, _: object) -> None:
    line = text.decode("utf-8", "replace").strip()
    if level == _ERROR:
        _complaints.append(line)
    log.debug("%s", line)  # errors too: whoever called llama.cpp sees that it failed, and tells it once

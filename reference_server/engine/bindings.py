"""llama.cpp's Python bindings, imported on first use only, and what llama.cpp logs."""

import collections
import contextlib
import ctypes
import functools
import importlib
import logging
import os
import sys
from collections.abc import Iterator
from typing import Any

log = logging.getLogger(__name__)

_ERROR = 4
_complaints: collections.deque[str] = collections.deque(maxlen=8)
_kept: list[object] = []
"""C holds pointers to the callbacks, so Python must hold them too."""
_task = ["the server cannot go on"]


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
    _end_without_a_core(api)
    api.llama_backend_init()
    return api


def complaint() -> str:
    """Tell llama.cpp's first error since the last call, in its own words."""
    said = _complaints[0] if _complaints else ""
    _complaints.clear()
    return said


@contextlib.contextmanager
def failing_as(task: str) -> Iterator[None]:
    """Name what cannot be done if llama.cpp ends the process, as it does where a file contradicts itself."""
    before, _task[0] = _task[0], task
    try:
        yield
    finally:
        _task[0] = before


def _end_without_a_core(api: Any) -> None:
    """Have one line said instead of the stack, and the process end with a number instead of a signal."""
    try:
        register = api.llama_cpp._lib.ggml_set_abort_callback
    except AttributeError:
        return  # another build: it dies louder
    callback = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(_abort)
    _kept.append(callback)
    register.restype = None
    register(callback)


def _abort(message: bytes) -> None:
    reason = message.decode("utf-8", "replace").partition(": ")[2] or "llama.cpp has failed"
    os.write(sys.stderr.fileno(), f"reference_server: {_task[0]}: {' '.join(reason.split())}\n".encode())
    os._exit(1)


def _to_logging(level: int, text: bytes, _: object) -> None:
    line = text.decode("utf-8", "replace").strip()
    if level == _ERROR:
        _complaints.append(line)
    log.debug("%s", line)  # errors too: whoever called llama.cpp sees that it failed, and tells it once

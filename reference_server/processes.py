"""Server processes: started apart from the terminal, watched, and stopped whatever happens."""

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

_GUARD = Path(__file__).with_name("guard.py")

_PATIENCE = 8.0
"""Seconds that a server has to stop after SIGTERM."""

_running: "weakref.WeakSet[Process]" = weakref.WeakSet()


class Process:
    """A command in a session of its own, with its output in a file.

    The session keeps Ctrl-C in the terminal away from it, so that only we stop it, and lets us stop its children too.
    On Linux it also ends when the thread that started it does, so that a killed test run leaves nothing behind.
    """

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.log = log
        with log.open("wb") as output:
            self._child = subprocess.Popen(  # noqa: S603 - the caller's own command
                [sys.executable, "-I", "-S", str(_GUARD), str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
        _running.add(self)

    @property
    def pid(self) -> int:
        """Give the number of the process."""
        return self._child.pid

    def exit_code(self) -> int | None:
        """Give the exit code once it has ended."""
        return self._child.poll()

    def output(self) -> str:
        """Give what it has written so far."""
        return self.log.read_text("utf-8", "replace")

    def last_lines(self, count: int = 12) -> str:
        """Give the end of what it has written, for a message."""
        return "\n".join(self.output().strip().splitlines()[-count:])

    def stop(self) -> None:
        """Ask it to end, make it end, and its children with it; a second call does nothing."""
        if self in _running:
            _running.discard(self)
            self._signal(signal.SIGTERM)
            try:
                self._child.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                pass
            finally:
                self._signal(signal.SIGKILL)
                self._child.wait()

    def _signal(self, number: signal.Signals) -> None:
        # The second error comes where nothing but a zombie is left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, number)


@atexit.register
def _stop_all() -> None:
    for process in list(_running):
        process.stop()

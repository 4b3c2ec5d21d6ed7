"""Long commands with their progress: which step the compiler is at, and what was said last where they fail.

Imports nothing but the standard library, so that `reference_server.install` may run before anything is installed.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

STEP = re.compile(r"\[(\d+)/(\d+)\]")
EVERY = 5.0  # seconds between two lines of progress


@dataclass
class Progress:
    """Says under a name what goes on, a line at a time."""

    name: str
    began: float = field(default_factory=time.monotonic)
    last: deque[str] = field(default_factory=lambda: deque(maxlen=40))
    """The end of what the latest command wrote."""

    def say(self, words: str) -> None:
        """Print one line at once, so that it is seen through a pipe."""
        sys.stdout.write(f"{self.name}: {words}\n")
        sys.stdout.flush()

    def seconds(self) -> float:
        """Return how long it has taken so far."""
        return time.monotonic() - self.began

    def run(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        starts: Mapping[str, str] | None = None,
    ) -> int:
        """Run a command, say every few seconds how far its compiler is, and return its exit code.

        `starts` says what to tell where a line has its key and the word `started`, as pip puts it.
        """
        self.last.clear()
        told = began = time.monotonic()
        with subprocess.Popen(  # noqa: S603 - pip or cmake, with arguments of ours
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as process:
            for line in process.stdout or ():
                self.last.append(line)
                step = STEP.search(line)
                if words := [word for key, word in (starts or {}).items() if key in line and "started" in line]:
                    self.say(words[0])
                elif step and time.monotonic() - told > EVERY:
                    told = time.monotonic()
                    self.say(f"compiling llama.cpp: {step[1]} of {step[2]} steps, {told - began:.0f} s")
        return process.returncode

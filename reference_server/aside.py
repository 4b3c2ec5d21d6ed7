"""What would hold up the event loop, done in other threads."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


class ClosedAsideError(Exception):
    """Nothing more is begun."""


class Aside:
    """Threads of our own: asyncio would wait for its own ones without end before it lets a program go."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(thread_name_prefix="aside")
        self._begun: set[Future[Any]] = set()

    async def do(self, work: Callable[[], T]) -> T:
        """Wait for some work without holding anybody up; raises ClosedAsideError, and what the work raises."""
        try:
            future = self._threads.submit(work)
        except RuntimeError as error:
            raise ClosedAsideError from error
        self._begun.add(future)
        future.add_done_callback(self._begun.discard)
        return await asyncio.wrap_future(future)

    def close(self, patience: float) -> bool:
        """Begin nothing more, and tell whether all that was begun has ended within some seconds."""
        self._threads.shutdown(wait=False)
        late = wait(set(self._begun), patience).not_done
        if late:
            log.error("%d prompts are still being read, and are left to the end of the process", len(late))
        return not late

"""A thread that writes for a run: a home directory may hang, and nobody is to hang with it.

It is a daemon: threads of a pool would be waited for when the interpreter ends.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress

Work = Callable[[], None]


class Scribe:
    """Does one thing after the other. All but its thread in the thread of one loop."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[Work, asyncio.Future[None]] | None]
        self._queue = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def begin(self, work: Work) -> asyncio.Future[None]:
        """Have it done, which must not raise. Raises RuntimeError where no thread can begin."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="fcx-scribe", daemon=True)
            thread.start()
            self._thread = thread
        done = asyncio.get_running_loop().create_future()
        self._queue.put((work, done))
        return done

    def end(self) -> None:
        """Nothing more is to come."""
        self._queue.put(None)

    def _run(self) -> None:
        while (given := self._queue.get()) is not None:
            work, done = given
            work()
            with suppress(RuntimeError):  # its loop has ended
                done.get_loop().call_soon_threadsafe(_tell, done)


def _tell(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)

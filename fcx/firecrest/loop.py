"""The one loop thread of this process, and how many requests may be under way on a loop."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, nullcontext
from typing import Any, TypeVar

T = TypeVar("T")

AT_ONCE = 4  # requests per process and server: behind it stands an sshd whose MaxSessions is 10
LARGE = 3  # of these may carry megabytes: what is small finds a place beside them


NO_LATE_THREADS = (3, 12, 0) <= sys.version_info[:3] < (3, 12, 2)
"""These start no thread once a script is at its end, where tasks may still be waited for."""

POOL = 4  # threads that are started early, where late ones would not be


def full_pool() -> ThreadPoolExecutor:
    """A pool that has all of its threads already."""
    pool = ThreadPoolExecutor(POOL, "fcx-work")
    together = threading.Barrier(POOL + 1)
    for _ in range(POOL):
        pool.submit(together.wait)
    together.wait()
    return pool


class LoopThread:
    """One event loop in one daemon thread, for every client of this process."""

    _shared: LoopThread | None = None
    _inherited: LoopThread | None = None
    _lock = threading.Lock()

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        if NO_LATE_THREADS:
            self.loop.set_default_executor(full_pool())
        self.thread = threading.Thread(target=self._run, name="fcx", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    @classmethod
    def shared(cls) -> LoopThread:
        """The loop of this process; a forked child makes its own."""
        with cls._lock:
            if cls._shared is None or not cls._shared.thread.is_alive():
                cls._shared = cls()
            return cls._shared

    @classmethod
    def soon(cls, work: Callable[[], None]) -> None:
        """Have the loop do something, where there is one: without a lock, for finalizers."""
        shared = cls._shared
        if shared is not None and shared.thread.is_alive():
            shared.loop.call_soon_threadsafe(work)

    @classmethod
    def _forked(cls) -> None:
        """A child has none of its parent's threads, and the lock may have been held just then.

        The parent's loop is kept: what is under way on it would be broken off, as if it were ours.
        """
        cls._inherited, cls._shared, cls._lock = cls._shared, None, threading.Lock()

    def run(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine on the loop, and wait for it in this thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout)


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=LoopThread._forked)  # noqa: SLF001 - the class's own matter


class Slots:
    """The places for requests to one server.

    What is large takes turns for its share of them, and only then stands in line with what is
    small: so neither has to wait for all that there is of the other.
    """

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(AT_ONCE)
        self._large = asyncio.Semaphore(LARGE)

    @asynccontextmanager
    async def place(self, *, large: bool = False) -> AsyncIterator[None]:
        """One of them for the length of a block."""
        async with self._large if large else nullcontext(), self._all:
            yield


_slots: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Slots]] = (
    weakref.WeakKeyDictionary()
)


def slots(url: str) -> Slots:
    """The places for requests to a server that all clients of the running loop share."""
    return _slots.setdefault(asyncio.get_running_loop(), {}).setdefault(url, Slots())

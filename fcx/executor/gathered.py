"""What one thread leaves for another: whoever brings the first of several wakes the other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

PAUSE, LONGEST = 0.005, 0.01  # seconds for which things gather, once some were taken: less than
# STREAM in core/outgoing.py, after which a stream of tasks has ended


class Gathered(Generic[T]):
    """Things that wait to be taken, all at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._things: list[T] = []

    def put(self, thing: T) -> bool:
        """One more; whether it is the first, so that somebody must be woken.

        Asking and adding are one step: between them all others might be taken, and nobody would
        be woken for this one.
        """
        with self._lock:
            self._things.append(thing)
            return len(self._things) == 1

    def take(self) -> list[T]:
        """All that there are, the oldest first."""
        with self._lock:
            things, self._things = self._things, []
        return things


class Paced:
    """Work in a loop's thread: done at once when it is asked for, but then not again for a moment.

    A thread that leaves things one by one would otherwise wake the loop for each. What takes long
    is let gather for as long.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._rests_until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def ask(self) -> None:
        """There is something to do."""
        if self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= self._rests_until:
            self._run()
        else:
            self._timer = loop.call_at(self._rests_until, self._run)

    def _run(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._work()
        ended = loop.time()
        self._rests_until = ended + max(PAUSE, min(LONGEST, ended - began))

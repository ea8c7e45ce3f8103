"""What one thread leaves for another: whoever brings the first of several wakes the other."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


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

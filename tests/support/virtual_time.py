"""An event loop whose time is virtual: a sleep of an hour is over at once, and took an hour."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Clock(selectors.SelectSelector):
    """Where a loop would wait for its next timer, time moves on to it."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        """What is ready; without anything, ``timeout`` passes."""
        ready = super().select(0 if timeout is not None else None)
        if not ready and timeout:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Starts at zero."""

    def __init__(self) -> None:
        self._clock = _Clock()
        super().__init__(self._clock)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._clock.now


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of a coroutine function, in a virtual loop of its own."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(work())
    finally:
        loop.close()

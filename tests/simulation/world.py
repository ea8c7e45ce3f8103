"""Virtual time: a heap of what happens next, a clock that jumps to it, and one source of chance."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from typing import Any

INSTANT = 1e-5  # seconds that pass between two wakes


class World:
    """Nothing in it happens by itself: ``step`` does the next thing, and time is where that is."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        self.random = random.Random(seed)
        self._next: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0

    def at(self, when: float, do: Callable[..., None], *values: Any) -> None:
        """Something happens at this time, or at once if that is past."""
        self._count += 1
        heapq.heappush(self._next, (max(when, self.now), self._count, do, values))

    def after(self, seconds: float, do: Callable[..., None], *values: Any) -> None:
        """Something happens so much later."""
        self._count += 1
        heapq.heappush(self._next, (self.now + seconds, self._count, do, values))

    def step(self) -> bool:
        """Do the next thing; False when nothing is left to happen."""
        if not self._next:
            return False
        self.now, _, do, values = heapq.heappop(self._next)
        do(*values)
        return True

    def between(self, low: float, high: float) -> float:
        """A number of seconds."""
        return low + (high - low) * self.random.random()

    def chance(self, likely: float) -> bool:
        """Whether it happens this time."""
        return self.random.random() < likely


class Alarm:
    """Wakes a core when it is due; a due time that has moved on lets it sleep on."""

    def __init__(self, world: World, ring: Callable[[], None]) -> None:
        self._world = world
        self._ring = ring
        self._due: float | None = None
        self._next = float("inf")  # the earliest wake that is on its way

    def set(self, due: float | None) -> None:
        """It is due at this time, or not at all."""
        self._due = due
        if due is not None and due < self._next:
            self._next = max(due, self._world.now + INSTANT)
            self._world.at(self._next, self._wake)

    def _wake(self) -> None:
        if self._world.now < self._next:
            return  # another came before it
        self._next = float("inf")
        if self._due is not None and self._due <= self._world.now:
            self._ring()
        else:
            self.set(self._due)

"""How many tasks there were, and how they ended: numbers that whoever shows them only reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .future import FirecrestFuture


def first(tasks: Mapping[str, object]) -> str:
    """The one that came first; no lock is taken, so it may just have gone."""
    try:
        return next(iter(tasks), "")
    except RuntimeError:  # another came, or went, at this moment
        return ""


class Counts:
    """Of one run, or of some of its tasks."""

    def __init__(self) -> None:
        self.total = 0
        self.failed = 0
        self.cancelled = 0
        self.running: dict[str, None] = {}  # tasks that are known to; the loop's thread keeps it

    def began(self, task: str) -> None:
        """It is known to run."""
        self.running[task] = None

    def stopped(self, task: str) -> None:
        """It does not run any more, or not yet."""
        self.running.pop(task, None)

    def renamed(self, task: str, to: str) -> None:
        """It is known under another id now."""
        if task in self.running:
            del self.running[task]
            self.running[to] = None

    def ended(self, future: FirecrestFuture[Any]) -> None:
        """It has its outcome."""
        state = future.state
        self.failed += state == "failed"
        self.cancelled += state == "cancelled"

"""Tasks of an earlier process that nobody has asked for in this one, and what came of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from .events import Finished, Trouble

if TYPE_CHECKING:
    from .tasks import Task


class Held(msgspec.Struct):
    """What came of one: an outcome, as a log has it, or a failure of the infrastructure."""

    task: Any  # a Task
    trouble: Trouble | None = None
    cursor: Any = None  # of the log that the outcome stands in
    record: Finished | None = None


class Unasked:
    """They go on where they are; no pilot is submitted for them, and nobody waits for them."""

    def __init__(self) -> None:
        self.unfinished: dict[str, Task] = {}
        self.held: dict[str, Held] = {}

    def add(self, task: Task) -> None:
        """One more."""
        self.unfinished[task.id] = task

    def hold(self, task: Task, **what: Any) -> None:
        """Something came of it."""
        self.unfinished.pop(task.id, None)
        self.held[task.id] = Held(task, **what)

    def take(self, task: str) -> Held | None:
        """It is asked for now: what came of it so far, if anything did."""
        self.unfinished.pop(task, None)
        return self.held.pop(task, None)

"""What is owed: every call that has no outcome yet, where it lies, and what a failure costs it.

::

    submit ──> outbox ──> sent (in a bundle) ──> running ──> settled
                 ^             │                    │
                 └── back ─────┴──── lost, retried ─┘
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..errors import NodeFailed, TaskError
from ..payload.requirements import Requirements
from ..protocol.rundir import Incarnation, Item
from .future import FirecrestFuture
from .pilots import SHORT_WORK, Fate

MOST_RETURNS = 20  # times a call may go back uncharged before something is called wrong


@dataclass(eq=False)
class Task:
    """One call."""

    id: str
    future: FirecrestFuture[Any]
    payload: bytes
    function: str
    name: str
    walltime: float | None = None
    modules: tuple[str, ...] = ()
    archives: tuple[tuple[str, bytes], ...] = ()
    requirements: Requirements | None = None  # of the far side, where they are not judged yet
    attempt: int = 0
    charged: int = 0  # infrastructure failures while it ran
    returned: int = 0  # times it went back without having run
    bundle: str = ""
    portion: int = -1
    running: Incarnation | None = None
    slot: int = 0
    first: bool = False  # it was its worker's first call in that pilot

    def item(self) -> Item:
        """The task as it travels."""
        return Item(self.id, self.attempt, self.function, self.payload, self.walltime, self.modules)


@dataclass
class Ledger:
    """All unfinished tasks of a run."""

    retries: int
    unfinished: dict[str, Task] = field(default_factory=dict)
    outbox: deque[Task] = field(default_factory=deque)
    fresh: deque[Task] = field(default_factory=deque)  # to run first in a fresh pilot
    longest: dict[str, float] = field(default_factory=dict)  # seconds, by function
    settled: int = 0
    seconds: float = 0.0  # that settled calls took, all together
    progress: float = 0.0  # when a call last ended, or the first of many came

    def expected_seconds(self) -> float | None:
        """Mean seconds of a call so far; None while nothing tells, or what told proves wrong."""
        stuck = time.monotonic() - self.progress > SHORT_WORK
        return None if stuck or not self.settled else self.seconds / self.settled

    def add(self, tasks: Iterable[Task]) -> None:
        """Take in new calls."""
        if not self.unfinished:
            self.progress = time.monotonic()
        for task in tasks:
            self.unfinished[task.id] = task
            self.outbox.append(task)

    def take(self, most_bytes: int) -> list[Task]:
        """Tasks for the next bundle; those that were cancelled meanwhile are dropped."""
        taken: list[Task] = []
        size = 0
        while self.outbox and (not taken or size + len(self.outbox[0].payload) <= most_bytes):
            task = self.outbox.popleft()
            if task.id in self.unfinished:
                taken.append(task)
                size += len(task.payload)
        return taken

    def drop(self, task: str) -> Task | None:
        """Forget a task (settled or cancelled)."""
        return self.unfinished.pop(task, None)

    def ran(self, task: Task, seconds: float) -> None:
        """Note how long a call took."""
        self.settled += 1
        self.progress = time.monotonic()
        self.seconds += seconds
        self.longest[task.function] = max(seconds, self.longest.get(task.function, 0.0))

    def in_portions(self, portions: set[tuple[str, int]]) -> list[Task]:
        """Unfinished tasks that lie in the given (bundle, portion) pairs."""
        return [t for t in self.unfinished.values() if (t.bundle, t.portion) in portions]

    def in_bundle(self, bundle: str) -> list[Task]:
        """Unfinished tasks of a bundle."""
        return [task for task in self.unfinished.values() if task.bundle == bundle]

    def back(self, task: Task) -> TaskError | None:
        """The task goes back untouched, uncharged; an error once that has happened too often."""
        task.returned += 1
        if task.returned > MOST_RETURNS:
            return NodeFailed(
                f"{task.name} went back to the queue {MOST_RETURNS} times without running: its "
                "pilots end before they begin it. Look at the jobs' output in working_dir."
            )
        self._again(task)
        self.outbox.append(task)
        return None

    def lost(self, task: Task, why: Fate) -> TaskError | None:
        """A task that was claimed is lost with its agent or worker; its error, or None: again."""
        if task.running is None and why.kind != "time":
            return self.back(task)
        if why.kind == "time" and not task.first:
            self._again(task)
            task.returned += 1
            self.fresh.append(task)  # it is owed a whole time limit
            return None
        if why.retried and task.charged < self.retries:
            task.charged += 1
            self._again(task)
            self.outbox.append(task)
            return None
        return why.error

    @staticmethod
    def _again(task: Task) -> None:
        task.attempt += 1
        task.bundle, task.portion = "", -1
        task.running, task.first = None, False
        task.future.report_pending()

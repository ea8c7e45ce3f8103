"""Tasks whose worker was told to end by somebody outside: what Slurm calls that is heard first.

A job that is preempted, cancelled, requeued or out of time has SIGTERM sent to all its processes,
and a worker dies of it before Slurm says why. What the task is charged depends on the why.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from . import fates
from .actions import AskJob
from .events import Failed, JobAnswered
from .fates import Fate
from .logs import Cursor, Logs, Sink
from .requests import Requests
from .tasks import Tasks

PAUSE = 2.0  # seconds between questions
ALONE = 5.0  # seconds after which a job that goes on has lost the worker alone
ENDING = 60.0  # for one whose agent was told to end, too: Slurm gives its processes time


class Cut(msgspec.Struct):
    """One such task. ``alone``: what its worker's death means if the job goes on."""

    task: str
    attempt: int
    sink: Sink
    cursor: Cursor
    alone: Fate
    then: Callable[[Fate], None]
    since: float
    again: float | None = None  # when to ask next; None while an answer is awaited
    looked: bool = False  # whether its job began again meanwhile


class Cuts:
    """Asks for the job of each until it is known."""

    def __init__(self, requests: Requests, tasks: Tasks, logs: Logs) -> None:
        self.requests = requests
        self.tasks = tasks
        self.logs = logs
        self._held: list[Cut] = []

    def hold(
        self,
        sink: Sink,
        cursor: Cursor,
        task: tuple[str, int],
        alone: Fate,
        then: Callable[[Fate], None],
    ) -> None:
        """``then`` hears what the end of (task, attempt) means, once."""
        cut = Cut(*task, sink, cursor, alone, then, self.requests.now)
        self.tasks.unfinished[cut.task].awaits = "reason"  # nobody else decides about it
        self._held.append(cut)
        self._ask(cut)

    def plan(self) -> None:
        """Ask again what is due."""
        for cut in [cut for cut in self._held if cut.again is not None]:
            if self.tasks.current(cut.task, cut.attempt) is None:
                self._held.remove(cut)  # cancelled meanwhile
            elif cut.again is not None and cut.again <= self.requests.now:
                self._ask(cut)

    def due(self) -> float | None:
        """When to ask next."""
        return min((cut.again for cut in self._held if cut.again is not None), default=None)

    def _ask(self, cut: Cut) -> None:
        cut.again = None
        told = partial(self._told, cut)
        self.requests.ask(AskJob, cut.cursor.incarnation.job, then=told, failed=told)

    def _told(self, cut: Cut, _action: Any, event: JobAnswered | Failed) -> None:
        self._decide(cut, event)

    def _decide(self, cut: Cut, event: JobAnswered | Failed) -> None:
        """Before a job is taken to go on as it was, its logs say whether it began again."""
        task = self.tasks.current(cut.task, cut.attempt)
        if task is None:
            self._held.remove(cut)
            return
        why = self._why(cut, event)
        if why is None:
            cut.again = self.requests.now + PAUSE
        elif why is cut.alone and not cut.looked:
            cut.looked = True
            self.logs.look_at_all(cut.sink, partial(self._decide, cut, event))
        else:
            self._held.remove(cut)
            task.awaits = ""
            cut.then(why)

    def _why(self, cut: Cut, event: JobAnswered | Failed) -> Fate | None:
        """What is known by now; None while it may be told otherwise."""
        job, state = cut.cursor.incarnation.job, None
        if isinstance(event, JobAnswered):
            state = event.state
        if self.logs.followed(cut.cursor):
            return fates.requeued(job)
        told = cut.cursor.told or cut.cursor.ended == "signal"  # not that worker alone
        in_order = state is not None and state.state == "COMPLETED"
        if in_order and cut.cursor.ended:
            return fates.told_to_end(job) if told else cut.alone
        if fates.ended(state) and not in_order:
            return fates.of_job(job, state)
        if state is not None and state.state in fates.WAITS_AGAIN:
            return fates.requeued(job)
        if self.requests.now < cut.since + (ENDING if told else ALONE):
            return None
        return fates.told_to_end(job) if told else cut.alone

"""When outcomes are expected: from how long tasks took, how many run at a time, and since when.

Of each task that runs, the client knows a window in which it has begun: a worker takes the next
task when one ends, which was between two looks.
"""

from __future__ import annotations

from collections import deque
from itertools import islice

import msgspec

from .fleet import Fleet
from .inbox import Inbox
from .tasks import Tasks

SLACK = 0.03  # seconds from the end of a task until its outcome stands in the log
TAKEN = 0.25  # seconds after which agents have seen most of what was uploaded
SOON = 0.9  # of the time that pilots took to begin: none was sooner
FUNCTIONS = 64  # tasks, the oldest, whose functions tell how long what runs now may take
ROUNDS, AGED = 4, 0.5  # outcomes of each worker that tell how fast it is; what older ones count


class Outlook(msgspec.Struct, frozen=True):
    """Times at which outcomes of what agents have are expected."""

    first: float  # the next one, at the earliest
    last: float  # of all that run now
    over: float  # of all that agents have
    queued: bool  # they have more than they can run at a time
    began: float  # since when they have something


class Window(msgspec.Struct, frozen=True):
    """A task has begun after ``since``, and by ``until``."""

    since: float
    until: float


class Forecast:
    """Of all tasks of a run."""

    def __init__(self, tasks: Tasks, fleet: Fleet, inbox: Inbox) -> None:
        self.tasks = tasks
        self.fleet = fleet
        self.inbox = inbox
        self.outlook: Outlook | None = None  # nothing is known, or agents have nothing
        self._sent = self._workers = 0  # tasks that agents have, and their workers
        self._ran = 0  # outcomes so far
        self._running: deque[Window] = deque()  # the oldest first
        self._measured = 0.0, 0.0  # outcomes while all had work, and the seconds that they took
        self._began = 0.0  # since when agents have something
        self._counted = 0.0  # since when outcomes are counted for that; 0: not yet

    @property
    def idle(self) -> bool:
        """Whether agents that are up have nothing to do: what comes next is on its way to them."""
        return bool(self._workers) and not self._sent

    def begins(self) -> float:
        """When the first pilot may have a word for us, by what others took; 0 where none tells."""
        waits = [pilot for pilot in self.fleet.pilots if pilot.pending and pilot.job]
        if self._workers or not all(pilot.start for pilot in waits):
            return 0.0
        return min((pilot.submitted + SOON * pilot.start for pilot in waits), default=0.0)

    def follow(self, now: float) -> bool:
        """More may have been sent, or agents have come or gone; True ends their idleness."""
        idle = self.idle
        if not self._sent:
            self._counted = 0.0  # the first outcomes do not tell it: agents have to look first
        if self._count(now):
            self._fill(Window(now, now + TAKEN))
            self._look_out(now)
        return idle and self._sent > 0

    def looked(self, before: float, now: float) -> None:
        """A look is over; ``before``: when the one before it began."""
        ended, self._ran = self.tasks.pace.ran - self._ran, self.tasks.pace.ran
        full = self._sent > self._workers
        self._count(now)
        if ended and full and self._counted:
            self._measure(ended, now)
        if ended:
            self._counted = now
        for _ in range(min(ended, len(self._running))):
            self._running.popleft()
        self._fill(Window(max(before, now - self._seconds()[1] - SLACK), now))
        self._look_out(now)

    def _count(self, now: float) -> bool:
        """What agents have, and how many workers there are: whether that is new."""
        known = self._sent, self._workers
        self._sent, self._workers = self.tasks.sent(self.inbox.kept), self.fleet.workers_up()
        if not all(known):
            self._began = now
        return known != (self._sent, self._workers)

    def _measure(self, ended: int, now: float) -> None:
        """While all had work, their outcomes tell how fast they are."""
        if self._measured[0] >= ROUNDS * self._workers:
            self._measured = (self._measured[0] * AGED, self._measured[1] * AGED)
        self._measured = (self._measured[0] + ended, self._measured[1] + now - self._counted)

    def _fill(self, window: Window) -> None:
        """As many as tasks run."""
        most = min(self._sent, self._workers)
        while len(self._running) > most:
            self._running.pop()
        self._running.extend([window] * (most - len(self._running)))

    def _seconds(self) -> tuple[float, float]:
        """How long what runs now takes, at least and at most, by what is known of it."""
        spans, oldest = self.tasks.pace.spans, islice(self.tasks.unfinished.values(), FUNCTIONS)
        functions = dict.fromkeys(task.info.function for task in oldest if task.bundle)
        known = [spans[name] for name in functions if name in spans]
        low = min((span.low for span in known), default=0.0)
        high = max((span.high for span in known), default=0.0)
        return (low if len(known) == len(functions) else 0.0), high

    def _look_out(self, now: float) -> None:
        low, high = self._seconds()
        if not self._running or not high:
            self.outlook = None
            return
        first = min(window.since for window in self._running) + low
        last = max(window.until for window in self._running) + high + SLACK
        outcomes, seconds = self._measured
        each = max(high / self._workers, seconds / outcomes if outcomes else 0.0)
        over = now + self._sent * each
        self.outlook = Outlook(
            first, last, max(over, last), self._sent > self._workers, self._began
        )

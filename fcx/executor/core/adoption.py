"""Tasks that an earlier process has sent: where they lie is learnt from the inbox itself.

What lies in no bundle there may ride in the script of a pilot that has not begun: the inbox is
read again whenever one has begun or ended, and a last time a while after all that live have begun.
What is not there then was never sent: its payload is gone with the process that had it, unless this
one has it too. What lies there and stands in no journal is taken over as well. Until the first
reading, nothing is done about the run.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from msgspec.structs import replace

from .actions import ReadInbox, Reopen, TakeOver
from .earlier import Earlier
from .events import Attached, Failed, InboxRead, Owned, Trouble
from .fleet import Pilot
from .numbers import Numbers
from .tasks import Task, Tasks

SURE = 5.0  # seconds after which what a pilot's script has brought can be seen in the inbox


class Adoption:
    """Finds the tasks of an attached run; a run of our own has none to find."""

    def __init__(
        self, tasks: Tasks, numbers: Numbers, earlier: Earlier, keep: Callable[[], None]
    ) -> None:
        self.requests = tasks.requests
        self.tasks = tasks
        self.numbers = numbers
        self.earlier = earlier
        self.keep = keep
        self.done = True
        self._busy = False
        self._partly = False  # their scripts may bring tasks that are not known yet
        self._seen: tuple[tuple[str, str], ...] = ()  # name and phase of those, when last read
        self._asked = 0.0  # when that was
        self._last = False  # nothing that is not there can come any more
        self._sought: list[Task] = []  # where these lie is not known

    def begin(self, event: Attached) -> None:
        """The run is attached: read its inbox."""
        self.earlier.expect(event.tasks, event.attempts, by_key=event.by_key)
        self._seek()
        self.numbers.fleet.adopt(event.pilots, dict(event.shapes))
        self._partly = event.partly
        self.done = False
        if event.epoch:
            self.numbers.belongs(event.epoch)
            self._ask()
        else:
            self.requests.ask(TakeOver, then=self._owned, failed=self._not_owned)

    def _owned(self, _action: Any, event: Owned) -> None:
        self.numbers.belongs(event.epoch)
        self._ask()

    def _not_owned(self, action: Any, event: Failed) -> None:
        """Without a directory there is nothing that two clients could fight for."""
        if event.kind == "missing":
            self.numbers.belongs(2)
            self._ask()
        else:
            self._nothing_there(action, event)

    def waiting(self) -> bool:
        """Whether tasks may still ride in scripts: until that is known, no pilot is submitted."""
        return any(task.asked for task in self._unplaced())

    def hopes(self) -> bool:
        """Whether a pilot that has not begun may bring tasks that are not known yet."""
        if not self._partly:
            return False
        return self._busy or any(pilot.pending for pilot in self._earlier())

    def _earlier(self) -> list[Pilot]:
        """Those that came up though no journal has them included."""
        fleet = self.numbers.fleet
        return [pilot for pilot in fleet.pilots if pilot.name in fleet.earlier]

    def plan(self) -> None:
        """Read again, where a pilot has begun or ended since; and once more to be sure."""
        if self._busy:
            return
        due = self.due()
        if self._pilots() != self._seen:
            self._ask()
        elif due is not None and due <= self.requests.now:
            self._ask(last=True)

    def due(self) -> float | None:
        """When to read a last time: all pilots have begun, and yet a task is missing."""
        waits = self._busy or self._last or any(p.phase != "up" for p in self.numbers.fleet.live())
        return None if waits or not self._unplaced() else self._asked + SURE

    def _ask(self, *, last: bool = False) -> None:
        self._busy, self._last = True, last
        self._seen, self._asked = self._pilots(), self.requests.now
        self.requests.ask(ReadInbox, then=self._read, failed=self._nothing_there)

    def _pilots(self) -> tuple[tuple[str, str], ...]:
        """Those of earlier processes, and all while a task is missing."""
        relevant = self.numbers.fleet.pilots if self._unplaced() else self._earlier()
        return tuple((pilot.name, pilot.phase) for pilot in relevant)

    def _seek(self) -> None:
        """All tasks are gone through, which is not done at each step: there may be a million."""
        self._sought = [task for task in self.tasks.unfinished.values() if task.sought]

    def _unplaced(self) -> list[Task]:
        """Tasks that were found in no bundle."""
        self._sought = [task for task in self._sought if task.sought]
        return [task for task in self._sought if task.id in self.tasks.unfinished]

    def _read(self, _action: Any, event: InboxRead) -> None:
        """Each task lies where its last attempt was sent; the caller may have left meanwhile."""
        self.numbers.inbox.found(filled=bool(event.last))
        for shaped in event.shapes:
            self.earlier.lanes.register(shaped)
        if self.requests.leaving:
            if self.earlier.unknown([row[0] for row in event.tasks]):
                self.keep()
            return
        self.numbers.number_from(event.last)
        if event.closed:
            self.requests.ask(Reopen, then=partial(self._reopened, event))
        else:
            self._placed(event)

    def _reopened(self, event: InboxRead, _action: Any, _done: Any) -> None:
        self._placed(event)

    def _nothing_there(self, _action: Any, event: Failed) -> None:
        """No pilot ever began: there is no directory, or no inbox in it."""
        if event.kind == "missing":
            self._placed(InboxRead(event.action, ()))
        elif event.kind == "passing":  # the caller leaves before it is known what lies there
            self.keep()
        else:
            self.requests.give_up(event.trouble)

    def _placed(self, event: InboxRead) -> None:
        self.done, self._busy = True, False
        attempts = event.attempts or (0,) * len(event.tasks)
        rows = zip(event.tasks, attempts, strict=True)
        latest = {row[0].id: (*row, attempt) for row, attempt in rows}
        self.earlier.found([(info, attempt) for info, _, _, attempt in latest.values()])
        self._seek()
        for task in self._unplaced():
            if task.id in latest:
                info, bundle, portion, attempt = latest[task.id]
                known = task.info if task.info.size else info
                told = bool(task.info.takes)
                self.tasks.recast(task, replace(known, shape=info.shape))
                if task.asked and not told:
                    self.tasks.depends(task)
                task.attempt = max(task.attempt, attempt)
                task.runs = {**{n: (job, why) for n, job, why in info.runs}, **task.runs}
                self.tasks.placed(task, bundle, portion)
        for name in latest:
            self.earlier.outcomes.found(name)
        self._reserve(event)
        for name in event.cancelled:
            found = self.tasks.unfinished.get(name)
            if found is not None:
                self.earlier.cancelled(found)
        if self._last or not self.numbers.fleet.live():
            self._never_sent()

    def _reserve(self, event: InboxRead) -> None:
        for bundle, name in event.reserved:
            pilot = self.numbers.fleet.named(name)
            if pilot is not None and pilot.live:
                pilot.reserved = bundle
            else:  # nobody else may claim from it
                for task in self.tasks.in_bundle(bundle):
                    self.tasks.back(task)

    def _never_sent(self) -> None:
        for task in self._unplaced():
            if task.info.size:
                self.tasks.back(task)
                continue
            text = (
                f"{task.info.name} was never sent: the process that had it ended before. "
                "Submit it again."
            )
            self.tasks.settle(task, Trouble("RunLost", text))

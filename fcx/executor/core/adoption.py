"""Tasks that an earlier process has sent: where they lie is learnt from the inbox itself.

What lies in no bundle there may ride in the script of a pilot that has not begun: the inbox is
read again whenever one has begun or ended. Once there is none left, it was never sent: its payload
is gone with the process that had it. Until the first reading, nothing is done about the run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .actions import ReadInbox
from .events import Failed, InboxRead, Trouble
from .outgoing import Outgoing
from .requests import Requests
from .tasks import Task, Tasks


class Adoption:
    """Finds the tasks of an attached run; a run of our own has none to find."""

    def __init__(
        self, requests: Requests, tasks: Tasks, outgoing: Outgoing, keep: Callable[[], None]
    ) -> None:
        self.requests = requests
        self.tasks = tasks
        self.outgoing = outgoing
        self.inbox = outgoing.inbox
        self.keep = keep
        self.done = True
        self._busy = False
        self._seen: tuple[tuple[str, str], ...] = ()  # name and phase of pilots, when last read

    def begin(self) -> None:
        """The run is attached: read its inbox."""
        self.done = False
        self._ask()

    def waiting(self) -> bool:
        """Whether tasks may still ride in scripts: until that is known, no pilot is submitted."""
        return bool(self._unplaced())

    def plan(self) -> None:
        """Read again, where a pilot has begun or ended since."""
        if not self._busy and self._unplaced() and self._pilots() != self._seen:
            self._ask()

    def _ask(self) -> None:
        self._busy = True
        self._seen = self._pilots()
        self.requests.ask(ReadInbox, then=self._read, failed=self._nothing_there)

    def _pilots(self) -> tuple[tuple[str, str], ...]:
        return tuple((pilot.name, pilot.phase) for pilot in self.outgoing.fleet.pilots)

    def _unplaced(self) -> list[Task]:
        """Tasks that were found in no bundle: without a payload they have no size."""
        return [task for task in self.tasks.unfinished.values() if not task.info.size]

    def _read(self, _action: Any, event: InboxRead) -> None:
        """Each task lies where its last attempt was sent."""
        self.inbox.found()
        self.outgoing.number_from(event.last)
        self._placed(event)

    def _nothing_there(self, _action: Any, event: Failed) -> None:
        """No pilot ever began: there is no directory, or no inbox in it."""
        if event.kind == "missing":
            self._placed(InboxRead(event.action, ()))
        elif event.kind == "passing":  # the caller leaves before it is known what lies there
            self.keep()
        else:
            self.requests.give_up(event.trouble)

    def _keep_unknown(self, event: InboxRead) -> None:
        """Tasks that were sent, yet could not be recorded: their outcomes must stay."""
        left_out = dict.fromkeys((*self.tasks.unfinished, *event.cancelled))
        unknown = {info.id for info, *_ in event.tasks} - left_out.keys()
        if unknown:
            self.keep()
            self.requests.say(
                f"{len(unknown)} task(s) of the run are in no journal: their outcomes stay in "
                f"{self.inbox.directory}; attach with directory= and key= to collect them.",
                "warning",
            )

    def _placed(self, event: InboxRead) -> None:
        if not self.done:
            self._keep_unknown(event)
        self.done, self._busy = True, False
        latest = {info.id: (info, bundle, portion) for info, bundle, portion in event.tasks}
        for task in self._unplaced():
            if task.id in latest:
                task.info, bundle, portion = latest[task.id]
                self.tasks.placed(task, bundle, portion)
        self._reserve(event)
        for name in event.cancelled:
            found = self.tasks.unfinished.get(name)
            if found is not None:
                self.tasks.cancel(found)
        if not self.outgoing.fleet.live():
            self._never_sent()

    def _reserve(self, event: InboxRead) -> None:
        for bundle, name in event.reserved:
            pilot = self.outgoing.fleet.named(name)
            if pilot is not None and pilot.live:
                pilot.reserved = bundle
            else:  # nobody else may claim from it
                for task in self.tasks.in_bundle(bundle):
                    self.tasks.back(task)

    def _never_sent(self) -> None:
        for task in self._unplaced():
            text = (
                f"{task.info.name} was never sent: the process that had it ended before. "
                "Submit it again."
            )
            self.tasks.settle(task, Trouble("RunLost", text))

"""Tasks that an earlier process has sent: where they lie is learnt from the inbox itself.

What is in no bundle there was never sent: its payload is gone with the process that had it. Until
this is known, nothing is sent, no pilot submitted, and no end looked into.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .actions import ReadInbox
from .events import Failed, InboxRead, Trouble
from .outgoing import Outgoing
from .requests import Requests
from .tasks import Tasks


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

    def begin(self) -> None:
        """The run is attached: read its inbox."""
        self.done = False
        self.requests.ask(ReadInbox, then=self._read, failed=self._nothing_there)

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
            self.done = True
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
        self.done = True
        self._keep_unknown(event)
        for info, bundle, portion in event.tasks:
            task = self.tasks.unfinished.get(info.id)
            if task is not None:
                task.info = info
                self.tasks.placed(task, bundle, portion)
        for bundle, name in event.reserved:
            pilot = self.outgoing.fleet.named(name)
            if pilot is not None and pilot.live:
                pilot.reserved = bundle
            else:  # nobody else may claim from it
                for task in self.tasks.in_bundle(bundle):
                    self.tasks.back(task)
        for name in event.cancelled:
            task = self.tasks.unfinished.get(name)
            if task is not None:
                self.tasks.cancel(task)
        for task in list(self.tasks.unfinished.values()):
            if not task.info.size:
                text = (
                    f"{task.info.name} was never sent: the process that had it ended before. "
                    "Submit it again."
                )
                self.tasks.settle(task, Trouble("RunLost", text))

"""Tasks that an earlier process has sent: where they lie is learnt from the inbox itself.

What is in no bundle there was never sent: its payload is gone with the process that had it. Until
this is known, nothing is sent, no pilot submitted, and no end looked into.
"""

from __future__ import annotations

from typing import Any

from .actions import ReadInbox
from .events import Failed, InboxRead, Trouble
from .inbox import Inbox
from .requests import Requests
from .tasks import Tasks


class Adoption:
    """Finds the tasks of an attached run; a run of our own has none to find."""

    def __init__(self, requests: Requests, tasks: Tasks, inbox: Inbox) -> None:
        self.requests = requests
        self.tasks = tasks
        self.inbox = inbox
        self.done = True

    def begin(self) -> None:
        """The run is attached: read its inbox."""
        self.done = False
        self.requests.ask(ReadInbox, then=self._read, failed=self._nothing_there)

    def _read(self, _action: Any, event: InboxRead) -> None:
        """Each task lies where its last attempt was sent."""
        self.inbox.found()
        self._placed(event)

    def _nothing_there(self, _action: Any, event: Failed) -> None:
        """No pilot ever began: there is no directory, or no inbox in it."""
        if event.kind == "missing":
            self._placed(InboxRead(event.action, ()))
        else:
            self.requests.give_up(event.trouble)

    def _placed(self, event: InboxRead) -> None:
        self.done = True
        for info, bundle, portion in event.tasks:
            task = self.tasks.unfinished.get(info.id)
            if task is not None:
                task.info = info
                self.tasks.placed(task, bundle, portion)
        for name in event.cancelled:
            task = self.tasks.unfinished.get(name)
            if task is not None:
                self.tasks.cancel(task)
        for task in list(self.tasks.unfinished.values()):
            if not task.bundle:
                text = (
                    f"{task.info.name} was never sent: the process that had it ended before. "
                    "Submit it again."
                )
                self.tasks.settle(task, Trouble("RunLost", text))

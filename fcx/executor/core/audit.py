"""Whether somebody still has the tasks that were sent, before a pilot is submitted for them.

Every task that an agent claimed has an outcome, or was handed back, once the agent has left. Should
one have got lost all the same, it goes back here, rather than be waited for at one pilot after
another.
"""

from __future__ import annotations

from typing import Any

from ...protocol.names import Incarnation, parse_claim
from .actions import ListFolder, ListLinks
from .events import Failed, FilesListed, LinksListed
from .fleet import Fleet
from .inbox import Inbox
from .logs import Logs
from .requests import Requests
from .tasks import Tasks


class Audit:
    """Asked for whenever the last pilot has ended and sent tasks are left over."""

    def __init__(
        self, requests: Requests, tasks: Tasks, fleet: Fleet, inbox: Inbox, logs: Logs
    ) -> None:
        self.requests = requests
        self.tasks = tasks
        self.fleet = fleet
        self.inbox = inbox
        self.logs = logs
        self._busy = False
        self._of = -1  # how many pilots there had been when it was last done

    def passed(self) -> bool:
        """Whether pilots may be submitted; where that is not known, it is found out."""
        pilots = len(self.fleet.pilots)
        if self.fleet.live() or not self.inbox.landed or not self.tasks.bundles():
            return True
        if self._of != pilots and not self._busy:
            self._busy = True
            self.requests.ask(ListLinks, "claims", then=self._listed, failed=self._failed)
        return self._of == pilots

    def _listed(self, _action: Any, event: LinksListed) -> None:
        lost = []
        for name, owner in event.links:
            portion, agent = parse_claim(name), Incarnation.parse(owner)
            cursor = self.logs.cursors.get(agent) if agent else None
            if portion and (cursor is None or cursor.ended):
                lost.append(portion)
        for task in self.tasks.in_portions(lost):
            self.tasks.back(task)
        self.requests.ask(ListFolder, "inbox", then=self._inbox, failed=self._failed)

    def _inbox(self, _action: Any, event: FilesListed) -> None:
        """A clean-up may have taken the bundles, and a pilot made the folder anew."""
        self._over()
        there = dict(event.files)
        for bundle in self.tasks.bundles():
            if bundle not in there and bundle not in self.inbox.kept:
                for task in self.tasks.in_bundle(bundle):
                    self.tasks.back(task)

    def _failed(self, _action: Any, _event: Failed) -> None:
        """Nothing is known: the next pilot will show."""
        self._over()

    def _over(self) -> None:
        self._busy = False
        self._of = len(self.fleet.pilots)

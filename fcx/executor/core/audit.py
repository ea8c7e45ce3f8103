"""Whether somebody still has the tasks that were sent, before a pilot is submitted for them.

Every task that an agent claimed has an outcome, or was handed back, once the agent has left. Should
one have got lost all the same, it goes back here, rather than be waited for at one pilot after
another. An agent that is not known, because no journal has its pilot, may have a log that was not
read yet: it is looked for before anything goes back.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ...protocol.layout import parse_claim
from ...protocol.names import Incarnation
from .actions import ListFolder, ListLinks
from .doubts import SILENCE
from .events import Failed, FilesListed, LinksListed
from .fates import run_lost
from .fleet import Fleet, Pilot
from .inbox import Inbox
from .inquest import UNREAD_DAMAGED
from .logs import Cursor, Logs, Sink
from .requests import Requests
from .tasks import Tasks


class Audit:
    """Asked for before a pilot follows one that found nothing to do, or one that was the last."""

    def __init__(
        self, requests: Requests, tasks: Tasks, fleet: Fleet, inbox: Inbox, logs: Logs
    ) -> None:
        self.requests = requests
        self.tasks = tasks
        self.fleet = fleet
        self.inbox = inbox
        self.logs = logs
        self._busy = False
        self._suspicion: dict[int, None] = {}  # shapes of pilots that left idle beside tasks
        self._of = -1  # how many pilots there had been when it was last done

    def left_idle(self, shape: int) -> None:
        """An agent of a pilot of this shape has found nothing to do."""
        self._suspicion[shape] = None

    def passed(self, sink: Sink, shape: int) -> bool:
        """Whether such pilots may be submitted; where that is not known, it is found out."""
        if not self.inbox.landed or not self.tasks.bundles(shape):
            return True
        pilots = self.fleet.pilots
        mine = [pilot for pilot in pilots if pilot.shape == shape]
        if not mine and self.inbox.epoch == 1:
            return True  # nobody has ever had them
        fresh = self._of != len(pilots) and not any(pilot.live for pilot in mine)
        if not fresh and shape not in self._suspicion:
            return True
        unknown = self.logs.unseen or any(pilot.phase == "leaving" for pilot in mine)
        if not self._busy and not unknown:
            self._busy = True
            claims = partial(self._claims, sink)
            self.requests.ask(ListLinks, "claims", then=claims, failed=self._failed)
        return False

    def _claims(self, sink: Sink, _action: Any, event: LinksListed) -> None:
        decide = partial(self._decide, event)
        if any(self._unknown(owner) for _, owner in event.links):
            self.logs.look_at_all(sink, decide)
        else:
            decide()

    def _decide(self, event: LinksListed) -> None:
        if self.logs.blind:
            self._over()
            return
        claims = [(parse_claim(name), owner) for name, owner in event.links]
        lost = [portion for portion, owner in claims if portion and self._has_ended(owner)]
        for task in self.tasks.in_portions(lost):
            if task.agent:
                text = f"{task.info.name} will run again: its agent ended without a word of it"
                self.requests.say(text, "warning")
            self.tasks.back(task)
        arrived = [name for name in self.tasks.bundles() if self.inbox.listed(name)]
        then = partial(self._inbox, arrived)
        self.requests.ask(ListFolder, "inbox", then=then, failed=self._failed)

    def _cursor(self, owner: str) -> Cursor | None:
        agent = Incarnation.parse(owner)
        return self.logs.cursors.get(agent) if agent else None

    def _pilot(self, owner: str) -> Pilot | None:
        return self.fleet.of_agent(owner)

    def _unknown(self, owner: str) -> bool:
        return self._cursor(owner) is None and self._pilot(owner) is None

    def _has_ended(self, owner: str) -> bool:
        """Whether the agent that claimed is no more, and its log was read to the end."""
        cursor, pilot = self._cursor(owner), self._pilot(owner)
        over = pilot is None or pilot.phase == "ended"
        if cursor is None or cursor.ended:
            return over or cursor is not None
        # Its log was seen only after its pilot was done with: it will not say that it ends.
        silent = self.requests.now - cursor.progress
        return over and silent >= (UNREAD_DAMAGED if cursor.behind else SILENCE)

    def _inbox(self, arrived: list[str], _action: Any, event: FilesListed) -> None:
        """A clean-up may have taken the bundles, and a pilot made the folder anew."""
        self._over()
        there = dict(event.files)
        gone = [bundle for bundle in arrived if bundle not in there]
        if gone:
            self.inbox.emptied()
        for bundle in gone:
            for task in self.tasks.in_bundle(bundle):
                self.tasks.back(task)

    def _failed(self, _action: Any, event: Failed) -> None:
        """Nothing is known: the next pilot will show, unless the folder is gone for good."""
        self._over()
        if event.kind == "missing":
            self.requests.give_up(run_lost(self.inbox.directory))

    def _over(self) -> None:
        self._busy = False
        self._suspicion.clear()
        self._of = len(self.fleet.pilots)

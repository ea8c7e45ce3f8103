"""Numbers of what a client sends, past those of any earlier one; its orders have some, too."""

from __future__ import annotations

from typing import Any

from ...protocol.names import EPOCH
from .actions import UploadOrder
from .events import Failed
from .fleet import Fleet
from .inbox import Inbox
from .requests import Requests

SIGN = 20.0  # seconds between two signs for pilots that wait for the go
NOBODY = ""  # whose order this is, it says that the client lives
PILOTS = 1000  # numbers that each client of a run has for its pilots


class Numbers:
    """Of bundles, orders and pilots."""

    def __init__(self, requests: Requests, inbox: Inbox, fleet: Fleet) -> None:
        self.inbox = inbox
        self.fleet = fleet
        self.orders = Orders(requests, inbox)
        self.number = 0  # of the last bundle

    def belongs(self, epoch: int) -> None:
        """What this client sends has numbers of its own, and its pilots names."""
        self.inbox.epoch = epoch
        self.number_from((epoch - 1) * EPOCH)
        self.fleet.named_from((epoch - 1) * PILOTS)

    def number_from(self, number: int) -> None:
        """Bundles and orders are numbered past those of an earlier process."""
        self.number = max(number, self.number)
        self.orders.number = max(number, self.orders.number)

    def bundle(self) -> str:
        """The name of the next bundle."""
        self.number += 1
        return f"b{self.number:06d}"


class Orders:
    """Tasks that were cancelled after they had left: the agents are told, one order at a time.

    Those that wait for the go hear by one of nobody's that the client lives.
    """

    def __init__(self, requests: Requests, inbox: Inbox) -> None:
        self.requests = requests
        self.inbox = inbox
        self.number = 0
        self._waiting: list[str] = []
        self._busy = False
        self._awaited: float | None = None  # since when pilots wait for the go
        self._sign_at: float | None = None  # when they are told again that we live

    def due(self) -> float | None:
        """When there is an order to send that nobody asks for."""
        return self._sign_at

    def reassure(self, patience: float, *, awaited: bool) -> None:
        """Pilots that wait for the go leave without a sign of us: for so long they have some."""
        now = self.requests.now
        if not awaited:
            self._awaited = self._sign_at = None
        elif self._awaited is None:
            self._awaited, self._sign_at = now, now + SIGN
        elif self._sign_at is not None and now >= self._sign_at:
            goes_on = now < self._awaited + patience
            self._sign_at = now + SIGN if goes_on else None
            if goes_on:
                self.cancel(NOBODY)

    def cancel(self, *names: str) -> None:
        """Tell the agents that nobody wants tasks; or, by its name, that a pilot is to leave."""
        self._waiting += names

    def plan(self) -> None:
        """Before there is an inbox, tasks ride in a script: the agents will hear of it then."""
        if self._busy or not self._waiting or not self.inbox.there:
            return
        names, self._waiting = self._waiting, []
        self.number += 1
        self._busy = True
        self.requests.ask(
            UploadOrder, self.number, tuple(names), then=self._done, failed=self._failed
        )

    def _done(self, _action: UploadOrder, _event: Any) -> None:
        self._busy = False

    def _failed(self, action: UploadOrder, event: Failed) -> None:
        """The task may run to its end for nothing; that harms nobody."""
        self._busy = False
        if any(action.cancel):
            text = f"A cancelled task may still run: {event.trouble.message}"
            self.requests.say(text, "warning")

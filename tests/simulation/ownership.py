"""Whose a run is: a client from which it was taken hears of it, and leaves it alone from then on."""

from __future__ import annotations

from typing import Any

from fcx.executor.core import actions as act
from fcx.executor.core import events as ev
from fcx.protocol.layout import epoch_of_client

from .invariants import Checks

HEARS = 60.0  # seconds after which a client that works has listed what tells it
ANOTHERS = (
    *(act.CancelJob, act.RemoveDirectory, act.WriteClosed, act.RecordEnd),
    *(act.UploadBundle, act.SubmitPilot),
)


class Ownership:
    """Of one life of the client."""

    def __init__(self, checks: Checks) -> None:
        self.checks = checks
        self._epoch = 1
        self._knows = False  # that it was taken
        self._taken: float | None = None  # when, as far as it could have heard

    def step(self, core: Any, event: Any, actions: list[Any]) -> None:
        """After each step."""
        if isinstance(event, ev.Owned | ev.Attached):
            self._epoch = max(self._epoch, event.epoch)
        elif isinstance(event, ev.FilesListed):
            newest = max((epoch_of_client(name) for name, _ in event.files), default=0)
            self._knows = self._knows or newest > self._epoch
        if self._knows:
            late = [action for action in actions if isinstance(action, ANOTHERS)]
            self.checks.demand(not late, "not its own any more", late)
        self._in_time(core)

    def _in_time(self, core: Any) -> None:
        """A client that waits for tasks does not go on for long."""
        now, scenario = self.checks.world.now, self.checks.scenario
        taken = self.checks.cluster.directory.clients > self._epoch
        if not taken or not core._works() or not core.tasks.wanted or self._held_up():
            self._taken = None
            return
        self._taken = now if self._taken is None else self._taken
        latest = self._taken + HEARS + 2 * scenario.limits.sleep_interval + 30 * scenario.latency
        self.checks.demand(now <= latest, "goes on with another's", f"taken at {self._taken:.1f} s")

    def _held_up(self) -> bool:
        return any(name not in ("client_beside", "client_attaches") for name in self.checks.struck)

"""Requests: ids, repeats, and how often the core looks, neither too often nor too rarely."""

from __future__ import annotations

from typing import Any

from fcx.executor.core import actions as act
from fcx.executor.core import events as ev
from fcx.executor.core.budget import BURST, RATE

from .invariants import Checks

LOOKS = (act.ListFolder, act.ReadLog)
ONE_AT_A_TIME = (act.ListFolder, act.ListJobs, act.UploadOrder, act.ReadInbox)
LATE = 5.0  # seconds that a look may be late beside what it waits for
ROUNDING = 1e-6
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before a failed request is repeated


class Pace:
    """One life of the client's requests."""

    def __init__(self, checks: Checks) -> None:
        self.checks = checks
        self._ids: dict[int, Any] = {}  # all that were ever asked
        self._awaited: dict[int, Any] = {}
        self._failed: dict[int, tuple[float, float]] = {}  # when, and what it was asked to wait
        self._usable: float | None = None  # when the server last gave a usable answer
        self._unusable: float | None = None  # since when it did not
        self._looked = 0.0
        self._idle = True  # there was nothing to look for, or an answer was awaited
        self._level = BURST
        self._earned = 0.0

    # -- told -------------------------------------------------------------------------------

    def told(self, event: Any, now: float) -> Any:
        """An answer, perhaps: the action that it answers."""
        if not isinstance(event, ev.Answer):
            return None
        asked = self._awaited.pop(event.action, None)
        if isinstance(asked, LOOKS):
            self._looked = now
        passing = isinstance(event, ev.Failed) and event.kind == "passing"
        if passing:
            self._failed[event.action] = now, event.after
        if isinstance(asked, act.Request):
            if not passing:
                self._usable, self._unusable = now, None
            elif self._unusable is None:
                self._unusable = now
        return asked

    def patient(self, now: float) -> bool:
        """Whether no usable answer has come for as long as the caller is patient."""
        never = self._usable is None
        patience = min(60.0, self.checks.scenario.limits.patience)
        if not never:
            patience = self.checks.scenario.limits.patience
        return self._unusable is not None and now + 1.25 * LONGEST_PAUSE + 60 >= (
            self._unusable + patience
        )

    # -- asked ------------------------------------------------------------------------------

    def asked(self, action: Any, now: float) -> None:
        """A request or an errand goes out."""
        demand = self.checks.demand
        known = self._ids.setdefault(action.id, action)
        fresh = action.id not in self._awaited
        demand(known == action and fresh, "id used twice", f"{action}")
        for other in self._awaited.values():
            twin = type(other) is type(action) and isinstance(action, ONE_AT_A_TIME)
            same = isinstance(action, act.ReadLog) and _same_log(other, action)
            if same or (twin and _same_folder(other, action)):
                demand(False, "asked beside itself", f"{action} beside {other}")
        self._awaited[action.id] = action
        if action.id in self._failed:
            self._again(action, now)
        if isinstance(action, act.ListJobs | act.ListFolder):
            self._level = min(BURST, self._level + (now - self._earned) * RATE) - 1.0
            self._earned = now
            demand(self._level > -BURST, "over budget", f"{-self._level:.0f} looks too many")

    def _again(self, action: Any, now: float) -> None:
        """A request is repeated: not at once, not before the server wants it."""
        when, after = self._failed.pop(action.id)
        waited = now - when
        least = max(after, 0.75 * FIRST_PAUSE) - ROUNDING
        leaving = self.checks.sessions[-1].causes.leaving
        self.checks.demand(leaving or waited >= least, "repeated too soon", f"{action}: {waited}")

    def after(self, core: Any, now: float) -> None:
        """Nobody waits too long for a look."""
        waits = self._awaited or self._failed
        idle = waits or not core.tasks.unfinished or not core._works()
        if idle or self._idle:
            self._looked, self._idle = now, bool(idle)
            return
        longest = self.checks.scenario.limits.sleep_interval
        fine = now - self._looked <= longest + LATE
        self.checks.demand(fine, "polls starve", f"no look for {now - self._looked:.1f} s")

    def finish(self) -> None:
        """Nothing may be awaited."""
        self.checks.demand(not self._awaited, "finished too early", f"{self._awaited}")


def _same_log(one: Any, other: Any) -> bool:
    if not isinstance(one, act.ReadLog):
        return False
    return (one.log, one.segment, one.offset) == (other.log, other.segment, other.offset)


def _same_folder(one: Any, other: Any) -> bool:
    return getattr(one, "folder", "") == getattr(other, "folder", "")

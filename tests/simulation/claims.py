"""What an agent has claimed and may claim: judged from what it was told, not from what it remembers."""

from __future__ import annotations

from typing import Any

from fcx.remote import actions as do
from fcx.remote import events as on

from .invariants import Checks
from .parcel import mark

MARGIN = 2.0  # seconds of the job's time that are not counted on


class Duties:
    """Tasks that an agent has claimed, and what it has done about each."""

    def __init__(self, agent: Any, checks: Checks) -> None:
        self.agent = agent
        self.checks = checks
        self.done: dict[Any, str] = {}  # queued | begun | kept | died | back | cancelled
        self.went_back = False
        self.dying: Any = None
        self._infos: dict[Any, on.TaskInfo] = {}
        self._cancelled: dict[str, None] = {}

    def waiting(self) -> bool:
        """Whether any is not begun."""
        return "queued" in self.done.values()

    def next_modules(self) -> tuple[str, ...] | None:
        """Modules of the task to be begun next, if there is one."""
        for task, how in self.done.items():
            if how == "queued":
                return tuple(self._infos[task].modules)
        return None

    @property
    def names(self) -> dict[str, None]:
        """What orders have called back: tasks, and pilots."""
        return self._cancelled

    def unwanted(self, task: tuple[str, int]) -> bool:
        """Whether it was cancelled."""
        return task[0] in self._cancelled

    def cancelled(self, names: tuple[str, ...]) -> None:
        """Nobody wants these any more."""
        self._cancelled.update(dict.fromkeys(names))
        for task, how in self.done.items():
            if task[0] in self._cancelled and how in {"queued", "begun"}:
                self.done[task] = "cancelled"

    def claimed(self, tasks: tuple[on.TaskInfo, ...]) -> None:
        """They are its own."""
        for info in tasks:
            key = info.id, info.attempt
            self._infos[key] = info
            self.done[key] = "cancelled" if info.id in self._cancelled else "queued"

    def run(self, action: do.Run) -> on.TaskInfo:
        """One is begun."""
        key = action.task, action.attempt
        how = self.done.get(key)
        self.checks.demand(how == "queued", "begun unclaimed", f"{action}: {how}")
        self.done[key] = "begun"
        return self._infos[key]

    def not_begun(self, task: tuple[str, int]) -> None:
        """It waits again."""
        if self.done[task] == "begun":
            self.done[task] = "queued"

    def died(self, run: tuple[str, int] | None) -> None:
        """A worker has died, perhaps of its task."""
        self.dying = run

    def back(self, tasks: list[tuple[str, int]]) -> None:
        """They are not its own any more."""
        self.went_back = True
        for task in tasks:
            how = self.done.get(task)
            self.checks.demand(how == "queued", "handed back", f"{task}: {how}")
            self.done[task] = "back"

    def settled(self) -> None:
        """Every task has a word about it."""
        left = [task for task, how in self.done.items() if how in {"queued", "begun"}]
        self.checks.demand(not left, "left with tasks", f"{self.agent.name}: {left}")


class Portions:
    """What lies in the inbox for an agent, and how long tasks of a function may take."""

    def __init__(self, agent: Any, checks: Checks) -> None:
        self.checks = checks
        self.pilot = agent.job.script.action.pilot
        self.mark = mark(agent.job.script.action.shape)
        self.asked: do.Claim | None = None
        self.held = False
        self.seen = False  # any bundle
        self._open: dict[tuple[str, int], Any] = {}  # (pilot or None, portion)
        self.waiting: dict[tuple[str, int], Any] = {}  # for values
        self._values: dict[str, None] = {}
        self._longest: dict[str, float] = {}

    def looked(self, heads: tuple[Any, ...], values: tuple[str, ...]) -> None:
        """New bundles, and values that are there."""
        self.held = False
        for head in heads:
            for function, seconds in head.seen.items():
                self._longest[function] = max(seconds, self._longest.get(function, 0.0))
            if head.pilot in {self.mark, self.pilot}:
                self.seen = True
                for number, portion in enumerate(head.portions):
                    self.waiting[head.name, number] = head.pilot == self.pilot, portion
        self._values.update(dict.fromkeys(values))
        for key, (pilot, portion) in list(self.waiting.items()):
            if all(of in self._values for of in portion.takes):
                self._open[key] = pilot, portion
                del self.waiting[key]

    def awaited(self) -> dict[str, None]:
        """Values that are not there."""
        names = (of for _, portion in self.waiting.values() for of in portion.takes)
        return {of: None for of in names if of not in self._values}

    def ran(self, task: str, seconds: float) -> None:
        """A task took so long."""
        function = self.checks.plans[task].function
        self._longest[function] = max(seconds, self._longest.get(function, 0.0))

    def need(self, infos: list[on.TaskInfo]) -> float:
        """Seconds that tasks may take."""
        known = [self._longest.get(info.function, 0.0) for info in infos]
        return max(*known, *(info.walltime or 0.0 for info in infos))

    def claim(self, action: do.Claim, fresh: bool, left: float) -> None:
        """It must be there, for this pilot, and fit."""
        key = action.bundle, action.portion
        demand = self.checks.demand
        demand(self.asked is None, "two claims", f"{action} beside {self.asked}")
        demand(not self.held, "claimed too soon", action)
        demand(key in self._open, "claimed again", action)
        demand(self._fits(key, fresh, left), "claimed without time", f"{action}: {left:.1f} s")
        reserved = any(pilot for pilot, _ in self._open.values())
        demand(not reserved or bool(self._open[key][0]), "reserved ones first", action)
        self.asked = action

    def answered(self) -> None:
        """Whose it is is known."""
        if self.asked is not None:
            self._open.pop((self.asked.bundle, self.asked.portion), None)
        self.asked = None

    def _fits(self, key: tuple[str, int], fresh: bool, left: float) -> bool:
        pilot, portion = self._open[key]
        longest = [self._longest.get(function, 0.0) for function in portion.functions]
        return bool(pilot) or fresh or left - MARGIN >= max(portion.walltime, *longest)

    def best(self, fresh: bool, left: float) -> tuple[str, int] | None:
        """One that could be claimed; the first portion of a bundle decides for all of it."""
        if self.held:
            return None
        firsts: dict[str, tuple[str, int]] = {}
        for key in sorted(self._open):
            firsts.setdefault(key[0], key)
        return next((key for key in firsts.values() if self._fits(key, fresh, left)), None)

    def unfit(self, left: float) -> bool:
        """Whether something was left alone for want of time."""
        return any(not self._fits(key, fresh=False, left=left) for key in self._open)

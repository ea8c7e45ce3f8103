"""What is noted of a timed world, in the place of what checks the others: that costs too much here."""

from __future__ import annotations

from typing import Any

from fcx.executor.core import actions as act
from fcx.executor.core import events as ev

from ..invariants import Checks
from ..scenario import Plan, Scenario
from ..table import Table
from ..world import World


class Ledger(Checks):
    """Tasks, what ran, and when the caller had what; nothing is demanded of anybody."""

    def __init__(self, world: World, scenario: Scenario) -> None:
        super().__init__(world, scenario, Table())
        self.came: dict[str, float] = {}  # when each was submitted
        self.latencies: list[float] = []
        self.first: float | None = None
        self.last = 0.0
        self.failed: list[act.Settle] = []

    def demand(self, holds: bool, name: str, text: str) -> None:
        """Nothing."""

    def begins(self, agent: Any, slot: int, task: str, attempt: int) -> Any:
        """A worker begins a task."""
        self.runs[task] = [None]  # type: ignore[list-item] - only their number is asked for

    def ends(self, run: Any, how: str) -> None:
        """It is over."""

    def logged(self, agent: Any, records: list[Any]) -> None:
        """Records stand in a log."""

    def removed(self) -> None:
        """The run directory is removed."""

    def submits(self, task: str, plan: Plan) -> ev.TaskInfo:
        """A task is on its way in."""
        self.plans[task] = plan
        self.came[task] = self.world.now
        return self.info(task)

    def has(self, task: str) -> None:
        """The caller has its outcome."""
        now = self.world.now
        self.latencies.append(now - self.came.pop(task))
        self.first = now if self.first is None else self.first
        self.last = now


class Quiet:
    """Who looks at what an agent does, and says nothing."""

    def __init__(self, agent: Any, checks: Any, workers: int) -> None:
        self.told: tuple[float, float] | None = None
        self.served = False

    def step(self, event: Any, actions: list[Any]) -> None:
        """Nothing."""


class Listener:
    """A life of the client: what the caller is given."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.had = lambda task: None  # told of each outcome, once the caller has it
        self.learnt: act.Remember | None = None  # for later runs

    def step(self, client: Any, event: Any, actions: list[Any]) -> None:
        """The core was told something."""
        if isinstance(event, ev.Settled):
            for task in event.tasks:
                self.ledger.has(task)
                self.had(task)
        for action in actions:
            if isinstance(action, act.Settle) and action.trouble is not None:
                self.ledger.failed.append(action)
            elif isinstance(action, act.Remember):
                self.learnt = action
            elif isinstance(action, act.Broken):
                raise RuntimeError(f"the run broke: {action}")

"""Core: takes events, gives actions. What each means is decided by the part that it concerns."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ...protocol.names import Incarnation
from .actions import Action, FetchLeft, Prepare
from .adoption import Adoption
from .audit import Audit
from .budget import Budget
from .cuts import Cuts
from .doubts import Doubts
from .earlier import Earlier
from .ending import Ending
from .events import (
    Allowed,
    Answer,
    AnyEvent,
    Attached,
    Began,
    Broke,
    CancelAsked,
    CloseAsked,
    Failed,
    LeaveAsked,
    Prepared,
    Recalled,
    Settled,
    Shaped,
    Submitted,
    TaskInfo,
    Trouble,
)
from .fates import run_lost
from .fleet import Fleet
from .forecast import Forecast
from .inbox import Inbox
from .inquest import Inquest
from .lanes import Lane, Lanes
from .limits import Limits
from .logs import Logs, Place
from .numbers import Numbers
from .outcomes import Outcomes
from .requests import Requests, nothing
from .rhythm import Rhythm
from .tasks import Tasks


class Core:
    """The decisions of one run. Not thread-safe; one event at a time."""

    def __init__(self, limits: Limits) -> None:
        budget = Budget()
        self.requests = Requests(budget, limits.patience, self._give_up)
        self.tasks = Tasks(self.requests, limits.task_retries)
        inbox = Inbox(self.requests, limits)
        self.fleet = Fleet(self.requests)
        numbers = Numbers(self.requests, inbox, self.fleet)
        self.lanes = Lanes(self.tasks, numbers, self._lanes_give_up)
        self.lanes.add(0, limits, 0)
        rhythm = Rhythm(limits.sleep_interval, budget, Forecast(self.tasks, self.fleet, inbox))
        self.logs = Logs(self.requests, rhythm, limits, inbox, self.fleet)
        audit = Audit(self.requests, self.tasks, self.fleet, inbox, self.logs)
        inquest = Inquest(self.requests, limits, self.tasks, inbox, self.lanes, self.logs)
        cuts = Cuts(self.requests, self.tasks, self.logs)
        self.outcomes = Outcomes(limits, self.tasks, self.lanes, inquest, audit, cuts)
        self.doubts = Doubts(self.requests, self.logs, inquest)
        self.ending = Ending(self.requests, limits, self.tasks, inbox, self.fleet)
        keep = self.ending.keep_directory
        earlier = Earlier(self.tasks, self.lanes, self.outcomes)
        self.adoption = Adoption(self.tasks, numbers, earlier, keep)
        self._prepared: bool | None = None  # None: not asked for yet

    def handle(self, event: AnyEvent, now: float) -> list[Action]:
        """Take an event in; what is to be done about it. ``now`` never goes back."""
        self.requests.at(now)
        meaning = _MEANINGS.get(type(event))
        if meaning is not None:
            meaning(self, event)
        elif isinstance(event, Answer):
            self.requests.answered(event)
        if not isinstance(event, Settled) or self.ending.stage != "open":
            self._plan()  # that the caller has an outcome only matters at the end
        return self.requests.taken()

    def due(self) -> float | None:
        """When to be asked again though nothing happens; None: only an event wakes us."""
        times = [self.requests.due()]
        if self._works():
            times += [lane.outgoing.due() for lane in self.lanes.working()]
            times += [self.adoption.due(), self.adoption.numbers.orders.due()]
            if self.tasks.wanted or self.adoption.hopes():
                times += [self._look_due(), *self._ramps_due(), self.doubts.due()]
                times.append(self.outcomes.cuts.due())
        return min((time for time in times if time is not None), default=None)

    def running(self, task: str) -> Place | None:
        """Where a running task writes what it prints, if it is known to run."""
        found = self.tasks.unfinished.get(task)
        agent = Incarnation.parse(found.agent) if found is not None and found.agent else None
        cursor = self.logs.cursors.get(agent) if agent is not None else None
        if found is None or cursor is None:
            return None
        return Place(task, found.attempt, found.place[1], cursor)

    @property
    def sent(self) -> bool:
        """Whether all tasks have left, and a job is known that may run them."""
        lanes = self.lanes.working()
        left = all(task.bundle for task in list(self.tasks.unfinished.values()))
        under_way = any(lane.outgoing.busy for lane in lanes)
        return left and not under_way and any(pilot.job for pilot in list(self.fleet.pilots))

    def _works(self) -> bool:
        ready = self._prepared is True and self.adoption.done
        return ready and self.ending.stage == "open"

    def _look_due(self) -> float | None:
        return None if self.logs.look.busy else self.logs.due()

    def _ramps_due(self) -> list[float]:
        crews = [lane.crew for lane in self.lanes.working()]
        when = [time for crew in crews for time in (crew.ramp_ends(), crew.barren.until)]
        if len(crews) > 1:
            when += [lane.turn_ends() for lane in self.lanes]
        return [time for time in when if time is not None and time > self.requests.now]

    def _plan(self) -> None:
        self.requests.retry()
        if self._works() and not self.ending.aborting:
            self.lanes.end_what_came_late()
            self.lanes.share(self.logs.limits.max_workers, self.logs.looked)
            for lane in self.lanes.working():
                lane.outgoing.plan()
            self.adoption.plan()
            if not self.adoption.waiting():
                for lane in self.lanes.working():
                    self._plan_pilots(lane)
            self._plan_orders()
            if self.tasks.wanted or self.adoption.hopes():
                self.logs.plan(self.outcomes)
                self.doubts.plan(self.outcomes)
                self.outcomes.cuts.plan()
        for lane in self.lanes:
            lane.remember(last=self.ending.closing)
        if self.ending.aborting or (self.adoption.done and not self.adoption.hopes()):
            self.ending.plan()

    def _plan_orders(self) -> None:
        """What agents are to hear, be it only that we live."""
        orders = self.adoption.numbers.orders
        orders.cancel(*self.tasks.called_back)
        self.tasks.called_back.clear()
        waits = any(lane.awaits_go() for lane in self.lanes.working())
        orders.reassure(self.logs.limits.gate_timeout, awaited=waits)
        orders.plan()

    def _plan_pilots(self, lane: Lane) -> None:
        """As many as a lane needs, and may have beside others."""
        queue, outcomes, looking = lane.queue, self.outcomes, self.logs.look.busy
        seconds = lane.seconds(self.logs.looked)
        passed = partial(outcomes.audit.passed, outcomes, lane.shape)
        unsent = lane.outgoing.unsent
        lane.crew.plan(queue.wanted, seconds, passed, unsent=unsent, looking=looking)
        if lane.crew.share.yields and not looking:
            lane.crew.give_way(self.adoption.numbers.orders)

    # -- events -----------------------------------------------------------------------------

    def began(self, event: Began) -> None:
        """A run begins."""
        self.requests.seed(event.seed)
        self.lanes.of(0).gate.begin(remembered=event.open)

    def shaped(self, event: Shaped) -> None:
        """Pilots of another shape are to be had."""
        self.lanes.register(event)

    def recalled(self, event: Recalled) -> None:
        """Earlier runs have learnt how long tasks take, and pilots until they begin."""
        self.lanes.of(event.shape).recall(event)

    def allowed(self, event: Allowed) -> None:
        """What the server lets us ask is known, or is another."""
        now = self.requests.now
        self.requests.budget.allow(event, now)

    def attached(self, event: Attached) -> None:
        """It was begun by another process."""
        self.logs.attach()
        self.logs.hurry()
        self._prepared = True
        self.adoption.begin(event)

    def submitted(self, event: Submitted) -> None:
        """New tasks."""
        if self.ending.broken is not None:
            self._refuse(event.tasks, self.ending.broken)
            return
        if not self.tasks.wanted:
            self.logs.hurry()
        earlier = self.adoption.earlier
        for part in earlier.parted(event.tasks):
            self._arrived([info for info in part if not earlier.takes(info)])
        if self._prepared is None:
            self._prepared = False
            self.requests.ask(Prepare, then=self._on_prepared)

    def _arrived(self, infos: list[TaskInfo]) -> None:
        """Each goes to the lane of its shape."""
        for lane in self.lanes:
            mine = [info for info in infos if info.shape == lane.shape]
            if mine and lane.broken is not None:
                self._refuse(tuple(mine), lane.broken)
            elif mine:
                added = self.tasks.add(mine)
                lane.outgoing.arrival([task for task in added if self.tasks.leaves(task)])

    def _refuse(self, tasks: tuple[TaskInfo, ...], trouble: Trouble) -> None:
        """They were on their way while the run broke, or their lane."""
        added = self.tasks.add(tasks)
        for task in added:
            self.tasks.settle(task, trouble)
        self.tasks.unqueue(added)

    def _on_prepared(self, _action: Any, event: Prepared) -> None:
        self.ending.inbox.prepared(event.directory)
        self._prepared = True

    def cancel_asked(self, event: CancelAsked) -> None:
        """The caller has cancelled a task; agents that may have it are told."""
        task = self.tasks.unfinished.get(self.adoption.earlier.id_of(event.task))
        if task is not None:
            if task.bundle:
                self.adoption.numbers.orders.cancel(task.id)
            self.tasks.cancel(task)

    def close_asked(self, event: CloseAsked) -> None:
        """No more tasks will come, and what was left where it lies is fetched while it is there."""
        if not event.abort:
            for task in self.tasks.dependencies.close():
                self.requests.ask(FetchLeft, task, then=nothing, failed=self._not_fetched)
        self.ending.close(abort=event.abort)

    def _not_fetched(self, _action: Any, event: Failed) -> None:
        """It may be wanted yet."""
        if event.kind != "missing":
            self.ending.keep_directory()

    def leave_asked(self, event: LeaveAsked) -> None:
        """A value that is handed on stays where it lies."""
        self.tasks.dependencies.hand_on(self.adoption.earlier.id_of(event.task))

    def broke(self, event: Broke) -> None:
        """The run cannot go on, or pilots of a shape cannot."""
        if event.shape is None:
            self.ending.break_run(event.trouble)
        else:
            self.lanes.give_up(event.shape, event.trouble)

    def settled(self, event: Settled) -> None:
        """The caller has outcomes."""
        self.ending.has_settled(event.tasks, kept=event.kept)

    def _lanes_give_up(self, lanes: list[Lane], trouble: Trouble) -> None:
        """Some lanes cannot go on: the run does, while there are others."""
        others = [lane for lane in self.lanes.working() if lane not in lanes]
        if not others or trouble.error in OF_THE_RUN or self._all_given():
            self._give_up(trouble)
            return
        for lane in lanes:
            if lane.broken is None and self.lanes.break_off(lane, trouble):
                self.ending.keep_directory()

    def _give_up(self, trouble: Trouble) -> None:
        """A file or folder of ours that is not there, unexpected: the run directory is gone."""
        if trouble.error == "NoSuchPath":
            trouble = run_lost(self.ending.inbox.directory)
        if self._all_given():
            self.requests.say(trouble.message, "warning")
        else:
            self.ending.break_run(trouble)

    def _all_given(self) -> bool:
        """Whether no more tasks come and all have outcomes: what fails then breaks nothing."""
        known = self.adoption.done and not self.adoption.hopes()
        return known and self.ending.closing and not self.tasks.wanted


OF_THE_RUN = ("NoSuchPath", "RunLost", "RunTaken", "Unreachable")
"""Errors that are no fault of one lane."""

_MEANINGS: dict[type, Callable[[Core, Any], None]] = {
    Began: Core.began,
    Allowed: Core.allowed,
    Shaped: Core.shaped,
    Recalled: Core.recalled,
    Attached: Core.attached,
    Submitted: Core.submitted,
    CancelAsked: Core.cancel_asked,
    LeaveAsked: Core.leave_asked,
    CloseAsked: Core.close_asked,
    Broke: Core.broke,
    Settled: Core.settled,
}

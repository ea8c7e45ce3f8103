"""Lanes: what a run has for each shape of pilots. A run of one shape has one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from .actions import Broken, Remember
from .crew import Crew
from .events import Recalled, Shaped, Trouble
from .fates import RUNS_NOTHING
from .fleet import Pilot
from .gate import Gate
from .limits import Limits
from .numbers import Numbers
from .outgoing import Outgoing
from .shares import Need, Share, shares
from .tasks import Task, Tasks

TOLD = 10.0  # seconds between two times that what was learnt is remembered
TURN = 60.0  # seconds for which a lane has its first pilot, though another waits for one
OURS_TO_GIVE = re.compile("Resources|Max|Grp|Limit")
"""Why a pilot waits, where what idle ones of ours hold may be what it waits for."""


class Lane:
    """The tasks and the pilots of one shape, and the verdict that lets those go to these."""

    def __init__(self, gate: Gate, crew: Crew, outgoing: Outgoing) -> None:
        self.shape = crew.shape
        self.limits = crew.limits
        self.gate = gate
        self.crew = crew
        self.outgoing = outgoing
        self.queue = outgoing.queue
        self.broken: Trouble | None = None  # why no more tasks come here
        self.waits_since: float | None = None  # it has tasks, and no pilot
        self.works_since: float | None = None  # its pilots have
        self.told_at = float("-inf")  # what was learnt by then is remembered:
        self.told = 0  # of so many tasks

    def turn_ends(self) -> float | None:
        """When it may have to make room for one that waits."""
        return None if self.works_since is None else self.works_since + TURN

    def awaits_go(self) -> bool:
        """Whether a pilot is up and waits for its first bundle: for the verdict, or its way."""
        if self.outgoing.landed or not self.queue.wanted:
            return False
        earlier = self.crew.fleet.earlier
        closed = (pilot for pilot in self.crew.live() if not pilot.brings.opened)
        return any(pilot.phase == "up" and pilot.name not in earlier for pilot in closed)

    def recall(self, event: Recalled) -> None:
        """Earlier runs have learnt something."""
        self.queue.pace.recall(event.seconds)
        self.crew.starts = list(event.starts)

    def remember(self, *, last: bool) -> None:
        """What was learnt, once nothing is owed: now and then, and in the end."""
        pace, now = self.queue.pace, self.crew.requests.now
        if self.queue.wanted or pace.ran == self.told or not (last or now >= self.told_at + TOLD):
            return
        self.told_at, self.told = now, pace.ran
        self.crew.requests.note(Remember(self.shape, pace.learnt(), tuple(self.crew.starts)))

    def began(self, pilot: Pilot) -> None:
        """A pilot has: that its tasks are silent means something from now on."""
        self.crew.began(pilot)
        if not self._serves():
            self.queue.pace.begin(self.crew.requests.now)

    def _serves(self) -> bool:
        return any(pilot.phase == "up" for pilot in self.crew.live())

    def seconds(self, looked: float) -> float | None:
        """Of one of its tasks; None where nothing tells. ``looked``: when the logs were read."""
        pace = self.queue.pace
        return pace.expected(looked) if self._serves() else pace.mean()

    def held_up(self) -> bool:
        """Whether it has tasks and no pilot that has begun, for want of what others may hold."""
        live = self.crew.live()
        if not self.queue.wanted or any(pilot.works for pilot in live):
            return False
        return any(OURS_TO_GIVE.search(pilot.heard.reason) for pilot in live)

    def need(self, now: float, looked: float) -> Need:
        """What it has and wants, in this moment; ``looked``: when the logs were last read."""
        live = [pilot for pilot in self.crew.live() if not pilot.refused]
        queue = self.queue
        tasks = 0 if self.broken else queue.wanted
        if live or not tasks:
            self.waits_since = None
        elif self.waits_since is None:
            self.waits_since = now
        up = self._serves()
        if not live:
            self.works_since = None
        elif up and self.works_since is None and self.outgoing.tasks.bundles(self.shape):
            self.works_since = now
        spent = self.works_since is not None and now >= self.works_since + TURN
        wants = self.crew.wants(tasks, self.seconds(looked))
        return Need(self.shape, tasks, self.crew.each, wants, len(live), spent, self.waits_since)


class Lanes:
    """All lanes of a run, the executor's own first."""

    def __init__(
        self, tasks: Tasks, numbers: Numbers, give_up: Callable[[list[Lane], Trouble], None]
    ) -> None:
        self.tasks = tasks
        self.numbers = numbers
        self._give_up = give_up
        self._lanes: dict[int, Lane] = {}

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes.values())

    def of(self, shape: int) -> Lane:
        """The one of this shape."""
        return self._lanes[shape]

    def working(self) -> list[Lane]:
        """Those that take tasks."""
        return [lane for lane in self if lane.broken is None]

    def add(self, shape: int, limits: Limits, like: int) -> Lane:
        """One more; ``like``: the lane whose verdict is its own."""
        tasks, numbers = self.tasks, self.numbers
        queue = tasks.add_queue(shape)
        numbers.fleet.shapes[shape] = limits
        if like == shape:
            refused = partial(self._place_refused, shape)
            gate = Gate(tasks.requests, tasks, shape, limits.words, refused)
        else:
            gate = self.of(like).gate
        gate.queues.append(queue)
        give_up = partial(self.give_up, shape)
        crew = Crew(shape, limits, gate, numbers.inbox, numbers.fleet, give_up)
        lane = self._lanes[shape] = Lane(gate, crew, Outgoing(tasks, queue, crew, numbers))
        return lane

    def register(self, event: Shaped) -> None:
        """There is another shape, or more is known of the place of one."""
        if event.shape not in self._lanes:
            self.add(event.shape, event.limits, event.like)
        self.of(event.shape).gate.begin(remembered=event.open)

    def give_up(self, shape: int, trouble: Trouble) -> None:
        """Pilots of this shape cannot be had, or do not serve."""
        self._give_up([self.of(shape)], trouble)

    def _place_refused(self, shape: int, trouble: Trouble) -> None:
        """That of all lanes which share its verdict."""
        self._give_up([lane for lane in self if lane.gate.shape == shape], trouble)

    def break_off(self, lane: Lane, trouble: Trouble) -> bool:
        """No more of its tasks; those that there are have this as their end, its pilots are ended.

        Others go on. Whether outcomes may lie in the run directory that nobody will have read.
        """
        tasks, fleet, requests = self.tasks, self.numbers.fleet, self.tasks.requests
        lane.broken = trouble
        requests.note(Broken(trouble, lane.shape))
        said = f"Pilots{lane.limits.words.shape} run nothing more, others go on"
        requests.say(f"{said}: {trouble.message.splitlines()[0]}", "error")
        owed = [task for task in tasks.unfinished.values() if task.info.shape == lane.shape]
        pilots = [pilot for pilot in fleet.pilots if pilot.shape == lane.shape]
        unread = _may_be_unread(lane.limits, owed, pilots, trouble)
        for task in [task for task in owed if task.asked]:
            tasks.settle(task, trouble)
        lane.crew.disband()
        return unread

    def end_what_came_late(self) -> None:
        """Tasks of which it turned out after a lane broke that they are its: asked for, or lost."""
        for lane in [lane for lane in self if lane.broken and lane.queue.wanted]:
            for task in list(self.tasks.unfinished.values()):
                mine = task.info.shape == lane.shape and task.asked
                if mine and task.awaits != "outcome":
                    self.tasks.settle(task, lane.broken)

    def share(self, most: int, looked: float) -> None:
        """Say to each what it may have of ``most`` workers; where there is one, that is all."""
        if len(self._lanes) == 1:
            return
        now = self.tasks.requests.now
        found = shares(most, [lane.need(now, looked) for lane in self])
        waits = any(lane.held_up() for lane in self)
        for lane in self:
            share = found.get(lane.shape, Share())
            idle = waits and not lane.queue.wanted  # what others wait for may be its nodes
            lane.crew.share = Share(0, share.whole, yields=True) if idle else share


def _may_be_unread(limits: Limits, owed: list[Task], pilots: list[Pilot], trouble: Trouble) -> bool:
    """Whether pilots that are given up may have left outcomes of these tasks."""
    if any(task.unread for task in owed):
        return True
    serving = trouble.error == "ParityError" and any(pilot.phase == "up" for pilot in pilots)
    several = limits.nodes > 1 or limits.requeue
    nothing = trouble.error in RUNS_NOTHING and not (several or serving)
    about = sum(pilot.may_be_about or bool(pilot.agents) for pilot in pilots)
    return about > nothing and any(task.bundle for task in owed)

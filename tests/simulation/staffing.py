"""How many pilots there are: as many as the work needs, none beyond, none too soon after a failure."""

from __future__ import annotations

import math
from typing import Any

from fcx.executor.core import actions as act
from fcx.executor.core import events as ev

from .calm import calm
from .faults import beside_requests
from .invariants import Checks

RAMP, LONGEST_RAMP = 0.5, 2.0  # seconds for which the first pilot stays alone: at least, at most
SHORT_WORK = 2.0  # seconds of work that are not worth another pilot
LATE = 1.5  # seconds that there may be too few pilots, or too many that wait
REFUSED = 60.0  # seconds without a further pilot after one was refused
UNMADE = 8.0  # seconds that the first of several pilots may take: what was lost is looked for
UNDER_WAY = 0.5  # seconds in which a pilot that is being made is made all the same
ROUNDING = 1e-6
NEVER = "will never start job"  # said of a further pilot


class Staffing:
    """Of one life of the client."""

    def __init__(self, checks: Checks) -> None:
        self.checks = checks
        self._first = 0.0  # when the first of the pilots that live was thought of
        self._barren = 0  # pilots in a row that ended before an agent came up
        self._not_before = self._held = 0.0  # no pilot sooner; and since when that is known
        self._short: float | None = None  # since when there are too few
        self._idle: float | None = None  # since when some wait for nothing
        self._seconds = 0.0  # that tasks took
        self._ran = 0
        self._took: dict[str, tuple[int, float]] = {}  # how many, and seconds, by function
        self._known: dict[str, None] = {}  # pilots
        self._none: float | None = None  # since when there is none, though tasks wait

    def step(self, core: Any, event: Any, actions: list[Any], open_gate: bool) -> None:
        """After each step."""
        now = self.checks.world.now
        self._learn(event, actions, now)
        pilots = [pilot for pilot in core.fleet.pilots if pilot.name not in self._known]
        self._known.update((pilot.name, None) for pilot in pilots)
        new = [pilot for pilot in pilots if pilot.phase == "submitting"]
        if self.checks.scenario.kinds:
            self._together(core, new)
            return
        if new:
            self._launched(core, new, now)
        self._some(core, now)
        if not core._works() or core.ending.aborting or not calm(self.checks):
            self._short = self._idle = None
            return
        self._enough(core, now, open_gate)
        self._surplus(core, now)

    # -- learnt -----------------------------------------------------------------------------

    def _learn(self, event: Any, actions: list[Any], now: float) -> None:
        if isinstance(event, ev.LogRead):
            for record in event.records:
                damaged = "damaged_line" in self.checks.struck  # perhaps the one that says Up
                told = isinstance(record, ev.Up | ev.Left)  # it may leave before it can say more
                if told or damaged:
                    self._barren = 0
                if isinstance(record, ev.Finished):
                    self._seconds += record.seconds
                    self._ran += 1
                    function = self.checks.info(record.task).function
                    ran, seconds = self._took.get(function, (0, 0.0))
                    self._took[function] = ran + 1, seconds + record.seconds
        if any(isinstance(a, act.Forget) and a.what == "verdict" for a in actions):
            self._barren += 1
            self._held = now
            self._not_before = max(self._not_before, now + min(30.0, 0.5 * 2**self._barren))
        never = [a for a in actions if isinstance(a, act.Say) and NEVER in a.text]
        if never or (isinstance(event, ev.Failed) and event.kind == "job"):
            self._held = now
            self._not_before = max(self._not_before, now + REFUSED)

    # -- not too many, not too soon ---------------------------------------------------------

    def _together(self, core: Any, new: list[Any]) -> None:
        """Pilots of all shapes have no more workers than may be, and a pilot's."""
        live = core.fleet.live()
        if not new or any(pilot.reserved for pilot in live) or len(self.checks.sessions) > 1:
            return
        live = [
            pilot for pilot in live if not pilot.refused
        ]  # it is tried again once there is room
        workers = sum(sum(core.fleet.limits(pilot).workers()) for pilot in live)
        most = self.checks.scenario.most()
        self.checks.demand(workers <= most, "too many workers", f"{workers}, not {most}")

    def _launched(self, core: Any, new: list[Any], now: float) -> None:
        demand = self.checks.demand
        making = UNDER_WAY + 4 * self.checks.scenario.latency
        made = all(pilot.reserved for pilot in new) and now - self._held < making
        fine = now >= self._not_before - ROUNDING or made
        demand(fine, "pilot too soon", f"{new[0].name}: not before {self._not_before:.1f} s")
        live = core.fleet.live()
        if any(pilot.reserved for pilot in live) or len(self.checks.sessions) > 1:
            return
        width = self._width(core)
        demand(len(live) <= max(1, width), "too many pilots", f"{len(live)} live, not {width}")
        if len(live) == len(new):
            self._first = now
        elif not self._known_tasks(core):
            fine = now - self._first >= RAMP - ROUNDING
            demand(fine, "second pilot too soon", f"{now - self._first:.3f} s after the first")

    def _width(self, core: Any) -> int:
        limits = self.checks.scenario.limits
        tasks = min(_ready(core), limits.max_workers)
        return math.ceil(tasks / sum(limits.workers()))

    def _late(self) -> float:
        """Some requests may be waited for before."""
        return LATE + 10 * self.checks.scenario.latency

    def _some(self, core: Any, now: float) -> None:
        """While tasks wait there is a pilot, as soon as another may follow those that failed."""
        scenario = self.checks.scenario
        waits = core._works() and core.tasks.unfinished and not core.fleet.live()
        easy = beside_requests(self.checks.struck) and len(self.checks.sessions) == 1
        odd = core.ending.aborting or _leaving(core)
        if not waits or not easy or scenario.dark or odd:
            self._none = None
            return
        self._none = now if self._none is None else self._none
        latest = max(self._none, self._not_before) + UNMADE + 20 * scenario.latency
        text = f"none since {self._none:.1f} s, not before {self._not_before:.1f} s"
        self.checks.demand(now <= latest, "no pilot", text)

    # -- not too few, none for nothing ------------------------------------------------------

    def _enough(self, core: Any, now: float, open_gate: bool) -> None:
        """While nothing tells that tasks are short, there are as many pilots as there may be."""
        live = core.fleet.live()
        due = live and open_gate and not _leaving(core) and now >= self._first + LONGEST_RAMP
        wanted = self._wanted(core, sum(pilot.phase == "up" for pilot in live), now)
        if not due or len(live) >= wanted:
            self._short = None
            return
        self._short = now if self._short is None else self._short
        fine = now - self._short <= self._late()
        self.checks.demand(fine, "too few pilots", f"{len(live)} live, not {wanted}")

    def _wanted(self, core: Any, running: int, now: float) -> int:
        """Pilots, at least: what is remembered counts until it is proven wrong."""
        width, mean = self._width(core), self._mean(core)
        silent = running and now - core.lanes.of(0).queue.pace.progress > SHORT_WORK + self._late()
        if mean is None or silent:
            return width
        work = _ready(core) * mean / sum(self.checks.scenario.limits.workers())
        if not running:
            return max(1, min(width, math.floor(work / SHORT_WORK)))
        start = min(core.lanes.of(0).crew.starts, default=0.0)
        return width if work / running > 2 * max(SHORT_WORK, start) else 1

    def _mean(self, core: Any) -> float | None:
        """Seconds of a task that is owed, as far as can be known; None where nothing tells."""
        known = dict(self.checks.scenario.recalled)
        tasks = [
            task for task in core.tasks.unfinished.values() if task.id not in core.tasks.waiting
        ]
        found = [self._of(task.info.function, known) for task in tasks]
        sure = [seconds for seconds in found if seconds is not None]
        return sum(sure) / len(sure) if sure and len(sure) == len(found) else None

    def _of(self, function: str, known: dict[str, float]) -> float | None:
        ran, seconds = self._took.get(function, (0, 0.0))
        if ran:
            return seconds / ran
        return known.get(function, self._seconds / self._ran if self._ran else None)

    def _known_tasks(self, core: Any) -> bool:
        """Whether something tells how long those take that wait."""
        return self._mean(core) is not None

    def _left(self, core: Any, running: int) -> float:
        """Seconds until the pilots that run have done all that there is."""
        work = _ready(core) * (self._mean(core) or 0.0)
        return float(work / (running * sum(self.checks.scenario.limits.workers())))

    def _surplus(self, core: Any, now: float) -> None:
        """Once the work is short, pilots that wait are cancelled."""
        live = core.fleet.live()
        running = sum(pilot.phase == "up" for pilot in live)
        # One that was found running when it was asked for is left alone; its log may show it later.
        waiting = [p for p in live if p.phase == "queued" and not p.reserved and p.held <= now]
        short = self._ran and running and self._left(core, running) < SHORT_WORK / 2
        stuck = (
            now - core.lanes.of(0).queue.pace.progress > SHORT_WORK
        )  # then it does not count as short
        if stuck or not (short and waiting and core.tasks.unfinished):
            self._idle = None
            return
        self._idle = now if self._idle is None else self._idle
        fine = now - self._idle <= self._late()
        self.checks.demand(fine, "surplus kept", f"{[p.name for p in waiting]}")


def _ready(core: Any) -> int:
    """Tasks that do not wait for the values of others."""
    return len(core.tasks.unfinished) - len(core.tasks.waiting)


def _leaving(core: Any) -> bool:
    """Whether a pilot was cancelled that may have begun: what it has claimed is not known yet."""
    return any(pilot.phase == "leaving" for pilot in core.fleet.pilots)

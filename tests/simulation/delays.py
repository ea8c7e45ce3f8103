"""What lies about: tasks that could leave, the tasks of jobs that have ended, claims that were read."""

from __future__ import annotations

from typing import Any

from fcx.executor.core import actions as act
from fcx.executor.core import events as ev

from .cluster import ENDED
from .faults import beside_requests
from .invariants import Checks

GATHERS = 0.003, 0.024  # seconds: after the last task, and after the first, at least
KEPT = 2.0  # seconds for which tasks gather at most, while requests must be saved
LATE = 0.6
LOGS = 5.0  # seconds after which the logs of a job that has ended are known
LISTED = 6.0  # seconds between two listings of jobs, and a little
AGAIN = 6  # times that claims are read for each agent and job, and as often beside


class Delays:
    """Of one life of the client."""

    def __init__(self, checks: Checks) -> None:
        self.checks = checks
        self._came: dict[str, float] = {}  # tasks that are new, and when
        self._last: dict[int, float] = {}  # when any of a shape came
        self._could: dict[int, float] = {}  # since when some of a shape could leave
        self._over: dict[str, float] = {}  # jobs that Slurm called ended, and when it was heard
        self._claims = 0  # times that they were read

    def step(self, core: Any, event: Any, actions: list[Any]) -> None:
        """After each step."""
        now = self.checks.world.now
        if isinstance(event, ev.Submitted):
            self._came.update((info.id, now) for info in event.tasks)
            self._last.update((info.shape, now) for info in event.tasks)
        for action in actions:
            if isinstance(action, act.RecordTasks):
                self._together(action, now)
            elif isinstance(action, act.ListLinks) and action.folder == "claims":
                self._read(core)
        if not core._works() or core.ending.aborting or not core.tasks.wanted:
            self._could, self._over = {}, {}
            return
        self._leaves(core, now)
        if isinstance(event, ev.JobsListed):
            self._listed(core, event, now)
        self._decided(core, now)

    # -- tasks that leave -------------------------------------------------------------------

    def _together(self, action: act.RecordTasks, now: float) -> None:
        """Tasks that come together leave together: a bundle waits for what comes at once."""
        new = [self._came.pop(task) for task, _ in action.tasks if task in self._came]
        last = self._last.get(self.checks.plans[action.tasks[0][0]].shape, 0.0)
        rests = now - last >= GATHERS[0] - 1e-6
        due = len(new) < len(action.tasks)  # what waits to leave again takes along what comes
        fine = due or rests or now - min(new, default=0.0) >= GATHERS[1] - 1e-6
        self.checks.demand(fine, "leaves too soon", f"{action}: {last:.4f}, {min(new, default=0)}")

    def _leaves(self, core: Any, now: float) -> None:
        """What may leave does."""
        for task in core.tasks.held.values():
            others = [core.tasks.unfinished[of] for of in core.tasks.lacks(task)]
            there = all(other.bundle for other in others)
            self.checks.demand(not there, "held for nothing", task.id)
        for lane in core.lanes:
            outbox = lane.queue.outbox
            live, tasks = lane.crew.live(), core.tasks
            held = lane.crew.holds_off() or not (lane.crew.room or live)
            mine = [task for task in tasks.unfinished.values() if task.info.shape == lane.shape]
            needless = all(task.id in tasks.waiting or not task.asked for task in mine)
            held = held or (needless and not live and lane.crew.limits.inline)
            waits = lane.outgoing.busy or not lane.gate.open or held or lane.broken
            first = next((t for t in outbox if t.id in core.tasks.unfinished), None)
            could = not waits and first is not None and first.asked and first.info.size
            if not could or not lane.gate.lets_out(first) or "laptop_sleeps" in self.checks.struck:
                self._could.pop(lane.shape, None)
                continue
            since = self._could.setdefault(lane.shape, now)
            late = now - since > KEPT + LATE
            self.checks.demand(not late, "kept back", f"{first.id} since {since:.2f} s")

    # -- jobs that ended --------------------------------------------------------------------

    def _listed(self, core: Any, event: ev.JobsListed, now: float) -> None:
        for seen in event.jobs:
            pilot = core.fleet.of_job(seen.job)
            alone = pilot is not None and len(pilot.jobs()) == 1 and not pilot.agents
            if alone and seen.state in ENDED:
                self._over.setdefault(seen.job, now)

    def _decided(self, core: Any, now: float) -> None:
        """A pilot that never came up, and whose job has ended, counts no more."""
        easy = beside_requests(self.checks.struck) and not self.checks.scenario.lag
        if not easy or len(self.checks.sessions) > 1:
            return
        latest = LOGS + 2 * LISTED + 20 * self.checks.scenario.latency
        for job, since in self._over.items():
            pilot = core.fleet.of_job(job)
            behind = any(c.incarnation.job == job and c.behind for c in core.logs.cursors.values())
            fine = pilot is None or pilot.phase == "ended" or behind or now - since <= latest
            self.checks.demand(fine, "undecided", f"job {job}, which has ended: {pilot}")

    def _read(self, core: Any) -> None:
        """Whose a claim is does not change: it is not asked for ever."""
        self._claims += 1
        struck = sum(self.checks.struck.values())
        most = AGAIN * (1 + len(core.logs.cursors) + len(core.fleet.pilots)) + 2 * struck
        self.checks.demand(self._claims <= most, "read again", f"claims, {self._claims} times")

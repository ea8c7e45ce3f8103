"""The truth of one world, against which both cores are judged; a Violation says what does not hold.

What one life of the client must keep to stands in ``session.py`` and ``causes.py``, what an agent
must in ``conduct.py``, and what holds where no fault has struck in ``calm.py``.
"""

from __future__ import annotations

from typing import Any

from fcx.executor.core import events as ev

from .scenario import Plan, Scenario
from .table import Table
from .world import World

SAME = 1e-3  # seconds that count as the same time
LATE = 11.0  # seconds before the time limit from which on whoever ends a worker may be the limit
AGAIN = "-"  # in the id of a task that a later life of the client submits with the same key


class Violation(AssertionError):
    """An invariant does not hold."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name


class Spin:
    """Counts steps at what is the same time."""

    def __init__(self) -> None:
        self._steps, self._since = 0, 0.0

    def step(self, now: float) -> int:
        """One more; how many there were."""
        if now - self._since >= SAME:
            self._steps, self._since = 0, now
        self._steps += 1
        return self._steps


class TaskRun:
    """A worker has run a task, or does."""

    def __init__(self, task: str, attempt: int, agent: Any, slot: int, began: float) -> None:
        self.task = task
        self.attempt = attempt
        self.agent = agent
        self.slot = slot
        self.began = began
        self.first = agent.conduct.places[slot].first  # it is owed the whole time
        self.ended = float("inf")
        self.how = ""  # finished | died | stopped; empty: it runs

    @property
    def cut(self) -> bool:
        """Whether its worker died so late that the time limit may be taken for the cause."""
        times = self.agent.job.times
        return self.how == "died" and self.ended >= times.began + times.limit - LATE


class Checks:
    """What ran where, what stands in the logs, and what the caller has of it."""

    def __init__(self, world: World, scenario: Scenario, table: Table) -> None:
        self.world = world
        self.scenario = scenario
        self.table = table
        self.plans = {f"t{number}": plan for number, plan in enumerate(scenario.tasks)}
        self.runs: dict[str, list[TaskRun]] = {}
        self.written: dict[str, dict[int, TaskRun]] = {}  # outcomes in logs, by task and attempt
        self.fetched: dict[str, None] = {}  # outcomes that the caller has
        self.unwanted: dict[str, float] = {}  # cancelled by the caller, and when
        self.sessions: list[Any] = []
        self.pilots: dict[str, tuple[Any, int]] = {}  # session and submit, by name
        self.idle_jobs = 0  # that came and had nothing to do
        self.cluster: Any  # set once there is one

    @property
    def struck(self) -> dict[str, int]:
        """Faults that have struck, and how often."""
        struck: dict[str, int] = self.cluster.faults.struck
        return struck

    def jobs(self) -> list[Any]:
        """All jobs that there were."""
        return list(self.cluster.jobs.values())

    def demand(self, holds: bool, name: str, text: object) -> None:
        """Raise a Violation where it does not hold; ``text`` is put into words only then."""
        if not holds:
            raise Violation(name, f"at {self.world.now:.3f} s: {text}")

    def info(self, task: str) -> ev.TaskInfo:
        """A task as the core is told of it."""
        plan: Plan = self.plans[task]
        archives = ((plan.archive, 5000),) if plan.archive else ()
        return ev.TaskInfo(
            task,
            task,
            plan.size,
            plan.function,
            plan.walltime,
            archives,
            plan.requirements,
            task.partition(AGAIN)[0],
            shape=plan.shape,
            takes=self.taken(task),
        )

    def taken(self, task: str) -> tuple[str, ...]:
        """Those whose values it takes, as they are called where it was submitted."""
        _, again, life = task.partition(AGAIN)
        return tuple(f"t{number}{again}{life}" for number in self.plans[task].takes)

    # -- what runs --------------------------------------------------------------------------

    def begins(self, agent: Any, slot: int, task: str, attempt: int) -> TaskRun:
        """A worker begins a task: no attempt is run twice, none beside another without need."""
        written = {each.partition(AGAIN)[0] for each in self.written}
        for number in self.plans[task].takes:
            of = f"t{number}"
            fine = of in written and not self.plans[of].raises
            self.demand(fine, "ran without what it takes", f"{task} takes {of}")
        before = self.runs.setdefault(task, [])
        fine = agent.job.script.action.shape == self.plans[task].shape
        self.demand(fine, "wrong shape", f"{task} on {agent.name}")
        run = TaskRun(task, attempt, agent, slot, self.world.now)
        same = any(other.attempt == attempt for other in before)
        unknown = "client_beside" in self.struck or "client_elsewhere" in self.struck
        anew = agent.cluster.directory.life > 1  # a job that nobody knew has made the place again
        again = anew or unknown  # what rides in a waiting job's script
        self.demand(not same or again, "ran twice", f"attempt {attempt} of {task}")
        needless = [other for other in before if not other.how or task in self.written]
        if needless and not anew and not self.excused():
            where = ", ".join(f"{other.agent.name} {other.how}" for other in needless)
            self.demand(False, "ran needlessly", f"{task} on {agent.name}; before: {where}")
        before.append(run)
        self._concurrency()
        self.table.note("task", self.plans[task].how)
        return run

    def excused(self) -> bool:
        """Whether the client may have been misled about what lives."""
        misled = any(name in self.struck for name in MISLEADING)
        return misled or self.scenario.lag > 0.0

    def ends(self, run: TaskRun, how: str) -> None:
        """A task is over, or its worker."""
        run.how, run.ended = how, self.world.now

    def logged(self, agent: Any, records: list[Any]) -> None:
        """Records stand in a log."""
        for record in records:
            self.table.note("record", type(record).__name__)
            if isinstance(record, ev.Finished):
                run = next(
                    run
                    for run in self.runs[record.task]
                    if run.attempt == record.attempt and run.agent is agent
                )
                self.written.setdefault(record.task, {})[record.attempt] = run

    def _concurrency(self) -> None:
        """No more tasks run at a time than the caller allows."""
        most = self.scenario.most()
        fresh = any(job.script.fresh for job in self.jobs())  # for a task that is owed its time
        fine = self.running() <= most or fresh or self.excused() or len(self.sessions) > 1
        self.demand(fine, "too many at a time", f"{self.running()}, not {most}")

    def running(self) -> int:
        """How many tasks run in this moment."""
        return sum(not run.how for runs in self.runs.values() for run in runs)

    # -- what is deleted --------------------------------------------------------------------

    def removed(self) -> None:
        """The client has the run directory removed, or a late job does on its word."""
        if "directory_removed" in self.struck:
            return  # somebody else did that before
        lost = [
            task
            for task in self.written
            if task not in self.fetched and task not in self.unwanted and not self._known(task)
        ]
        if "client_beside" in self.struck:  # what the older has sent since, is its own loss
            lost = [task for task in lost if task in self.sessions[-1].expected]
        self.demand(not lost, "unfetched removed", f"outcomes of {lost}")

    def _known(self, task: str) -> bool:
        """Whether the caller has an error that is the task's own, or came before the outcome."""
        first = min(run.ended for run in self.written[task].values())
        shape = self.plans[task].shape
        return any(
            s.failed_itself(task)
            or min(s.broke_at, s.causes.lanes_broke_at.get(shape, s.broke_at)) <= first
            for s in self.sessions
        )


MISLEADING = (
    *("ghost_submit", "repeated_submit", "lost_answer", "long_hidden_job", "forgotten_job"),
    *("listing_without_job", "empty_listing", "spoilt_read", "half_read", "damaged_line"),
    *("fetch_spoilt", "claim_stale", "directory_removed", "outage", "long_outage"),
    "client_beside",
)

"""What must hold after every step, whatever fails; a Violation says what does not.

``Checks`` knows the truth: what ran where, what stands in the logs. ``Session`` knows what one life
of the client was told and did.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fcx.executor.core import actions as act
from fcx.executor.core import events as ev
from fcx.executor.core.budget import BURST, CHARGED, RATE
from fcx.protocol.names import CLOSED

from .scenario import Plan, Scenario
from .table import Table
from .world import World

SPIN = 30  # steps of one client, or of one agent, at what is the same time
SAME = 1e-3  # seconds that count as the same time
RETRIED = ("JobFailed", "NodeFailed", "JobCancelled", "WorkerDied")
OVERDUE = 60.0  # seconds after which an outcome that can be read must have been seen


class Violation(AssertionError):
    """An invariant does not hold."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name


class TaskRun:
    """A worker has run a task, or does."""

    def __init__(self, task: str, attempt: int, agent: Any, began: float) -> None:
        self.task, self.attempt, self.agent, self.began = task, attempt, agent, began
        self.how = ""  # finished | died | stopped; empty: it runs


class Checks:
    """The truth of one world."""

    def __init__(self, world: World, scenario: Scenario, table: Table) -> None:
        self.world = world
        self.scenario = scenario
        self.table = table
        self.plans = {f"t{number}": plan for number, plan in enumerate(scenario.tasks)}
        self.runs: dict[str, list[TaskRun]] = {}
        self.finished: dict[str, list[tuple[int, float]]] = {}  # (attempt, written), by task
        self.fetched: dict[str, None] = {}  # outcomes that the caller has
        self.unwanted: dict[str, None] = {}  # cancelled by the caller
        self.sessions: list[Session] = []
        self.directory_lives = 0

    def demand(self, holds: bool, name: str, text: str) -> None:
        """Raise a Violation where it does not hold."""
        if not holds:
            raise Violation(name, f"at {self.world.now:.3f} s: {text}")

    def info(self, task: str) -> ev.TaskInfo:
        """A task as the core is told of it."""
        plan = self.plans[task]
        archives = ((plan.archive, 5000),) if plan.archive else ()
        return ev.TaskInfo(
            task, task, plan.size, plan.function, plan.walltime, archives, plan.requirements
        )

    # -- agents -----------------------------------------------------------------------------

    def agent_step(self, agent: Any, event: Any, actions: list[Any]) -> None:
        """An agent's core was told something."""
        note = self.table.note
        note("agent event", type(event).__name__)
        note("agent state", agent.core.phase)
        for action in actions:
            note("agent action", type(action).__name__)
        agent.steps = agent.steps + 1 if self.world.now - agent.since < SAME else 0
        if not agent.steps:
            agent.since = self.world.now
        self.demand(agent.steps < SPIN * 10, "agent spins", f"{agent.name} in {agent.core.phase}")

    def agent_gone(self, agent: Any) -> None:
        """It ended."""

    def begins(self, agent: Any, task: str, attempt: int) -> TaskRun:
        """A worker begins a task."""
        before = self.runs.setdefault(task, [])
        run = TaskRun(task, attempt, agent, self.world.now)
        same = [r for r in before if r.attempt == attempt]
        life = agent.cluster.directory.life
        self.demand(not same or life > 1, "ran twice", f"attempt {attempt} of {task}")
        alive = [r for r in before if r.how in {"", "finished"}]
        if alive and not self._explained(task):
            where = ", ".join(f"{r.agent.name} {r.how or 'runs'}" for r in alive)
            self.demand(False, "ran needlessly", f"{task} begins on {agent.name}; before: {where}")
        before.append(run)
        self.table.note("task", self.plans[task].how)
        return run

    def _explained(self, task: str) -> bool:
        """Whether the client could not know better: nobody could tell it that the task lives."""
        return True

    def ends(self, run: TaskRun, how: str) -> None:
        """A task is over, or its worker."""
        run.how = how

    def written(self, agent: Any, records: list[Any]) -> None:
        """Records stand in a log."""
        for record in records:
            self.table.note("record", type(record).__name__)
            if isinstance(record, ev.Finished):
                self.finished.setdefault(record.task, []).append((record.attempt, self.world.now))

    def removed(self) -> None:
        """The client has the run directory removed, or a late job does on its word."""
        lost = [
            task
            for task in self.finished
            if task not in self.fetched and task not in self.unwanted and not self._failed(task)
        ]
        self.demand(not lost, "unfetched removed", f"outcomes of {lost}")

    def _failed(self, task: str) -> bool:
        """Whether the caller has an error that is the task's own, not the run's."""
        return any(session.failed_itself(task) for session in self.sessions)

    # -- the client -------------------------------------------------------------------------

    def client_step(self, client: Any, event: Any, actions: list[Any]) -> None:
        """The executor's core was told something."""
        note, session = self.table.note, client.session
        note("event", type(event).__name__)
        if isinstance(event, ev.LogRead):
            for record in event.records:
                session.heard(record)
        session.told(event, self.world.now)
        for action in actions:
            note("action", type(action).__name__)
            session.asked(action, self.world.now)
        self._states(client)
        session.after(client, self.world.now)

    def _states(self, client: Any) -> None:
        """For the table."""
        core, seen = client.core, client.session.seen
        stage = core.ending.stage
        if stage not in seen:
            seen[stage] = None
            self.table.note("stage", stage)
        for pilot in core.fleet.pilots:
            if (pilot.name, pilot.phase) not in seen:
                seen[pilot.name, pilot.phase] = None
                self.table.note("phase", pilot.phase)


class Session:
    """What one life of the client was told, asked for and gave to its caller."""

    def __init__(self, checks: Checks) -> None:
        self.checks = checks
        self.seen: dict[Any, None] = {}  # stages and phases
        self.expected: dict[str, None] = {}  # tasks that shall settle
        self.settled: dict[str, act.Settle] = {}
        self.broken: ev.Trouble | None = None
        self.finished = False
        self.collected = False  # what it left open was, or will be
        self.awaits_another = False
        self.up: dict[str, None] = {}  # jobs whose agents it has heard of
        self.awaited: dict[int, Any] = {}
        self.ending = False
        self.steps, self.since = 0, 0.0
        self._asked: dict[int, Any] = {}  # all that ever was, by id
        self._gate = Permission()
        self._spent = Spending()
        self._bundles: dict[str, tuple[tuple[str, int], ...]] = {}
        checks.sessions.append(self)

    def failed_itself(self, task: str) -> bool:
        """Whether the task's trouble is its own."""
        note = self.settled.get(task)
        return bool(note and note.trouble and note.trouble != self.broken)

    # -- told -------------------------------------------------------------------------------

    def told(self, event: Any, now: float) -> None:
        """An event goes in."""
        if isinstance(event, ev.Submitted | ev.Attached):
            self.expected.update(dict.fromkeys(info.id for info in event.tasks))
        elif isinstance(event, ev.CancelAsked):
            self.checks.unwanted[event.task] = None
        elif isinstance(event, ev.CloseAsked) and event.abort:
            self.checks.unwanted.update(self.expected)
        elif isinstance(event, ev.Settled):
            note = self.settled[event.task]
            if note.trouble is None and not note.cancelled and not event.kept:
                self.checks.fetched[event.task] = None
        action = getattr(event, "action", None)
        if action is not None:
            asked = self.awaited.get(action)
            self._gate.told(event, asked)
            self.awaited.pop(action, None)
        elif isinstance(event, ev.Began):
            self._gate.open = event.open

    def heard(self, record: Any) -> None:
        """A record was read."""

    # -- asked ------------------------------------------------------------------------------

    def asked(self, action: Any, now: float) -> None:
        """An action came out."""
        demand = self.checks.demand
        demand(not self.finished, "after the end", f"{action}")
        if not isinstance(action, act.Note):
            known = self._asked.setdefault(action.id, action)
            demand(known == action and action.id not in self.awaited, "id used twice", f"{action}")
            self.awaited[action.id] = action
            self._spent.spend(action, now)
        meaning = ASKED.get(type(action))
        if meaning is not None:
            meaning(self, action)

    def encode(self, action: act.Encode) -> None:
        """Tasks are about to leave."""
        demand = self.checks.demand
        demand(action.bundle not in self._bundles, "bundle made twice", action.bundle)
        demand(sum(action.sizes) == len(action.tasks), "sizes", f"{action}")
        self._bundles[action.bundle] = action.tasks
        for task, _ in action.tasks:
            demand(task not in self.settled, "settled sent", f"{task} in {action.bundle}")
        self.leaves((action.bundle,))

    def leaves(self, bundles: tuple[str, ...]) -> None:
        """Payload leaves: only after a passing verdict that covers what it refers to."""
        for bundle in bundles:
            self.checks.demand(self._gate.open, "payload before verdict", bundle)
            for task, _ in self._bundles[bundle]:
                number = self.checks.plans[task].requirements
                passed = not number or number in self._gate.passed
                self.checks.demand(passed, "payload before its verdict", f"{task} in {bundle}")

    def upload(self, action: act.UploadBundle) -> None:
        """A bundle leaves."""
        self.leaves((action.bundle,))

    def submit(self, action: act.SubmitPilot) -> None:
        """Bundles leave in a script."""
        self.leaves(action.bundles)
        self.checks.demand(self._gate.open or not action.open, "opened", f"{action}")

    def settle(self, note: act.Settle) -> None:
        """A task has its outcome, once."""
        demand, checks = self.checks.demand, self.checks
        demand(note.task in self.expected, "unknown settled", f"{note}")
        demand(note.task not in self.settled, "settled twice", f"{note}")
        self.settled[note.task] = note
        if note.cancelled:
            demand(note.task in checks.unwanted, "cancelled by nobody", f"{note}")
        elif note.trouble is None:
            written = [attempt for attempt, _ in checks.finished.get(note.task, [])]
            demand(note.attempt in written, "no such outcome", f"{note}, there are {written}")
        else:
            self._trouble(note, note.trouble)

    def _trouble(self, note: act.Settle, trouble: ev.Trouble) -> None:
        """An error must be explained, and no outcome may exist."""
        checks = self.checks
        if self.broken is not None and trouble == self.broken:
            return
        now = checks.world.now
        late = [t for _, t in checks.finished.get(note.task, []) if t < now - OVERDUE]
        checks.demand(not late or trouble.error == "ResultError", "outcome lost", f"{note}")
        runs = checks.runs.get(note.task, [])
        if trouble.error in RETRIED and "went back" not in trouble.message:
            plan = checks.plans[note.task]
            own = plan.how == "exits" or "cannot be kept" in trouble.message
            enough = own or len(runs) > checks.scenario.limits.task_retries
            checks.demand(enough, "given up early", f"{note} after {len(runs)} run(s)")

    def tell(self, note: act.TellRunning | act.TellPending) -> None:
        """News of a task that has no outcome yet."""
        self.checks.demand(note.task not in self.settled, "told after its end", f"{note}")

    def broke(self, note: act.Broken) -> None:
        """The run cannot go on."""
        self.checks.demand(self.broken is None, "broken twice", f"{note}")
        self.broken = note.trouble

    def finish(self, _note: act.Finish) -> None:
        """The run is over: nothing may be open."""
        open_tasks = [task for task in self.expected if task not in self.settled]
        self.checks.demand(not open_tasks, "finished too early", f"{open_tasks} have no outcome")
        self.checks.demand(not self.awaited, "finished too early", f"{self.awaited} not answered")
        self.finished = True

    # -- after ------------------------------------------------------------------------------

    def after(self, client: Any, now: float) -> None:
        """All actions are out."""
        demand = self.checks.demand
        self.steps = self.steps + 1 if now - self.since < SAME else 0
        if not self.steps:
            self.since = now
        if self.steps > SPIN:
            due = client.core.due()
            demand(due is None or due > now, "spins", f"due {due} at {now}, {self.steps} steps")
        self._spent.check(demand, now)


class Permission:
    """What has passed, as far as the core was told."""

    def __init__(self) -> None:
        self.open = False
        self.passed: dict[int, None] = {}

    def told(self, event: Any, asked: Any) -> None:
        """A verdict, perhaps."""
        if isinstance(event, ev.Judged) and event.trouble is None:
            self.open = True
        elif isinstance(event, ev.RequirementsJudged) and event.trouble is None and asked:
            self.passed[asked.requirements] = None


class Spending:
    """Requests made, against what the budget earns."""

    def __init__(self) -> None:
        self._looks = 0.0
        self._level = BURST
        self._at = 0.0

    def spend(self, action: Any, now: float) -> None:
        """A request goes out; looks are what the core may choose."""
        if isinstance(action, act.ListJobs | act.ListFolder):
            self._level = min(BURST, self._level + (now - self._at) * RATE) - 1.0
            self._at = now

    def check(self, demand: Callable[..., None], now: float) -> None:
        """Looks alone never overdraw what is earned, by more than inquests need."""
        demand(self._level > -BURST, "over budget", f"{-self._level:.0f} looks more than earned")


ASKED: dict[type, Callable[[Session, Any], None]] = {
    act.Encode: Session.encode,
    act.UploadBundle: Session.upload,
    act.SubmitPilot: Session.submit,
    act.Settle: Session.settle,
    act.TellRunning: Session.tell,
    act.TellPending: Session.tell,
    act.Broken: Session.broke,
    act.Finish: Session.finish,
}
__all__ = ["CHARGED", "CLOSED", "Checks", "Plan", "Session", "Violation"]

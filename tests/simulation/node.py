"""A node: the agent's real core, with workers, a log and an inbox that do not exist."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from fcx.executor.core import events as ev
from fcx.protocol.config import Config
from fcx.protocol.names import epoch_of, number_of
from fcx.remote import actions as do
from fcx.remote import events as on
from fcx.remote.core import AgentCore

from .cluster import Cluster, Job
from .conduct import Conduct
from .faults import HANGS, UNFIT
from .files import DAMAGED, Log
from .invariants import Checks
from .kinds import guard_of
from .packages import Seen
from .parcel import mark
from .scenario import Plan
from .world import Alarm, World

INLINE = 50_000  # bytes of what a task had written that stand in its record
HERE = {"implementation": "cpython", "distributions": "d1"}
PLACES = {
    "moved": {"implementation": "pypy", "distributions": "d1"},
    "updated": {"implementation": "cpython", "distributions": "d2"},
}


class Agent:
    """The shell around one agent's core."""

    def __init__(
        self,
        cluster: Cluster,
        job: Job,
        node: int,
        workers: int,
        checks: Checks,
        judge: Callable[[Any, Checks, int], Any] = Conduct,
    ) -> None:
        """``judge``: who looks at what it does."""
        self.cluster = cluster
        self.job = job
        self.checks = checks
        self.name = f"{job.id}.{job.restart}.{node}"
        self.gone = False
        self.ills: dict[str, None] = {}  # what ails it: initializer | disk
        self.papers = Papers(cluster, self.name)
        self.packages = Seen(cluster.packages)
        self.workers = Workers(self, workers)
        self.core = AgentCore(self._config(), workers)
        self.conduct = judge(self, checks, workers)
        self._events: deque[Any] = deque()
        self._alarm = Alarm(cluster.world, self._tick)

    @property
    def world(self) -> World:
        """Where it lives."""
        return self.cluster.world

    def begin(self) -> None:
        """It runs."""
        self.cluster.faults.strike("agent", self)
        self.feed(on.Began())

    def _config(self) -> Config:
        scenario, action = self.cluster.scenario, self.job.script.action
        return Config(
            action.pilot,
            action.workers,
            scenario.idle_timeout,
            scenario.gate_timeout,
            b"",
            b"",
            max_tasks_per_child=scenario.tasks_per_child,
            guard=guard_of(scenario, action.shape) if action.open else None,
            probe=scenario.probe,
            shape=mark(action.shape),
        )

    # -- the loop ---------------------------------------------------------------------------

    def feed(self, event: Any) -> None:
        """Tell the core, do what it wants; answers that are there at once follow at once."""
        if self.gone:
            return
        self._events.append(event)
        if len(self._events) > 1:
            return  # it is being told something: this comes next
        while self._events and not self.gone:
            actions = self.core.handle(self._events[0], self.world.now)
            self.conduct.step(self._events[0], actions)
            for action in actions:
                DOES[type(action)](self, action)
            self._events.popleft()
        self._events.clear()
        due = None if self.gone else self.core.due()
        rests = due is None or due > self.world.now or not isinstance(event, on.Tick)
        self.checks.demand(rests, "wakes for nothing", f"{self.name} is due {due} still")
        self._alarm.set(due)

    def _tick(self) -> None:
        if not self.gone:
            self.feed(on.Tick())

    # -- what happens to it -----------------------------------------------------------------

    def terminate(self) -> None:
        """SIGTERM to the whole step: some workers end by it."""
        self.workers.terminate()
        self.feed(on.Signalled())

    def kill(self) -> None:
        """SIGKILL."""
        if not self.gone:
            self.gone = True
            self.workers.stop_all()

    def die(self, noted: bool, code: int = 137) -> None:
        """It alone is killed; ``noted``: what started it leaves a note."""
        if not self.gone:
            self.kill()
            if noted:
                self.papers.exit_note()
            self.cluster.agent_left(self.job, code)

    # -- what it wants done -----------------------------------------------------------------

    def flush(self, _action: do.Flush) -> None:
        """Write to the log."""
        if self.papers.gone():
            self.feed(on.FlushFailed(True, False, "no such file"))
        elif "disk" in self.ills:
            self.feed(on.FlushFailed(False, True, "no space left on device"))
        elif self.cluster.faults.strike("flush", self):
            self.feed(on.FlushFailed(False, False, "stale file handle"))
        else:
            self.checks.logged(self, self.papers.flush())
            self.feed(on.Flushed())

    def beat(self, _action: do.Beat) -> None:
        """Grow a file by a byte."""
        if not self.papers.gone():
            self.papers.beat()

    def ask_time(self, _action: do.AskTime) -> None:
        """What squeue says."""
        if self.cluster.faults.strike("time", self):
            self.feed(on.TimeLeft(False, None))
            return
        self.conduct.told = self.job.times.ends, self.job.times.ends - self.world.now
        self.feed(on.TimeLeft(True, self.job.times.ends - self.world.now))

    def look(self, action: do.Look) -> None:
        """What is new in the inbox, and which values are there."""
        failed = self.cluster.faults.strike("look", self)
        if self.papers.gone() or failed == "gone":
            self.feed(on.LookFailed(True))
        elif failed:
            self.feed(on.LookFailed(False))
        else:
            self.feed(self.papers.look(action.values))

    def claim(self, action: do.Claim) -> None:
        """By a link that only one can make."""
        if self.papers.gone() or self.cluster.faults.strike("claim", self):
            self.feed(on.ClaimFailed())
            return
        tasks = self.papers.claim(action.bundle, action.portion)
        if tasks is None:
            self.feed(on.Lost())
            return
        sets = self.papers.directory.inbox.get(action.bundle).accepted
        changed = self.packages.look(sets)
        number = {info.id: self.checks.plans[info.id].requirements for info in tasks}
        lacks = {info.id for info in tasks if self.packages.lacks(number[info.id], sets)}
        drifted = tuple((info.id, info.attempt) for info in tasks if info.id in lacks)
        kept = tuple(info for info in tasks if info.id not in lacks)
        for info in kept:
            self.packages.claimed((info.id, info.attempt), number[info.id], sets)
        self.feed(on.Claimed(kept, changed, drifted, self.packages.found()))

    def inspect(self, _action: do.Inspect) -> None:
        """What this place is."""
        scenario, shape = self.cluster.scenario, self.job.script.action.shape
        here = {**HERE, "distributions": guard_of(scenario, shape)["distributions"]}
        self.feed(on.Found(PLACES.get(scenario.place, here)))

    def announce(self, action: do.Announce) -> None:
        """The first record."""
        up = ev.Up("nid001", self.job.script.action.pilot, 1 if action.probe else 0)
        self.papers.waiting.append(up)

    def record(self, action: do.Record) -> None:
        """A record of another kind."""
        fields = dict(action.fields)
        if "found" in fields:
            fields["found"] = self.cluster.packages.report(fields["found"])
            struck = self.cluster.faults.struck
            struck["drift"] = struck.get("drift", 0) + 1
        record = RECORDS[action.kind](**fields)
        msgspec.convert(
            msgspec.to_builtins(record), type(record)
        )  # of the types it is declared with
        self.papers.waiting.append(record)

    def keep_death(self, action: do.KeepDeath) -> None:
        """A worker died of its task; what it had written may be large."""
        parts = 1 if self.checks.plans[action.task].size > INLINE else 0
        if parts:
            self.cluster.directory.parts[action.task, action.attempt] = parts
        died = _died(action.task, action.attempt, action.first, action.left, action.how._asdict())
        self.papers.waiting.append(msgspec.structs.replace(died, parts=parts))

    def keep(self, action: do.Keep) -> None:
        """What became of a task."""
        plan = self.checks.plans[action.task]
        full = self.cluster.faults.strike("keep", self)
        if full or self.papers.gone():
            self.feed(on.NotKept(action.rank, plan.size, "no space left on device", 0.0))
            return
        parts = 2 if plan.how == "large" else 0
        if parts:
            self.cluster.directory.parts[action.task, action.attempt] = parts
        self.papers.waiting.append(
            ev.Finished(action.task, action.attempt, plan.seconds, parts, value=not plan.raises)
        )
        self.feed(on.Kept(action.rank))

    def start_worker(self, action: do.StartWorker) -> None:
        """A process."""
        self.workers.start(action.rank)

    def stop_worker(self, action: do.StopWorker) -> None:
        """No process."""
        self.workers.stop(action.rank)

    def configure(self, action: do.Configure) -> None:
        """Modules and initializer."""
        self.workers.configure(action.rank, action.modules)

    def run(self, action: do.Run) -> None:
        """A task begins, if nothing that it relies on has drifted since it was claimed."""
        name = action.task, action.attempt
        changed = self.packages.look_for(name)
        drifted = self.packages.drifted()
        if changed or name in drifted:
            struck = self.cluster.faults.struck
            struck["late_drift"] = struck.get("late_drift", 0) + 1
            self.feed(on.Drifted(*action, changed, drifted, self.packages.found()))
            return
        self.packages.let_go(name)
        self.workers.run(action.rank, *name)

    def drop(self, action: do.Drop) -> None:
        """Payloads that are not run here."""
        self.packages.let_go(*action.tasks)

    def exit(self, action: do.Exit) -> None:
        """The agent ends by itself."""
        if action.text and not self.papers.gone():
            self.papers.exit_note()
        self.kill()
        self.cluster.agent_left(self.job, action.code)


class Papers:
    """The run directory as one agent reads and writes it."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.directory = cluster.directory
        self.name = name
        self.waiting: list[Any] = []
        self.announced = False  # the first record stands in the log
        self._life = cluster.directory.life
        self._segment = 0
        self._beats = 0
        self._known: dict[str, None] = {}
        self._epoch = 0  # the newest client that has sent anything

    def gone(self) -> bool:
        """Whether the directory was removed, if only for a moment."""
        return not self.directory.exists or self.directory.life != self._life

    def _seen(self) -> float:
        return self.cluster.world.now + self.cluster.lag()

    def flush(self) -> list[Any]:
        """Append what has gathered; what can be read of it."""
        written, self.waiting = self.waiting, []
        self.announced = True
        seen = self._seen()
        log = self._log()
        whole: list[Any] = []
        for record in written:
            if self.cluster.faults.strike("line", self.cluster):
                log.append(DAMAGED, seen)
            else:
                log.append(record, seen)
                whole.append(record)
            if len(log.records) >= self.cluster.scenario.segment:
                self._segment += 1
                log.append(ev.Continued(self._segment), seen)
                whole.append(ev.Continued(self._segment))
                log = self._log()
        return whole

    def _log(self) -> Log:
        return self.directory.logs.setdefault(f"{self.name}.{self._segment}", Log())

    def beat(self) -> None:
        """One byte more."""
        self._beats += 1
        self.directory.notes.put(f"{self.name}.beat", self._beats, self._seen())

    def exit_note(self) -> None:
        """Word that it has ended."""
        self.directory.notes.put(f"{self.name}.exit", 1, self._seen())

    def look(self, wanted: tuple[str, ...]) -> on.Looked:
        """What is new, and which of these values stand in a log."""
        heads: list[Any] = []
        cancelled: list[str] = []
        oldest = self._epoch
        for name, content in self.directory.inbox.visible(self.cluster.world.now):
            if number_of(name) and epoch_of(name) < oldest:
                continue  # from a client that another has taken the run from
            if name not in self._known:
                self._known[name] = None
                self._epoch = max(self._epoch, epoch_of(name) if number_of(name) else 0)
                if name.startswith("b"):
                    heads.append(content.head)
                elif name.startswith("o"):
                    cancelled += content
        closed = "closed" in self._known
        return on.Looked(tuple(heads), tuple(cancelled), closed, self._values(wanted))

    def _values(self, wanted: tuple[str, ...]) -> tuple[str, ...]:
        """What another machine has written comes late; what it wrote itself does not."""
        there: dict[str, None] = {}
        for name, log in self.directory.logs.items() if wanted else ():
            mine = name.startswith(f"{self.name}.")
            seen = len(log.records) if mine else log.visible(self.cluster.world.now)
            for record in log.records[:seen]:
                if isinstance(record, ev.Finished) and record.value:
                    there[record.task] = None
        return tuple(name for name in wanted if name in there)

    def claim(self, bundle: str, portion: int) -> tuple[on.TaskInfo, ...] | None:
        """The tasks, or None if another was first."""
        link = f"{bundle}.{portion}"
        if self.directory.claims.get(link) not in {None, self.name}:
            return None
        self.directory.claims.put(link, self.name, self._seen())
        found: tuple[on.TaskInfo, ...] = self.directory.inbox.get(bundle).portions[portion]
        return found


class Workers:
    """Processes that say hello after a while, run tasks, and die as their plans say."""

    def __init__(self, agent: Agent, count: int) -> None:
        self.agent = agent
        self.world = agent.world
        self.count = count
        self.lives = [0] * count  # changes whenever a process is gone
        self.there = [False] * count
        self.tasks: list[Any] = [None] * count  # the run that is under way

    def start(self, rank: int) -> None:
        """A process, which will say hello."""
        self.there[rank] = True
        failed = self.agent.cluster.faults.strike("worker", self.agent)
        if failed is HANGS:
            return
        event = on.Died(rank, failed) if failed else on.Hello(rank, "3.11.9", "0.3.8")
        if failed is UNFIT:
            event = on.Hello(rank, "3.11.9", None, "no module named dill")
        self._later(self.agent.cluster.timing.hello(self.agent), rank, event)

    def stop(self, rank: int) -> None:
        """Killed by the agent."""
        self.lives[rank] += 1
        self.there[rank] = False
        self._over(rank, "stopped")

    def stop_all(self) -> None:
        """With the agent everything ends."""
        for rank in range(len(self.lives)):
            self.stop(rank)

    def configure(self, rank: int, modules: tuple[str, ...]) -> None:
        """It runs the initializer, if what it needs is there."""
        directory = self.agent.cluster.directory
        wanted = self.agent.cluster.scenario.limits.initializer
        missing = [name for name in modules if name not in directory.modules]
        unread = self.agent.cluster.faults.strike("configure", self.agent)
        if unread or missing or (wanted and not directory.initializer):
            self._later(0.01, rank, on.NotConfigured(rank, "no such file"))
        else:
            error = "ZeroDivisionError" if "initializer" in self.agent.ills else ""
            self._later(0.02, rank, on.Ready(rank, error))

    def run(self, rank: int, task: str, attempt: int) -> None:
        """A task begins; how it will end is in its plan."""
        checks = self.agent.checks
        self.tasks[rank] = checks.begins(self.agent, rank, task, attempt)
        plan = checks.plans[task]
        event = _end_of(plan, rank, len(checks.runs[task]) - 1)
        self._later(self.agent.cluster.timing.run(self.agent, plan), rank, event)

    def _later(self, seconds: float, rank: int, event: Any) -> None:
        self.world.after(seconds, self._happens, rank, self.lives[rank], event)

    def _happens(self, rank: int, life: int, event: Any) -> None:
        if self.agent.gone or self.lives[rank] != life:
            return
        if isinstance(event, on.Died):
            self.lives[rank] += 1
            self.there[rank] = False
            self._over(rank, "died")
        elif isinstance(event, on.Finished):
            self._over(rank, "finished")
        self.agent.feed(event)

    def _over(self, rank: int, how: str) -> None:
        run, self.tasks[rank] = self.tasks[rank], None
        if run is not None:
            self.agent.checks.ends(run, how)

    def terminate(self) -> None:
        """Those that do not handle SIGTERM end."""
        for rank, life in enumerate(list(self.lives)):
            if self.there[rank] and self.world.chance(0.7):
                how = on.How("was ended by SIGTERM", 15, 0, False, True)
                self._happens(rank, life, on.Died(rank, how))


def _end_of(plan: Plan, rank: int, before: int) -> Any:
    if plan.how == "exits":
        return on.Died(rank, on.How("ended with exit code 3", 0, 3))
    if plan.how == "memory":
        return on.Died(rank, on.How("was killed by SIGKILL", 9, 0, True, True))
    if plan.how == "killed" and not before and plan.seconds % 0.1 > 0.05:  # the worker alone
        return on.Died(rank, on.How("was ended by SIGTERM", 15, 0, False, True))
    if plan.how == "stubborn" or (plan.how == "killed" and not before):
        return on.Died(rank, on.How("was killed by SIGKILL", 9, 0, False, True))
    return on.Finished(rank, plan.how == "stale")


def _died(
    t: str, a: int, first: bool, left: float | None, how: dict[str, Any], **_: Any
) -> ev.Died:
    return ev.Died(
        t, a, first, left, how["text"], how["signal"], how["oom"], how["outside"], late=how["late"]
    )


def _refused(findings: list[Any]) -> ev.Refused:
    return ev.Refused(ev.Trouble("ParityError", f"differs: {findings}"))


RECORDS: dict[str, Callable[..., Any]] = {
    "run": lambda t, a, first, slot: ev.Running(t, a, slot, first),
    "refused": _refused,
    "failed": lambda error: ev.InitializerDied(error),  # noqa: PLW0108 - by its own name
    "back": lambda t: ev.HandedBack(tuple((task, attempt) for task, attempt in t)),
    "drift": lambda t, found: ev.Drifted(t, found),  # noqa: PLW0108 - by its own names
    "died": _died,
    "told": ev.Told,
    "end": ev.Left,
}
DOES: dict[type, Callable[[Agent, Any], None]] = {
    do.StartWorker: Agent.start_worker,
    do.StopWorker: Agent.stop_worker,
    do.Configure: Agent.configure,
    do.Run: Agent.run,
    do.Drop: Agent.drop,
    do.Keep: Agent.keep,
    do.KeepDeath: Agent.keep_death,
    do.Announce: Agent.announce,
    do.Record: Agent.record,
    do.Flush: Agent.flush,
    do.Beat: Agent.beat,
    do.AskTime: Agent.ask_time,
    do.Look: Agent.look,
    do.Claim: Agent.claim,
    do.Inspect: Agent.inspect,
    do.Exit: Agent.exit,
}

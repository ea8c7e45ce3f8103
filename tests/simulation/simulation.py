"""One world from its beginning to its end: a scenario in, a report out."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec.structs import replace

from fcx.executor.core import events as ev

from .api import Api
from .calm import ended
from .client import Client, Journal
from .cluster import Cluster, Job
from .faults import Faults
from .invariants import AGAIN, Checks, Violation
from .leaving import for_nothing, left_behind, outlived
from .node import Agent
from .scenario import Scenario
from .session import Session
from .table import Table
from .world import World

HOUR = 20.0  # seconds between two moments at which something may happen to the client
SESSIONS = 3  # lives of a client in one world
RACE = 0.5  # seconds in which the caller may not know yet that the run is broken
STEPS = 300_000  # of a world that does not come to an end


class Step(NamedTuple):
    """A core was told something, and this is what it wants done."""

    now: float
    who: str
    event: Any
    actions: list[Any]
    state: str = ""  # that the core was in before


class Report(NamedTuple):
    """How a world went; ``failure`` is empty if all invariants held."""

    scenario: Scenario
    failure: str
    name: str  # of the invariant
    steps: int
    seconds: float  # of virtual time
    trace: list[Step]


class Simulation:
    """A world with a caller, a client, a cluster and its agents."""

    def __init__(
        self,
        scenario: Scenario,
        table: Table,
        *,
        traced: bool = False,
        watch: Callable[[Any], Any] = lambda call: call,
    ) -> None:
        """``watch``: what a core is asked by, each time, in a world that is traced."""
        self.scenario = scenario
        self.world = World(scenario.seed)
        faults = Faults(self.world, table, scenario.calm, scenario.faults)
        self.checks = Checks(self.world, scenario, table)
        self.cluster = Cluster(self.world, scenario, faults)
        self.checks.cluster = self.cluster
        self.cluster.make_agent = self._agent
        self.cluster.removed = self.checks.removed
        self.cluster.job_ended = lambda job: for_nothing(self.checks, job)
        self.api = Api(self.world, self.cluster, faults)
        self.journal = Journal()
        self.client: Client
        self.older: list[Client] = []  # from which the run was taken while they lived
        self.trace: list[Step] = []
        self._traced = traced
        self._watch = watch
        self._closed = False
        self._left: Session | None = None  # whose run was left open, and is collected later

    # -- beginning --------------------------------------------------------------------------

    def _agent(self, job: Job, node: int, workers: int) -> Agent:
        agent = Agent(self.cluster, job, node, workers, self.checks)
        if self._traced:
            self._record(agent.core, agent.name)
        return agent

    def _begin(self) -> None:
        self._client()
        self.client.feed(ev.Began(self.scenario.seed, self.scenario.remembered))
        self._told()
        self._allowances()
        groups: dict[float, list[str]] = {}
        for number, plan in enumerate(self.scenario.tasks):
            groups.setdefault(plan.at, []).append(f"t{number}")
        for when, names in groups.items():
            self.world.at(when, self._submit, self.client, names)
        caller = self.scenario.caller
        for when, number in caller.cancels:
            self.world.at(when, self._cancel, f"t{number}")
        self.world.at(caller.close, self._close, self.client, False)
        if caller.abort is not None:
            self.world.at(caller.abort, self._close, self.client, True)
        if caller.breaks is not None:
            self.world.at(caller.breaks, self._break, self.client)
        if caller.dies is not None:
            self.world.at(caller.dies, self._dies, self.client)
        self.client.cluster.drifts()
        self.world.after(HOUR, self._hour)

    def _told(self) -> None:
        """What earlier runs have learnt."""
        scenario = self.scenario
        if scenario.recalled or scenario.starts:
            self.client.feed(ev.Recalled(0, scenario.recalled, scenario.starts))

    def _allowances(self) -> None:
        """What the server lets this client ask: as its own door finds it out."""
        for one in self.scenario.allowed:
            told = ev.Allowed(one.rate, one.burst, one.rest, one.renews)
            self.world.at(max(self.world.now, one.at), self.client.feed, told)

    def _client(self) -> None:
        self.client = Client(self.api, self.checks, self.journal, Session(self.checks))
        if self._traced:
            life = len(self.checks.sessions)
            self._record(self.client.core, "client" if life == 1 else f"client {life}")

    def _record(self, core: Any, who: str) -> None:
        handle = self._watch(core.handle)
        core.due = self._watch(core.due)

        def recorded(event: Any, now: float) -> list[Any]:
            state = _state_of(core)
            actions = handle(event, now)
            self.trace.append(Step(now, who, event, actions, state))
            return actions

        core.handle = recorded

    # -- the caller -------------------------------------------------------------------------

    def _submit(self, client: Client, names: list[str]) -> None:
        late = self.world.now > client.session.broke_at + RACE
        if client.alive and not late and not self._closed:
            client.learn_shapes(self.checks.plans[name].shape for name in names)
            letters = self._letters(client.session, names)
            if letters:
                client.feed(ev.Submitted(letters))
            for name in names:
                if self.checks.plans[name].handed_on:
                    client.feed(ev.LeaveAsked(name))

    def _letters(self, session: Any, names: list[str]) -> tuple[ev.TaskInfo, ...]:
        """As the mailbox lets them in: what the caller has is no task's any more that is waited for."""
        infos: list[ev.TaskInfo] = []
        for name in names:
            info = self.checks.info(name)
            info = replace(info, takes=tuple(session.names.get(of, of) for of in info.takes))
            ended = [of for of in info.takes if of in session.given]
            if any(session.given[of] for of in ended) or any(
                of in session.kept for of in info.takes
            ):
                session.kept[name] = None  # it ends as the other did, and no core hears of it
                continue
            takes = tuple(of for of in info.takes if of not in ended)
            infos.append(replace(info, takes=takes))
        return tuple(infos)

    def _cancel(self, task: str) -> None:
        session = self.client.session
        if task in session.expected and task not in session.settled:
            self.client.feed(ev.CancelAsked(task))

    def _close(self, client: Client, abort: bool) -> None:
        if client.alive:
            self._closed = True
            client.feed(ev.CloseAsked(abort))

    def _break(self, client: Client) -> None:
        """The driver has found an error of ours."""
        if client.alive:
            self.cluster.faults.note("driver_breaks")
            client.feed(ev.Broke(ev.Trouble("KeyError", "'x'")))

    def _hour(self) -> None:
        if self.client.alive:
            self.cluster.faults.strike("hour", self.client)
        if self.world.now < self.scenario.calm:
            self.world.after(HOUR, self._hour)

    # -- other lives ------------------------------------------------------------------------

    def _dies(self, client: Client) -> None:
        if not client.alive:
            return
        if self.scenario.caller.beside and self.cluster.directory.exists:
            self.older.append(client)
            self.cluster.faults.note("client_beside")
            self._attach()
            return
        client.die()
        self.cluster.faults.note("client_dies")
        self.world.after(self.scenario.caller.attaches, self._attach)

    def _attach(self) -> None:
        """Another client goes on with the run."""
        life = len(self.checks.sessions)
        directory, caller = self.cluster.directory, self.scenario.caller
        alone = not any(older.alive for older in self.older) and not self._jobs_left()
        if directory.exists and not self.scenario.seed % 5 and alone:
            directory.inbox.put("closed", "keep", self.world.now)  # so another collector left it
        self.cluster.faults.note("client_attaches")
        again = self.scenario.limits.durable
        stranger = caller.elsewhere and directory.exists and not again
        attached = (
            self._found() if stranger else self.journal.attached(self._recalled, by_key=again)
        )
        self._client()
        self.client.feed(ev.Began(self.scenario.seed + life, self.scenario.remembered))
        self._told()
        self.client.learn_shapes(self.journal.known)
        self.client.learn_shapes(info.shape for info in attached.tasks)
        self._allowances()
        self.client.feed(attached)
        if again and caller.again:
            self._run_again(self.client, life, slice(0, None, 2))
            self.world.after(caller.again, self._resumes, self.client, life)
        else:
            self._resumes(self.client, life)
        if caller.gives_up is not None:
            self.cluster.faults.note("caller_leaves")
            self.world.after(caller.gives_up, self._close, self.client, True)

    def _found(self) -> ev.Attached:
        """What a machine that remembers nothing is told: by the inbox, the locks, and Slurm."""
        self.cluster.faults.note("client_elsewhere")
        self.journal = Journal()
        directory, jobs = self.cluster.directory, self.cluster.jobs.values()
        parcels = [c for n, (c, _) in sorted(directory.inbox.files.items()) if n[0] == "b"]
        tasks = {task: attempt for parcel in parcels for task, attempt, _ in parcel.places()}
        pilots = {job.script.action.pilot: job.id for job in jobs if job.state == "PENDING"}
        pilots.update((name, job) for name, (job, _) in directory.locks.files.items())
        directory.clients += 1
        return ev.Attached(
            tuple(self._recalled(task) for task in tasks),
            tuple(tasks.values()),
            tuple(sorted(pilots.items())),
            partly=True,
            epoch=directory.clients,
            shapes=self._seen_shapes(),
        )

    def _seen_shapes(self) -> tuple[tuple[str, int], ...]:
        """Of pilots that have begun, by what their agents were told."""
        jobs = [self.cluster.jobs[job] for job, _ in self.cluster.directory.locks.files.values()]
        made = [job.script.action for job in jobs]
        return tuple((action.pilot, action.shape) for action in made if action.shape)

    def _recalled(self, task: str) -> ev.TaskInfo:
        """By what lies in the inbox; of what does not, the shape is not known."""
        parcels = [c for n, (c, _) in self.cluster.directory.inbox.files.items() if n[0] == "b"]
        there = any(each == task for parcel in parcels for each, _, _ in parcel.places())
        there = there and not self.scenario.limits.durable
        shape = self.checks.plans[task].shape if there else 0
        return ev.TaskInfo(task, task, 0, key=task.partition(AGAIN)[0], shape=shape)

    def _resumes(self, client: Client, life: int) -> None:
        """What it does once it has attached, unless it has been left."""
        if client.session.closed:
            return
        if self.scenario.limits.durable and client.alive:
            rest = slice(1, None, 2) if self.scenario.caller.again else slice(None)
            self._run_again(client, life, rest)
        client.feed(ev.CloseAsked(False))

    def _run_again(self, client: Client, life: int, part: slice) -> None:
        """The same script submits its tasks once more, but for some; only a part of them, perhaps."""
        names = [name for name in self.checks.plans if AGAIN not in name]
        names = [name for number, name in enumerate(names) if (number + life) % 4]
        plans, names = self.checks.plans, names[part]
        for name in names:  # whose futures would be arguments has been submitted before
            again = f"{name}{AGAIN}{life}"
            if all(f"t{number}{AGAIN}{life}" in plans for number in plans[name].takes):
                plans[again] = plans[name]
        known = [f"{name}{AGAIN}{life}" for name in names if f"{name}{AGAIN}{life}" in plans]
        infos = self._letters(client.session, known)
        if infos:
            client.learn_shapes(info.shape for info in infos)
            client.feed(ev.Submitted(infos))

    # -- the end ----------------------------------------------------------------------------

    def run(self) -> Report:
        """Until nothing is left to happen, or an invariant does not hold."""
        steps, failure, name = 0, "", ""
        try:
            self._begin()
            while self.world.step():
                steps += 1
                if not steps % 50:
                    self._in_time(steps)
                if not self._lives() and self._over():
                    break
            self._ended()
        except Violation as violation:
            failure, name = str(violation), violation.name
        except Exception as error:  # noqa: BLE001 - whatever a core raises is a failure of it
            failure, name = traceback.format_exc(), f"crash {type(error).__name__}"
        return Report(self.scenario, failure, name, steps, self.world.now, self.trace)

    def _lives(self) -> bool:
        """Whether any client does."""
        return self.client.alive or any(client.alive for client in self.older)

    def _over(self) -> bool:
        """Whether no client will come any more and no job is left."""
        session = self.client.session
        if session.finished is None:
            return False
        if session is self._left:
            return False  # another will follow
        directory = self.cluster.directory
        left_open = directory.exists and directory.inbox.get("closed") is None
        more = len(self.checks.sessions) < SESSIONS and left_open
        if more and session.broken is not None and self.journal.ended:
            self._left = session
            self.world.after(self.scenario.caller.attaches, self._attach)
            return False
        return not self._jobs_left()

    def _jobs_left(self) -> bool:
        return any(not job.ended for job in self.cluster.jobs.values() if job.reason not in STUCK)

    def _in_time(self, steps: int) -> None:
        self.checks.demand(steps < STEPS, "no end", "the world goes on and on")
        if self.client.alive:
            late = self.world.now > self.scenario.calm + bound(self.scenario)
            self.checks.demand(not late, "liveness", f"{self._state()}")

    def _ended(self) -> None:
        if not self.journal.ended:  # else it was left open: its pilots go on
            outlived(self.checks)
        left_behind(self.checks)
        over = self.client.session.finished is not None
        self.checks.demand(over, "liveness", f"asleep: {self._state()}")
        self.checks.demand(not self._jobs_left(), "agents asleep", f"{self._state()}")
        ended(self.checks)

    def _state(self) -> str:
        core = self.client.core
        pilots = [(p.name, p.phase, p.job, p.ambiguous) for p in core.fleet.pilots]
        left = list(core.tasks.unfinished.values())[:3]
        jobs = [(j.id, j.state, j.reason) for j in self.cluster.jobs.values()]
        waits = [w.action for w in core.requests.under_way.values()]
        return f"{core.ending.stage}, {pilots}, {left}, {jobs}, waits for {waits}"


def _state_of(core: Any) -> str:
    """The phase of an agent, or the stage of a run with the phases of its pilots."""
    if not hasattr(core, "fleet"):
        return f"{core.phase} {core.why}"
    phases = dict.fromkeys(sorted(pilot.phase for pilot in core.fleet.pilots))
    return " ".join([core.ending.stage, *phases])


STUCK = ("PartitionTimeLimit", "PartitionConfig")


def bound(scenario: Scenario) -> float:
    """Seconds after the last fault within which every run must be over."""
    limits = scenario.limits
    per_life = scenario.queue[1] + 4 * limits.sleep_interval + 120.0
    lives = limits.task_retries + 6
    return (
        600.0
        + scenario.dark
        + scenario.caller.attaches
        + scenario.work() * lives
        + per_life * lives
    )

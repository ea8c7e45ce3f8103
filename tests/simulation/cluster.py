"""Slurm, as far as a run notices it: jobs wait, begin, are cut short, requeued, forgotten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from fcx.executor.core.actions import SubmitPilot

from .faults import Faults
from .files import RunDirectory
from .packages import Packages
from .scenario import Scenario
from .timing import Timing
from .world import World

KILL_WAIT = 30.0  # seconds between SIGTERM and SIGKILL
ENDED = (
    *("COMPLETED", "FAILED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "PREEMPTED", "CANCELLED"),
    *("BOOT_FAIL", "DEADLINE"),
)


class Script(NamedTuple):
    """What a job's script holds."""

    action: SubmitPilot
    bundles: tuple[Any, ...]  # their contents
    initializer: bool
    fresh: bool = False  # for tasks that are owed a whole time limit


class Times:
    """When a job began, when its time is over, when it ended."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.began = self.ends = self.left = 0.0


class Words:
    """What a job leaves behind."""

    def __init__(self) -> None:
        self.exit_code = self.signal = 0
        self.output = ""


class Job:
    """One job under one id; ``restart`` counts its lives."""

    def __init__(self, number: str, script: Script, limit: float) -> None:
        self.id = number
        self.script = script
        self.state = "PENDING"
        self.reason = "Priority"
        self.restart = 0
        self.life = 0  # changes whenever what was planned for it no longer holds
        self.times = Times(limit)
        self.says = Words()
        self.agents: list[Any] = []
        self.surplus = False  # the client has cancelled it, at any time
        self.doomed = ""  # a state that its end is called, whatever its agents do
        self.hidden_until = 0.0  # listings do not have it

    @property
    def ended(self) -> bool:
        """Whether Slurm calls it ended."""
        return self.state in ENDED


class Cluster:
    """Jobs and the run directory; ``make_agent`` makes an agent on a node."""

    def __init__(self, world: World, scenario: Scenario, faults: Faults) -> None:
        self.world = world
        self.scenario = scenario
        self.faults = faults
        self.directory = RunDirectory()
        self.packages = Packages()
        self.timing = Timing(world, scenario)
        self.jobs: dict[str, Job] = {}
        self.make_agent: Callable[[Job, int, int], Any]
        self.removed: Callable[[], None] = lambda: None  # told before the directory is removed
        self.job_ended: Callable[[Job], None] = lambda job: None
        self._running = 0
        self._waiting: list[Job] = []

    def drifts(self) -> None:
        """What is installed changes when the scenario says."""
        for drift in self.scenario.drifts:
            self.world.at(drift.at, self.packages.drift, drift)

    def seen_by_agents(self) -> float:
        """When agents see what the client's side writes now."""
        return self.world.now + self.timing.seen()

    # -- in ---------------------------------------------------------------------------------

    def submit(self, script: Script) -> Job:
        """sbatch took it."""
        job = Job(str(1001 + len(self.jobs)), script, self.scenario.job_limit)
        self.jobs[job.id] = job
        self.faults.strike("job", self, job)
        if job.reason == "Priority":
            self.queue(job, self.timing.queue())
        return job

    def queue(self, job: Job, seconds: float) -> None:
        """It may begin after this time, once there is room."""
        self.world.after(seconds, self._eligible, job, job.life)

    def _eligible(self, job: Job, life: int) -> None:
        if job.life == life and job.state == "PENDING":
            self._waiting.append(job)
            self._begin_what_fits()
            if job.state == "PENDING" and job.reason == "Priority":
                job.reason = "Resources"

    def _begin_what_fits(self) -> None:
        while self._waiting and self._running < self.scenario.capacity:
            job = self._waiting.pop(0)
            if job.state == "PENDING":
                self._running += 1
                job.state, job.reason = "RUNNING", ""
                job.times.began = self.world.now
                job.times.ends = self.world.now + job.times.limit
                job.life += 1
                self.world.after(job.times.limit, self._time_is_up, job, job.life)
                self.faults.strike("begin", self, job)
                self.world.after(self.timing.script(), self._script, job, job.life)

    # -- the script -------------------------------------------------------------------------

    def _script(self, job: Job, life: int) -> None:
        """What the job script does before it starts the agents."""
        if job.life != life or job.state != "RUNNING":
            return
        directory, pilot = self.directory, job.script.action.pilot
        directory.make()
        holder = directory.locks.get(pilot)
        if holder is None:
            directory.locks.put(pilot, job.id, self.world.now + self.lag())
        word = directory.inbox.get("closed")
        if holder not in {None, job.id} or word is not None:
            if holder in {None, job.id} and word == "remove":
                self.remove()
            self.end(job, "COMPLETED")
            return
        self._unpack(job.script)
        late = self.faults.strike("script", self, job)
        if late is None:
            self._agents(job, life)
        elif late != float("inf"):
            self.world.after(late, self._agents, job, life)

    def _agents(self, job: Job, life: int) -> None:
        """srun starts them."""
        if job.life != life or job.state != "RUNNING":
            return
        workers = job.script.action.workers
        job.agents = [self.make_agent(job, node, count) for node, count in enumerate(workers)]
        for agent in list(job.agents):
            agent.begin()

    def _unpack(self, script: Script) -> None:
        directory = self.directory
        for bundle in script.bundles:
            if directory.inbox.get(bundle.name) is None:
                directory.inbox.put(bundle.name, bundle, self.world.now)
        directory.modules.update(dict.fromkeys(script.action.archives))
        directory.initializer = directory.initializer or script.initializer

    def lag(self) -> float:
        """How much later the client's side sees what is written on a node now."""
        return self.world.random.random() * self.scenario.lag

    def agent_left(self, job: Job, code: int) -> None:
        """One of its agents has ended."""
        job.says.exit_code = max(job.says.exit_code, code)
        if job.state == "RUNNING" and all(agent.gone for agent in job.agents):
            if self.directory.inbox.get("closed") == "remove" and not job.doomed:
                self.remove()
            self.end(job, job.doomed or ("FAILED" if job.says.exit_code else "COMPLETED"))

    # -- ends -------------------------------------------------------------------------------

    def end(self, job: Job, state: str) -> None:
        """The job is over, with all that ran in it."""
        if job.ended:
            return
        if job.state == "RUNNING":
            self._running -= 1
        job.state = state
        job.times.left = self.world.now
        job.life += 1
        for agent in job.agents:
            agent.kill()
        self.job_ended(job)
        self._begin_what_fits()

    def stop(self, job: Job, state: str, grace: float = KILL_WAIT) -> None:
        """SIGTERM to all of it, SIGKILL later; its end is called ``state``."""
        if job.ended or job.doomed:
            return
        if job.state == "PENDING":
            self.end(job, state)
            return
        job.doomed = state
        self.world.after(grace, self._kill, job, job.life)
        if not job.agents:
            self.end(job, state)
        for agent in list(job.agents):
            agent.terminate()

    def _kill(self, job: Job, life: int) -> None:
        if job.life == life:
            self.end(job, job.doomed)

    def _time_is_up(self, job: Job, life: int) -> None:
        if job.life == life:
            self.stop(job, "TIMEOUT")

    def fails(self, job: Job, state: str) -> None:
        """Its node does: it waits again where that is allowed, and is over where it is not."""
        if self.scenario.limits_of(job.script.action.shape).requeue:
            self.requeue(job)
        else:
            self.end(job, state)

    def preempt(self, job: Job, grace: float) -> None:
        """Its nodes are taken: the same, once it has been told."""
        if not self.scenario.limits_of(job.script.action.shape).requeue:
            self.stop(job, "PREEMPTED", grace)
        elif job.state == "RUNNING" and not job.doomed:
            self.world.after(grace, self._requeue_same, job, job.life)
            for agent in list(job.agents):
                agent.terminate()

    def _requeue_same(self, job: Job, life: int) -> None:
        if job.life == life:
            self.requeue(job)

    def requeue(self, job: Job) -> None:
        """Everything in it is killed, and it waits again under the same id."""
        if job.state != "RUNNING":
            return
        self._running -= 1
        job.state, job.reason, job.doomed = "PENDING", "BeginTime", ""
        job.life += 1
        job.restart += 1
        agents, job.agents = job.agents, []
        for agent in agents:
            agent.kill()
        self.queue(job, self.timing.queue())
        self._begin_what_fits()

    def put_back(self, job: Job, life: int) -> None:
        """The same in good order: SIGTERM to all of it before."""
        if job.life == life and job.state == "RUNNING" and not job.doomed:
            for agent in list(job.agents):
                agent.terminate()
            self.requeue(job)

    def remove(self) -> None:
        """Somebody removes the run directory."""
        self.removed()
        self.directory.remove()

    def working(self) -> list[Job]:
        """Jobs that run."""
        return [job for job in self.jobs.values() if job.state == "RUNNING"]

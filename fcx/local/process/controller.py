"""The books of all jobs, as slurmctld keeps them: who waits, who runs, what becomes of whom."""

from __future__ import annotations

import itertools
import os
import time

from ..scheduler import SchedulerSettings
from . import admission, endings
from .job import Job, Terms
from .nodes import Node
from .partitions import Partition, Pools
from .queue import Queue
from .sbatch import without_script
from .spec import JobSpec
from .supervision import Supervision
from .workplace import Workplace

NODE_RECOVERY = 2.0  # seconds that a failed node stays down
REQUEUE_DELAY = 1.0
CLOSE_GRACE = 0.5
WHY = {"REQUEUED": " DUE TO JOB REQUEUE", "PREEMPTED": " DUE TO PREEMPTION"}


class Controller:
    """Admits jobs, lets them wait and run, ends them; knows each by its id."""

    def __init__(self, settings: SchedulerSettings) -> None:
        self.settings = settings
        self.jobs: dict[str, Job] = {}
        self.pools = Pools(settings.nodes, settings.cpus_per_node)
        self.workplace = Workplace(settings.root, settings.python)
        self.queue = Queue(self.pools, self.jobs, self._begin)
        self.running = Supervision(self.workplace, settings.minute, settings.kill_wait, self._ended)
        self._numbers = itertools.count(1_000_000 + int(time.time()) % 8_000_000)

    async def close(self) -> None:
        """End all jobs: TERM, half a second, KILL."""
        self.queue.close()
        await self.running.close(list(self.jobs.values()), CLOSE_GRACE)

    # --- submission

    def submit(self, spec: JobSpec, partition: Partition, delay: float) -> Job:
        """Take a job in; it starts no earlier than in `delay` seconds, or as its `--begin` says."""
        job = self._new_job(spec, partition)
        job.not_before = time.monotonic() + max(delay, spec.timing.begin)
        self.jobs[job.id] = job
        self.queue.add(job)
        return job

    def _new_job(self, spec: JobSpec, partition: Partition) -> Job:
        number = next(self._numbers)
        asked = spec.timing.time
        minutes = partition.default_time if asked is None else asked
        limit = minutes * self.settings.minute if minutes else None
        account = spec.charge.account or self.settings.accounts[0]
        directory = self.settings.root / "jobs" / str(number)
        directory.mkdir(parents=True)
        job = Job(
            id=str(number),
            number=len(self.jobs) + 1,
            spec=without_script(spec),
            terms=Terms(partition.name, account, limit),
            directory=directory,
        )
        handle = os.open(job.script, os.O_WRONLY | os.O_CREAT, 0o700)
        with os.fdopen(handle, "wb") as file:
            file.write(spec.script.encode("utf-8", "surrogateescape"))
        pool = self.pools.of(partition.name)
        fits = pool.possible(pool.need(spec.size))
        job.status.reason = admission.why_never(spec, partition, minutes, fits=fits)
        return job

    # --- from the queue to the end

    def _begin(self, job: Job, nodes: list[Node], cpus: int) -> None:
        job.begin(nodes, cpus)
        self.running.start(job)

    def _ended(self, job: Job, status: int | None) -> None:
        """Write down how it ended, and give its nodes to the next one."""
        assert job.run is not None
        self.pools.of(job.terms.partition).give_back(job.id)
        if job.run.fate == "REQUEUED":
            job.wait_again(REQUEUE_DELAY)
            self.queue.add(job)
        else:
            endings.write_down(job, status)
        self.queue.look()

    # --- what is done to jobs

    def cancel(self, job: Job) -> None:
        """Scancel."""
        self.end(job, f"CANCELLED by {os.getuid()}")

    def end(self, job: Job, fate: str, grace: float | None = None) -> None:
        """Bring a job to an end from outside; it is over at once, its processes have `grace` s."""
        if self.queue.drop(job):
            job.be_over(fate)
            self.queue.look()
            return
        assert job.run is not None
        job.run.fate = fate
        if fate == "REQUEUED":
            job.status.state, job.status.reason, job.end = "PENDING", "BeginTime", None
        else:
            job.be_over(fate)
        self.running.end(job, WHY.get(fate, ""), grace)

    def requeue(self, job: Job) -> None:
        """`scontrol requeue`, of a job that runs or is over."""
        if self.running.busy(job):
            self.end(job, "REQUEUED")
        else:
            job.wait_again(REQUEUE_DELAY)
            self.queue.add(job)

    def fail_nodes(self, job: Job) -> None:
        """The job's nodes die under it and stay down for a while; requeued unless forbidden."""
        for node in job.nodes:
            node.down_until = time.monotonic() + NODE_RECOVERY
        self.end(job, "REQUEUED" if job.spec.timing.requeue else "NODE_FAIL", grace=0.0)

    def preempt(self, job: Job) -> None:
        """Another job takes its place; requeued unless forbidden."""
        self.end(job, "REQUEUED" if job.spec.timing.requeue else "PREEMPTED")

    def hold(self, job: Job) -> None:
        """A job that waits shall wait until it is released."""
        if job.pending:
            job.status.reason = "JobHeldUser"
            self.queue.look()

    def release(self, job: Job) -> None:
        """A job that is held may start."""
        if job.pending and job.status.reason == "JobHeldUser":
            job.status.reason = "None"
            self.queue.look()

    # --- what is known of jobs

    def known(self, job_id: str) -> Job | None:
        """The job of an id, while slurmctld remembers it: until MinJobAge after its end."""
        job = self.jobs.get(job_id)
        if job is None or (job.end and time.time() - job.end > self.settings.min_job_age):
            return None
        return job

    def next_start(self) -> float | None:
        """When the next waiting job may start, by the time limits of those that run."""
        ends = [
            job.start + job.terms.limit
            for job in self.jobs.values()
            if self.running.has(job) and job.start is not None and job.terms.limit is not None
        ]
        return min(ends, default=None)

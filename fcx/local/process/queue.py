"""The jobs that wait, first come first served, and why each does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from .dependency import judge
from .job import Job
from .nodes import Node, Pool
from .partitions import Pools

NEVER = frozenset({"JobHeldUser", "PartitionTimeLimit", "PartitionConfig"})
"""Reasons for which a job does not start, whatever becomes free."""
DEPENDENCY_PERIOD = 1.0

Begin = Callable[[Job, list[Node], int], None]


class Queue:
    """Begins a job as soon as its nodes are free, it is due, and its dependencies are met.

    `jobs` are all jobs by id, those that others depend on among them; `begin` starts one, on
    these nodes and so many CPUs of each.
    """

    def __init__(self, pools: Pools, jobs: Mapping[str, Job], begin: Begin) -> None:
        self._pools = pools
        self._jobs = jobs
        self._begin = begin
        self._waiting: list[Job] = []
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def add(self, job: Job) -> None:
        """Let a job wait; one that was requeued has its old place."""
        if not self._closed:
            self._waiting.append(job)
            self._waiting.sort(key=lambda one: one.number)
            self.look()

    def drop(self, job: Job) -> bool:
        """Take a job out; False if it does not wait here."""
        if job not in self._waiting:
            return False
        self._waiting.remove(job)
        return True

    def close(self) -> None:
        """Begin nothing any more."""
        self._closed = True
        self._waiting.clear()
        self._cancel_timer()

    def look(self) -> None:
        """Begin whatever may begin now; say of the others why they wait."""
        if self._closed:
            return
        blocked: set[Pool] = set()
        for job in list(self._waiting):
            if job.status.reason in NEVER or not self._due(job):
                continue
            pool = self._pools.of(job.terms.partition)
            if pool in blocked:
                job.status.reason = "Priority"
                continue
            need = pool.need(job.spec.size)
            nodes = pool.take(job.id, need)
            if nodes is None:
                job.status.reason = "Resources"
                blocked.add(pool)
                continue
            self._waiting.remove(job)
            self._begin(job, nodes, need.cpus)
        self._look_later()

    def _due(self, job: Job) -> bool:
        """Whether its time has come and its dependencies are met; if not, its reason says so."""
        status = job.status
        if job.not_before > time.monotonic():
            status.reason = "BeginTime"
            return False
        verdict = judge(job, self._jobs)
        if verdict == "never" and status.reason == "Dependency":
            status.reason = "DependencyNeverSatisfied"
        elif verdict != "met" and status.reason != "DependencyNeverSatisfied":
            status.reason = "Dependency"
        return verdict == "met"

    def _look_later(self) -> None:
        """Look again when a delayed job is due, a node comes up, or a dependency may be met."""
        self._cancel_timer()
        now = time.monotonic()
        pauses = [job.not_before - now for job in self._waiting if job.not_before > now]
        recovery = self._pools.working.next_recovery()
        if recovery is not None and self._waiting:
            pauses.append(recovery)
        if any(job.status.reason == "Dependency" for job in self._waiting):
            pauses.append(DEPENDENCY_PERIOD)
        if pauses:
            self._timer = asyncio.get_running_loop().call_later(min(pauses) + 0.01, self.look)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

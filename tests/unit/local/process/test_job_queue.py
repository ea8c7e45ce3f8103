"""The queue: who begins when, and what the others are told to wait for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from fcx.local.process.job import Job
from fcx.local.process.partitions import Pools
from fcx.local.process.queue import Queue


class Machine:
    """A queue whose jobs begin and do nothing."""

    def __init__(self, nodes: int) -> None:
        self.pools = Pools(nodes, 8)
        self.jobs: dict[str, Job] = {}
        self.begun: list[str] = []
        self.queue = Queue(self.pools, self.jobs, self._begin)

    def _begin(self, job: Job, nodes: list, cpus: int) -> None:
        job.begin(nodes, cpus)
        self.begun.append(job.id)

    def add(self, *jobs: Job) -> None:
        """Let jobs wait, in this order."""
        for job in jobs:
            self.jobs[job.id] = job
            self.queue.add(job)

    def end(self, job: Job, state: str = "COMPLETED") -> None:
        """A job is over, and its nodes are free."""
        job.be_over(state)
        self.pools.working.give_back(job.id)
        self.queue.look()


@pytest.fixture
def machine() -> Machine:
    """One node."""
    return Machine(1)


def in_a_loop(scene: Callable[[], None]) -> None:
    """Run where timers can be set."""

    async def run() -> None:
        scene()

    asyncio.run(run())


def test_first_come_first_served(machine, new_job):
    """The first waits for nodes, those behind it for its sake; transfers have a node of their own."""
    first, second, third = (new_job() for _ in range(3))
    transfer = new_job(partition="xfer")
    machine.add(first, second, third, transfer)
    assert machine.begun == [first.id, transfer.id]
    assert [second.status.reason, third.status.reason] == ["Resources", "Priority"]
    machine.end(first)
    assert machine.begun == [first.id, transfer.id, second.id]


def test_a_requeued_job_has_its_old_place(machine, new_job):
    """It is taken before those that came later."""
    old, running, later = new_job(), new_job(), new_job()
    machine.add(running, later, old)
    machine.end(running)
    assert machine.begun == [running.id, old.id]


@pytest.mark.parametrize("reason", ["JobHeldUser", "PartitionTimeLimit", "PartitionConfig"])
def test_what_can_never_start_holds_up_nobody(machine, new_job, reason):
    """Others pass it by."""
    stuck, other = new_job(), new_job()
    stuck.status.reason = reason
    machine.add(stuck, other)
    assert (machine.begun, stuck.status.reason) == ([other.id], reason)


def test_a_job_that_is_not_due_waits_for_its_time(machine, new_job):
    """BeginTime, and it holds up nobody."""
    late, other = new_job(), new_job()
    late.not_before = time.monotonic() + 3600
    in_a_loop(lambda: machine.add(late, other))
    assert (machine.begun, late.status.reason) == ([other.id], "BeginTime")


def test_a_dependency_is_waited_for_or_given_up(machine, new_job):
    """Dependency while it may be met, DependencyNeverSatisfied when it cannot be any more."""
    first = new_job()
    follows = new_job(timing={"dependency": f"afterok:{first.id}"})

    def scene() -> None:
        machine.add(first, follows)
        assert follows.status.reason == "Dependency"
        machine.end(first, "FAILED")

    in_a_loop(scene)
    assert follows.status.reason == "DependencyNeverSatisfied"
    assert machine.begun == [first.id]


def test_a_dropped_job_never_begins(machine, new_job):
    """It can be dropped once; a closed queue begins nothing."""
    first, second, third = (new_job() for _ in range(3))
    machine.add(first, second, third)
    assert machine.queue.drop(second)
    assert not machine.queue.drop(second)
    machine.end(first)
    assert machine.begun == [first.id, third.id]
    machine.queue.close()
    machine.add(new_job())
    machine.end(third)
    assert machine.begun == [first.id, third.id]

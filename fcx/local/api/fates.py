"""What befalls jobs: a dead node, preemption, a requeue, too little memory."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

from ..errors import SchedulerError
from ..scheduler import Scheduler
from .site import Site

FATES: dict[str, Callable[[Scheduler, str], Awaitable[None]]] = {
    "node_fail": lambda scheduler, job_id: scheduler.fail_node(job_id),
    "preempt": lambda scheduler, job_id: scheduler.preempt(job_id),
    "requeue": lambda scheduler, job_id: scheduler.requeue(job_id),
    "oom": lambda scheduler, job_id: scheduler.run_out_of_memory(job_id),
}


async def strike(site: Site, job_id: str, effect: str) -> None:
    """Let something happen to a job; SchedulerError where it cannot."""
    await FATES[effect](site.scheduler, job_id)
    site.faults.note("run", {effect: 1.0, "job": job_id})


async def befall(site: Site, job_id: str, effect: str) -> None:
    """The same, unless the job is over by now."""
    with contextlib.suppress(SchedulerError):
        await strike(site, job_id, effect)

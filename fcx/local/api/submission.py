"""Jobs on their way to the scheduler: those of users, and the server's own."""

from __future__ import annotations

import contextlib

from ..errors import ApiError, SchedulerError
from ..scheduler import JobRequest
from .bodies import JobDescription
from .fates import befall
from .site import Site


def job_request(job: JobDescription) -> JobRequest:
    """The scheduler's view of a submission's body."""
    env = job.env
    if not isinstance(env, dict):
        raise ApiError("(\"'list' object has no attribute 'items'\",)")
    return JobRequest(
        working_directory=job.working_directory,
        script=job.script,
        script_path=job.script_path,
        name=job.name,
        account=job.account,
        partition=job.partition,
        reservation=job.reservation,
        constraints=job.constraints,
        standard_input=job.standard_input,
        standard_output=job.standard_output,
        standard_error=job.standard_error,
        environment=env,
    )


async def hand_in(site: Site, wanted: JobRequest, delay: float = 0.0) -> str:
    """Give a job to the scheduler, write it down, and decide what befalls it."""
    job_id = await site.scheduler.submit(wanted, delay=delay)
    site.ledger.note_job(job_id, wanted)
    fate = site.faults.fate_of_a_job()
    if fate is not None:
        effect, after = fate
        site.later.after(after, befall(site, job_id, effect))
    return job_id


async def appear(site: Site, wanted: JobRequest) -> None:
    """The same for a job that nobody waits for; nobody is told of a refusal either."""
    with contextlib.suppress(SchedulerError):
        await hand_in(site, wanted)

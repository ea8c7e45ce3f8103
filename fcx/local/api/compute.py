"""`/compute/{system}/jobs`: submit, list, show, cancel, attach."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from fcx.local.api.models import AttachBody, JobDescription, SubmitBody
from fcx.local.errors import ApiError, CommandTimeout, SchedulerError
from fcx.local.scheduler import JobRequest, Record, Scheduler
from fcx.local.site import Site, site_of

router = APIRouter(prefix="/compute/{system_name}/jobs", tags=["compute"])

JobId = Annotated[str, Path(pattern="^[a-zA-Z0-9]+$")]
_NO_JOB_ID = 2**32 - 2  # what Slurm's numbers end at
_UNIT_SECONDS = {"h": 3600, "d": 86400}


FATES: dict[str, Callable[[Scheduler, str], Awaitable[None]]] = {
    "node_fail": lambda scheduler, job_id: scheduler.fail_node(job_id),
    "preempt": lambda scheduler, job_id: scheduler.preempt(job_id),
    "requeue": lambda scheduler, job_id: scheduler.requeue(job_id),
    "oom": lambda scheduler, job_id: scheduler.run_out_of_memory(job_id),
}


class TimeWindow(str, Enum):
    """How far a listing looks back."""

    hour = "1h"
    shift = "8h"
    day = "24h"
    days = "3d"
    week = "7d"

    @property
    def seconds(self) -> float:
        """The window in seconds."""
        return int(self.value[:-1]) * _UNIT_SECONDS[self.value[-1]]


def job_request(job: JobDescription, delay: float = 0.0) -> JobRequest:
    """The scheduler's view of a submission's body; the job starts no earlier than in `delay` s."""
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
        delay=delay,
    )


@router.post("")
async def submit(request: Request, system_name: str, body: SubmitBody) -> Response:
    """Queue a job."""
    site = site_of(request, system_name)
    faults = request.scope["faults"]
    wanted = job_request(body.job, faults.get("pending", 0.0))
    if "appears" in faults:
        site.later(faults["appears"], _appear(site, wanted))
        raise _ghost()
    job_id = await hand_in(site, wanted)
    if "ghost" in faults:
        raise _ghost()
    return JSONResponse({"jobId": job_id}, status_code=201)


def _ghost() -> ApiError:
    """The answer to a submission whose sbatch took too long; its job may run all the same."""
    return ApiError("('Channel not open for sending',)", crash=True)


async def _appear(site: Site, wanted: JobRequest) -> None:
    with contextlib.suppress(SchedulerError):  # nobody is there to be told of a refusal
        await hand_in(site, wanted)


async def hand_in(site: Site, wanted: JobRequest) -> str:
    """Give a job to the scheduler, write it down, and decide what befalls it."""
    job_id = await site.scheduler.submit(wanted)
    site.ledger.note_job(job_id, wanted)
    fate = site.faults.fate_of_a_job()
    if fate is not None:
        effect, after = fate
        site.later(after, befall(site, job_id, effect))
    return job_id


async def befall(site: Site, job_id: str, effect: str) -> None:
    """Let something happen to a job: node_fail, preempt, requeue or oom."""
    with contextlib.suppress(SchedulerError):  # it may be over by now
        await FATES[effect](site.scheduler, job_id)
        site.faults.note("run", {effect: 1.0, "job": job_id})


def _as_seen(site: Site, faults: Mapping[str, float], records: list[Record]) -> list[Record]:
    """The records with the faults of early ones: not there yet, or there and wrong."""
    now = time.time()
    if "missing" in faults:
        known = site.ledger.submitted
        records = [
            one for one in records if now - known.get(one["jobId"], 0.0) >= faults["missing"]
        ]
    if "bogus" in faults:
        records = [_bogus(one) if _began(one) > now - faults["bogus"] else one for one in records]
    return records


def _began(record: Record) -> float:
    waits = record["status"]["state"] == "PENDING"
    return 0.0 if waits else float(record["time"]["start"] or 0)


def _bogus(record: Record) -> Record:
    """What the accounting database says of a job before it has heard of it."""
    if record["time"]["end"] is not None:
        return record | {"name": "allocation"}
    return record | {
        "name": "allocation",
        "status": record["status"] | {"state": "PENDING", "exitCode": 0, "interruptSignal": 0},
        "time": record["time"] | {"elapsed": 0},
        "account": "",
        "partition": "",
        "workingDirectory": "",
        "priority": 0,
    }


@router.get("")
async def jobs(
    request: Request,
    system_name: str,
    allusers: bool = False,
    account: str | None = None,
    name: Annotated[str | None, Query(max_length=235)] = None,
    time_window: TimeWindow = TimeWindow.day,
) -> Response:
    """All jobs of the user."""
    site = site_of(request, system_name)
    found = await site.scheduler.jobs(
        all_users=allusers, account=account, name=name, window=time_window.seconds
    )
    return JSONResponse({"jobs": _as_seen(site, request.scope["faults"], found)})


@router.get("/{job_id}")
async def job(request: Request, system_name: str, job_id: JobId) -> Response:
    """One job; a list of one, as squeue and sacct are merged."""
    site = site_of(request, system_name)
    if job_id.isdigit() and not 0 < int(job_id) < _NO_JOB_ID:
        raise SchedulerError.of_query(1, f"squeue: error: Invalid job id: {job_id}\n")
    found = await site.scheduler.jobs(job_id, all_users=True)
    found = _as_seen(site, request.scope["faults"], found)
    if not found:
        raise ApiError("Job not found.", status=404)
    return JSONResponse({"jobs": found})


@router.get("/{job_id}/metadata")
async def metadata(request: Request, system_name: str, job_id: JobId) -> Response:
    """A job's script and files."""
    site = site_of(request, system_name)
    found = await site.scheduler.metadata(job_id)
    if not found:
        raise ApiError("Job not found.", status=404)
    return JSONResponse({"jobs": found})


@router.put("/{job_id}/attach")
async def attach(request: Request, system_name: str, job_id: JobId, body: AttachBody) -> Response:
    """Run a command inside a running job."""
    site = site_of(request, system_name)
    if body.command is None:
        raise ApiError("('sequence item 3: expected str instance, NoneType found',)", crash=True)
    if not re.search(r"\S", body.command):
        raise CommandTimeout
    await site.scheduler.attach(job_id, body.command)
    return Response(status_code=204)


@router.delete("/{job_id}")
async def cancel(request: Request, system_name: str, job_id: JobId) -> Response:
    """Cancel a job."""
    site = site_of(request, system_name)
    if not job_id.isdigit():
        raise SchedulerError.of_command(1, f"scancel: error: Invalid job id {job_id}\n")
    await site.scheduler.cancel(job_id)
    return Response(status_code=204)

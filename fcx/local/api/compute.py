"""`/compute/{system}/jobs`: submit, list, show, cancel, attach."""

from __future__ import annotations

import re
from enum import Enum
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from ..errors import ApiError, CommandTimeout, SchedulerError
from .bodies import AttachBody, SubmitBody
from .early import as_seen
from .site import site_of
from .submission import appear, hand_in, job_request

router = APIRouter(prefix="/compute/{system_name}/jobs", tags=["compute"])

JobId = Annotated[str, Path(pattern="^[a-zA-Z0-9]+$")]
_NO_JOB_ID = 2**32 - 2  # what Slurm's numbers end at
_UNIT_SECONDS = {"h": 3600, "d": 86400}


LIMIT = (
    "sbatch: error: QOSMaxSubmitJobPerUserLimit\n"
    "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit "
    "limit, user's size and/or time limits)"
)


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


@router.post("")
async def submit(request: Request, system_name: str, body: SubmitBody) -> Response:
    """Queue a job."""
    site = site_of(request, system_name)
    faults = request.scope["faults"]
    wanted = job_request(body.job)
    if "appears" in faults:
        site.later.after(faults["appears"], appear(site, wanted))
        raise _ghost()
    if "limit" in faults:
        raise SchedulerError.of_command(1, LIMIT)
    job_id = await hand_in(site, wanted, faults.get("pending", 0.0))
    if "ghost" in faults:
        raise _ghost()
    return JSONResponse({"jobId": job_id}, status_code=201)


def _ghost() -> ApiError:
    """The answer to a submission whose sbatch took too long; its job may run all the same."""
    return ApiError("('Channel not open for sending',)", crash=True)


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
    return JSONResponse({"jobs": as_seen(site, request.scope["faults"], found)})


@router.get("/{job_id}")
async def job(request: Request, system_name: str, job_id: JobId) -> Response:
    """One job; a list of one, as squeue and sacct are merged."""
    site = site_of(request, system_name)
    if job_id.isdigit() and not 0 < int(job_id) < _NO_JOB_ID:
        raise SchedulerError.of_query(1, f"squeue: error: Invalid job id: {job_id}\n")
    found = await site.scheduler.jobs(job_id, all_users=True)
    found = as_seen(site, request.scope["faults"], found)
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

"""`/compute/{system}/jobs`: submit, list, show, cancel, attach."""

from __future__ import annotations

import re
from enum import Enum
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from fcx.local.errors import ApiError, CommandTimeout
from fcx.local.models import AttachBody, JobDescription, SubmitBody
from fcx.local.scheduler import JobRequest
from fcx.local.site import site_of

router = APIRouter(prefix="/compute/{system_name}/jobs", tags=["compute"])

JobId = Annotated[str, Path(pattern="^[a-zA-Z0-9]+$")]
_UNIT_SECONDS = {"h": 3600, "d": 86400}


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


@router.post("")
async def submit(request: Request, system_name: str, body: SubmitBody) -> Response:
    """Queue a job."""
    site = site_of(request, system_name)
    wanted = job_request(body.job)
    job_id = await site.scheduler.submit(wanted)
    site.ledger.submissions.append(
        {
            "jobId": job_id,
            "script": wanted.script,
            "scriptPath": wanted.script_path,
            "workingDirectory": wanted.working_directory,
        }
    )
    return JSONResponse({"jobId": job_id}, status_code=201)


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
    return JSONResponse({"jobs": found})


@router.get("/{job_id}")
async def job(request: Request, system_name: str, job_id: JobId) -> Response:
    """One job; a list of one, as squeue and sacct are merged."""
    site = site_of(request, system_name)
    found = await site.scheduler.jobs(job_id, all_users=True)
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
    if body.command is None or not re.search(r"\S", body.command):
        raise CommandTimeout
    await site.scheduler.attach(job_id, body.command)
    return Response(status_code=204)


@router.delete("/{job_id}")
async def cancel(request: Request, system_name: str, job_id: JobId) -> Response:
    """Cancel a job."""
    site = site_of(request, system_name)
    await site.scheduler.cancel(job_id)
    return Response(status_code=204)

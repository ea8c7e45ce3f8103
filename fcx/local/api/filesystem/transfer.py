"""`/filesystem/{system}/transfer`: what takes longer than a request may, done by jobs."""

from __future__ import annotations

import math
import os
import shlex
import uuid
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from ... import programs
from ...errors import ApiError
from ...scheduler import JobRequest
from ..bodies import (
    CopyBody,
    LargeDownloadBody,
    LargeUploadBody,
    MoveBody,
    PathBody,
    S3Directives,
    TransferCompressBody,
    TransferExtractBody,
)
from ..site import Site, site_of
from ..submission import hand_in
from .archives import compress_command, extract_command
from .commands import checked
from .paths import Path, checked_path, path_first, quotable

router = APIRouter(prefix="/filesystem/{system_name}/transfer", tags=["filesystem"])
_PATH_FIRST = [Depends(path_first)]


@router.post("/mv", dependencies=_PATH_FIRST)
async def move(request: Request, system_name: str, body: MoveBody) -> Response:
    """Move in a job."""
    site = site_of(request, system_name)
    source = checked_path(site, body.path)
    command = ["mv", "--", source, quotable(body.target_path)]
    return _created(await _job(request, site, "MoveFiles", command, "moved", body.account))


@router.post("/cp", dependencies=_PATH_FIRST)
async def copy(request: Request, system_name: str, body: CopyBody) -> Response:
    """Copy in a job."""
    site = site_of(request, system_name)
    source = checked_path(site, body.path)
    deref = ["--dereference"] if body.dereference else []
    command = ["cp", *deref, "-R", "--", source, quotable(body.target_path)]
    return _created(await _job(request, site, "CopyFiles", command, "copied", body.account))


@router.delete("/rm", dependencies=_PATH_FIRST)
async def remove(
    request: Request,
    system_name: str,
    path: Path,
    account: str | None = None,
) -> Response:
    """Remove in a job."""
    site = site_of(request, system_name)
    command = ["rm", "-R", "--", checked_path(site, path)]
    return JSONResponse(await _job(request, site, "DeleteFiles", command, "deleted", account))


@router.post("/compress", dependencies=_PATH_FIRST)
async def compress(request: Request, system_name: str, body: TransferCompressBody) -> Response:
    """Pack in a job."""
    site = site_of(request, system_name)
    source = checked_path(site, body.path)
    command = compress_command(source, quotable(body.target_path), body)
    return _created(await _job(request, site, "CompressFiles", command, "compressed", body.account))


@router.post("/extract", dependencies=_PATH_FIRST)
async def extract(request: Request, system_name: str, body: TransferExtractBody) -> Response:
    """Unpack in a job."""
    site = site_of(request, system_name)
    source = checked_path(site, body.path)
    command = extract_command(source, quotable(body.target_path), body.compression)
    return _created(await _job(request, site, "CompressFiles", command, "extracted", body.account))


@router.post("/upload")
async def upload(request: Request, system_name: str, body: LargeUploadBody) -> Response:
    """Take a large file in: parts to the staging area, and a job that fetches the whole."""
    site = site_of(request, system_name)
    directives = _through_s3(site, body)
    path = _given(body)
    if directives.file_size is None:
        raise ApiError("(\"unsupported operand type(s) for /: 'NoneType' and 'int'\",)", crash=True)
    url = _new_object(request, site, path)
    count = math.ceil(directives.file_size / site.system.max_part_size)
    answer = await _stager_job(
        request,
        site,
        "IngressFileTransfer",
        ["fetch", url, path, str(site.system.max_part_size)],
        body.account,
    )
    site.ledger.note_upload(path, directives.file_size)
    answer["transferDirectives"] = {
        "transferMethod": "s3",
        "partsUploadUrls": [_part_url(url, number + 1) for number in range(count)],
        "completeUploadUrl": url.replace("{query}", ""),
        "maxPartSize": site.system.max_part_size,
    }
    return _created(answer)


@router.post("/download")
async def download(request: Request, system_name: str, body: LargeDownloadBody) -> Response:
    """Give a large file out: a job sends it to the staging area, the caller reads it there."""
    site = site_of(request, system_name)
    _through_s3(site, body)
    path = quotable(_given(body))
    await checked(["stat", "--dereference", "-c", "%s", "--", path], site.system.command_timeout)
    url = _new_object(request, site, path)
    answer = await _stager_job(
        request,
        site,
        "OutgressFileTransfer",
        ["push", path, str(site.system.max_part_size), url],
        body.account,
    )
    answer["transferDirectives"] = {
        "transferMethod": "s3",
        "downloadUrl": url.replace("{query}", ""),
    }
    return _created(answer)


def _through_s3(site: Site, body: LargeUploadBody | LargeDownloadBody) -> S3Directives:
    if not site.system.max_part_size:  # so the real server stumbles where it has no stage
        raise ApiError("(\"'NoneType' object has no attribute 'service_type'\",)", crash=True)
    if not isinstance(body.transfer_directives, S3Directives):
        raise ApiError("Requested transfer method is not available.", status=400)
    return body.transfer_directives


def _given(body: PathBody) -> str:
    if body.path is None:
        raise ApiError("('expected str, bytes or os.PathLike object, not NoneType',)", crash=True)
    return body.path


def _new_object(request: Request, site: Site, path: str) -> str:
    """Room in the stage; the fault `expires` says for how long its address is good."""
    ttl = request.scope["faults"].get("expires", site.stage.ttl)
    return site.stage.new_object(os.path.basename(path), ttl)


def _part_url(url: str, number: int) -> str:
    return url.replace("{query}", f"&partNumber={number}")


def _created(answer: dict[str, Any]) -> Response:
    return JSONResponse(answer, status_code=201)


async def _job(
    request: Request, site: Site, name: str, command: Sequence[str], done: str, account: str | None
) -> dict[str, Any]:
    """A job that runs one command and says that the files were successfully `done`."""
    body = (
        f"if {shlex.join(command)}; then\n"
        f'    echo "$(date -u) Files were successfully {done}."\n'
        "else\n"
        '    code=$?; echo "$(date -u) Failed, exit code: $code" >&2; exit $code\n'
        "fi\n"
    )
    return await _submitted(request, site, name, body, account)


async def _stager_job(
    request: Request, site: Site, name: str, arguments: Sequence[str], account: str | None
) -> dict[str, Any]:
    command = [*programs.command("stager"), *arguments]
    return await _submitted(request, site, name, f"exec {shlex.join(command)}\n", account)


async def _submitted(
    asked: Request, site: Site, name: str, body: str, account: str | None
) -> dict[str, Any]:
    """Queue a transfer job, which a fault may keep waiting or fail; what the API says of it."""
    faults = asked.scope["faults"]
    if "fails" in faults:
        body = 'echo "$(date -u) Injected fault" >&2; exit 1\n'
    folder = site.transfers
    number = uuid.uuid4()
    output = f"{folder}/.f7t_file_handling_job_{number}.log"
    error = f"{folder}/.f7t_file_handling_job_error_{number}.log"
    directives = "".join(f"{line}\n" for line in site.scheduler.transfer_directives)
    request = JobRequest(
        working_directory=folder,
        script=f"#!/bin/bash\n{directives}{body}",
        name=name,
        account=account,
        standard_input="/dev/null",
        standard_output=output,
        standard_error=error,
        environment={"PATH": "/bin:/usr/bin/:/usr/local/bin/"},
    )
    return {
        "transferJob": {
            "jobId": await hand_in(site, request, faults.get("pending", 0.0)),
            "system": site.system.name,
            "workingDirectory": folder,
            "logs": {"outputLog": output, "errorLog": error},
        }
    }

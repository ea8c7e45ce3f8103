"""What changes files: upload, mkdir, chmod, chown, symlink, rm."""

from __future__ import annotations

import asyncio
import os
import re
import stat
from typing import Annotated

from fastapi import APIRouter, File, Request, Response, UploadFile

from ...errors import ApiError, CommandTimeout
from ..bodies import ChmodBody, ChownBody, MkdirBody, SymlinkBody
from ..site import Site, site_of
from . import listing
from .commands import checked, failure
from .paths import Path, checked_path, quotable
from .quick import output, quickly

router = APIRouter()


@router.post("/upload")
async def upload(
    request: Request, system_name: str, path: Path, file: Annotated[UploadFile, File()]
) -> Response:
    """Write a small file. Not atomic, and an empty one is 408 after the command's whole time."""
    site = site_of(request, system_name)
    checked_path(site, path)
    target = quotable(f"{path}/{file.filename}")
    content = await file.read()
    if len(content) > site.system.max_ops_size:
        raise ApiError("File to upload is too large.", status=413)
    half = "half" in request.scope["faults"]
    _write(target, content[: len(content) // 2] if half else content)
    if half:
        raise ApiError("('Channel not open for sending',)", crash=True)
    site.ledger.note_upload(target, len(content))
    if not content:
        await asyncio.sleep(site.system.command_timeout)
        raise CommandTimeout
    return Response(status_code=204)


def _write(target: str, content: bytes) -> None:
    try:
        with open(target, "wb") as out:
            out.write(content)
    except OSError as error:
        raise failure(1, f"bash: line 1: {target}: {error.strerror}") from None


@router.post("/mkdir")
async def mkdir(request: Request, system_name: str, body: MkdirBody) -> Response:
    """Make a directory, and its parents where asked to."""
    site = site_of(request, system_name)
    path = checked_path(site, body.path)
    command = ["mkdir", *(["-p"] if body.parent else []), "--", path]

    def quick() -> bool:
        os.makedirs(path, exist_ok=True) if body.parent else os.mkdir(path)
        return True

    await quickly(quick, command, site.system.command_timeout)
    return output(await _shown(site, path), 201)


async def _shown(site: Site, path: str) -> listing.Entry | None:
    """The record of the path itself, as `ls -d` shows it."""
    found = await quickly(
        lambda: listing.entry(path, path),
        [*listing.LS, "-d", "--", path],
        site.system.command_timeout,
    )
    if not isinstance(found, str):
        return found
    records = listing.parse(found)
    return records[0] if records else None


@router.put("/chmod")
async def chmod(request: Request, system_name: str, body: ChmodBody) -> Response:
    """Change a mode, numeric or symbolic."""
    site = site_of(request, system_name)
    path = checked_path(site, body.path)
    mode = quotable(body.mode)

    def quick() -> bool | None:
        if not re.fullmatch("[0-7]{1,4}", mode):
            return None
        current = os.stat(path).st_mode
        kept = current & 0o6000 if stat.S_ISDIR(current) else 0
        os.chmod(path, int(mode, 8) | kept)
        return True

    await quickly(quick, ["chmod", "-v", mode, "--", path], site.system.command_timeout)
    return output(await _shown(site, path))


@router.put("/chown")
async def chown(request: Request, system_name: str, body: ChownBody) -> Response:
    """Change owner and group."""
    site = site_of(request, system_name)
    path = checked_path(site, body.path)
    who = quotable(f"{body.owner}:{body.group}")
    await checked(["chown", "-v", who, "--", path], site.system.command_timeout)
    return output(await _shown(site, path))


@router.post("/symlink")
async def symlink(request: Request, system_name: str, body: SymlinkBody) -> Response:
    """Make a symbolic link."""
    site = site_of(request, system_name)
    path = checked_path(site, body.path)
    link = quotable(body.link_path)

    def quick() -> bool | None:
        if os.path.lexists(link):
            return None
        os.symlink(path, link)
        return True

    await quickly(quick, ["ln", "-s", "--", path, link], site.system.command_timeout)
    return output(await _shown(site, link), 201)


@router.delete("/rm")
async def rm(request: Request, system_name: str, path: Path) -> Response:
    """Remove a file, or a directory with all that is in it."""
    site = site_of(request, system_name)
    path = checked_path(site, path)

    def quick() -> bool | None:
        if stat.S_ISDIR(os.lstat(path).st_mode):
            return None
        os.unlink(path)
        return True

    command = ["rm", "-r", "--interactive=never", "--", path]
    await quickly(quick, command, site.system.command_timeout)
    return Response(status_code=204)

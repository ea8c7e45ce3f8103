"""Archives: compress and extract, and the tar commands for them."""

from __future__ import annotations

import os
import shlex

from fastapi import APIRouter, Request, Response

from ..bodies import CompressBody, Compression, ExtractBody
from ..site import site_of
from .commands import checked
from .paths import checked_path, quotable

router = APIRouter()
_TAR_FLAGS = {"none": "", "gzip": "z", "bzip2": "j", "xz": "J"}


@router.post("/compress")
async def compress(request: Request, system_name: str, body: CompressBody) -> Response:
    """Pack a file or directory with tar."""
    site = site_of(request, system_name)
    source = checked_path(site, body.path)
    target = quotable(body.target_path)
    await checked(compress_command(source, target, body), site.system.command_timeout)
    return Response(status_code=204)


def compress_command(source: str, target: str, body: CompressBody) -> list[str]:
    """The tar command for a compress request."""
    flag = _TAR_FLAGS[body.compression.value]
    deref = ["--dereference"] if body.dereference else []
    folder, name = os.path.split(source)
    if not body.match_pattern:
        return ["tar", *deref, f"-c{flag}vf", target, "-C", folder, name]
    pattern = shlex.quote(body.match_pattern)
    pack = shlex.join(["tar", *deref, f"-c{flag}vf", target, "--null", "--files-from", "-"])
    find = f"find . -type f -regex {pattern} -print0"
    return ["bash", "-c", f"cd {shlex.quote(folder)} && {find} | {pack}"]


@router.post("/extract")
async def extract(request: Request, system_name: str, body: ExtractBody) -> Response:
    """Unpack a tar archive."""
    site = site_of(request, system_name)
    source = checked_path(site, body.path)
    target = quotable(body.target_path)
    await checked(extract_command(source, target, body.compression), site.system.command_timeout)
    return Response(status_code=204)


def extract_command(source: str, target: str, compression: Compression) -> list[str]:
    """The tar command for an extract request."""
    return ["tar", f"-x{_TAR_FLAGS[compression.value]}f", source, "-C", target]

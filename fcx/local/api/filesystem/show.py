"""What is there: ls, stat, checksum, file."""

from __future__ import annotations

import os
import stat
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from ...errors import ApiError
from ..site import site_of
from . import listing
from .commands import checked
from .paths import Path, checked_path
from .quick import output, quickly

router = APIRouter()
_KEYS = ("mode", "ino", "dev", "nlink", "uid", "gid", "size", "atime", "mtime", "ctime")


@router.get("/ls")
async def ls(
    request: Request,
    system_name: str,
    path: Path,
    show_hidden: Annotated[bool, Query(alias="showHidden")] = False,
    numeric_uid: Annotated[bool, Query(alias="numericUid")] = False,
    recursive: bool = False,
    dereference: bool = False,
) -> Response:
    """List a directory, or show one file."""
    site = site_of(request, system_name)
    path = checked_path(site, path)
    flags = {"-A": show_hidden, "-n": numeric_uid, "-R": recursive, "-L": dereference}
    command = [*listing.LS, *(flag for flag, wanted in flags.items() if wanted), "--", path]

    def quick() -> list[listing.Entry] | None:
        if numeric_uid or recursive or dereference:
            return None
        if stat.S_ISDIR(os.lstat(path).st_mode):
            return listing.folder(path, show_hidden)
        one = listing.entry(path, path)
        return [] if one is None else [one]

    found = await quickly(quick, command, site.system.command_timeout)
    entries = listing.parse(found) if isinstance(found, str) else found
    lag = request.scope["faults"].get("lag")
    return output(entries if lag is None else site.stale.seen(path, entries, lag))


@router.get("/stat")
async def stat_file(
    request: Request, system_name: str, path: Path, dereference: bool = False
) -> Response:
    """The numbers of stat(2)."""
    site = site_of(request, system_name)
    path = checked_path(site, path)
    deref = ["--dereference"] if dereference else []
    command = ["stat", *deref, "-c", "%f %i %d %h %u %g %s %X %Y %Z", "--", path]

    def quick() -> list[int]:
        found = os.stat(path, follow_symlinks=dereference)
        return [int(number) for number in found]  # in the order of the keys

    numbers = await quickly(quick, command, site.system.command_timeout)
    if isinstance(numbers, str):
        words = numbers.split()
        numbers = [int(words[0], 16), *map(int, words[1:])]
    return output(dict(zip(_KEYS, numbers, strict=True)))


@router.get("/checksum")
async def checksum(request: Request, system_name: str, path: Path) -> Response:
    """The SHA-256 of a file. A path with blanks is 500, as in the real server."""
    site = site_of(request, system_name)
    path = checked_path(site, path)
    found = await checked(["sha256sum", "--", path], site.system.command_timeout)
    words = found.split()
    if len(words) != 2:
        raise ApiError(f"Invalid output: {found} ")
    return output({"algorithm": "SHA256", "checksum": words[0]})


@router.get("/file")
async def file_type(request: Request, system_name: str, path: Path) -> Response:
    """What `file -b` says."""
    site = site_of(request, system_name)
    path = checked_path(site, path)
    return output((await checked(["file", "-b", "--", path], site.system.command_timeout)).strip())

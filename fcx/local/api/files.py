"""`/filesystem/{system}/ops`: small operations on files, run while the caller waits.

Each does what the command of the same name does on a login node, and answers what the real server
makes of it. The frequent ones are done in this process (a few ms less than a command each); where
the system refuses, the command itself is run, so that its own words are the answer.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import stat
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, File, Query, Request, Response, UploadFile
from fastapi.responses import JSONResponse

from fcx.local.api import listing
from fcx.local.api.models import (
    ChmodBody,
    ChownBody,
    CompressBody,
    Compression,
    ExtractBody,
    MkdirBody,
    SymlinkBody,
)
from fcx.local.commands import checked, failure
from fcx.local.errors import ApiError, CommandTimeout, OutputTooLarge
from fcx.local.site import MAX_OPS_SIZE, Site, site_of

T = TypeVar("T")
Path = Annotated[str, Query()]
_TAR_FLAGS = {"none": "", "gzip": "z", "bzip2": "j", "xz": "J"}
_DOWNLOAD_LIMIT = MAX_OPS_SIZE // 4 * 3 - 3  # its base64 must stay under the output limit


def checked_path(site: Site, path: str | None) -> str:
    """The path as given, once it is known to be absolute, exposed and quotable."""
    if path is None:
        raise ApiError(
            "All filesystem requests require a path or source_path parameter.", status=400
        )
    if not os.path.isabs(path):
        raise ApiError(f"The provided path ({path}) is not an absolute path.", status=400)
    normal = os.path.normpath(path)
    if not site.exposes(normal):
        raise ApiError(
            f"The provided path ({normal}) does not match any of the defined filesystem paths "
            f"for the requested system ({site.system}).",
            status=400,
        )
    return quotable(path)


def quotable(path: str) -> str:
    """The path, unless the real server's quoting would break on it."""
    if "'" in path:
        raise failure(2, "bash: -c: line 1: unexpected EOF while looking for matching `''")
    if "\0" in path:
        raise ApiError("Unable to establish SSH connection.", status=424)
    return path


async def path_first(request: Request, system_name: str) -> None:
    """Judge the request's path before anything else of it, as the real server does."""
    site = site_of(request, system_name)
    path = request.query_params.get("path")
    checked_path(site, await _path_in_body(request) if path is None else path)


async def _path_in_body(request: Request) -> str | None:
    try:
        body = dict(await request.json())
        path = next(body[name] for name in ("sourcePath", "source_path", "path") if name in body)
    except (ValueError, TypeError, StopIteration, RuntimeError):
        path = ...
    if path is not None and not isinstance(path, str):
        raise ApiError(
            "Unable to decode request and retreive the required path or source_path parameter.",
            status=400,
        )
    return path


async def _quick(work: Callable[[], T | None], command: Sequence[str], timeout: float) -> T | str:
    """Do the work here; where that is not possible (None, OSError), run the command: its words."""
    try:
        result = work()
    except (OSError, UnicodeEncodeError):
        result = None
    return await checked(command, timeout) if result is None else result


def _output(value: Any, status: int = 200) -> JSONResponse:
    return JSONResponse({"output": value}, status_code=status)


router = APIRouter(
    prefix="/filesystem/{system_name}/ops", tags=["filesystem"], dependencies=[Depends(path_first)]
)


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
    options = [("-A", show_hidden), ("-n", numeric_uid), ("-R", recursive), ("-L", dereference)]
    command = [*listing.LS, *(flag for flag, wanted in options if wanted), "--", path]

    def quick() -> list[listing.Entry] | None:
        if numeric_uid or recursive or dereference:
            return None
        if stat.S_ISDIR(os.lstat(path).st_mode):
            return listing.folder(path, show_hidden)
        one = listing.entry(path, path)
        return [] if one is None else [one]

    found = await _quick(quick, command, site.command_timeout)
    entries = listing.parse(found) if isinstance(found, str) else found
    lag = request.scope["faults"].get("lag")
    return _output(entries if lag is None else site.stale.seen(path, entries, lag))


@router.get("/stat")
async def stat_file(
    request: Request, system_name: str, path: Path, dereference: bool = False
) -> Response:
    """The numbers of stat(2)."""
    site = site_of(request, system_name)
    path = checked_path(site, path)
    deref = ["--dereference"] if dereference else []
    keys = ("mode", "ino", "dev", "nlink", "uid", "gid", "size", "atime", "mtime", "ctime")
    command = ["stat", *deref, "-c", "%f %i %d %h %u %g %s %X %Y %Z", "--", path]

    def quick() -> list[int]:
        found = os.stat(path, follow_symlinks=dereference)
        return [int(getattr(found, f"st_{key}")) for key in keys]

    numbers = await _quick(quick, command, site.command_timeout)
    if isinstance(numbers, str):
        words = numbers.split()
        numbers = [int(words[0], 16), *map(int, words[1:])]
    return _output(dict(zip(keys, numbers, strict=True)))


@router.get("/head")
async def head(
    request: Request,
    system_name: str,
    path: Path,
    bytes_: Annotated[int | None, Query(alias="bytes")] = None,
    lines: int | None = None,
    skip_trailing: Annotated[bool, Query(alias="skipTrailing")] = False,
) -> Response:
    """The first bytes or lines of a file."""
    site = site_of(request, system_name)
    path = checked_path(site, path)
    _refuse_both(bytes_, lines)
    sign = "-" if skip_trailing else ""
    command = ["head", *_amounts(bytes_, lines, sign), "--", path]

    def quick() -> bytes | None:
        if skip_trailing or lines or not bytes_ or bytes_ < 0:
            return None
        return _read_regular(path, 0, bytes_)

    content = _as_text(await _quick(quick, command, site.command_timeout))
    amount = lines if lines is not None else bytes_
    end = 10 if amount is None else (-amount if skip_trailing else amount)
    return _output(_content(content, bytes_, 0, end))


@router.get("/tail")
async def tail(
    request: Request,
    system_name: str,
    path: Path,
    bytes_: Annotated[int | None, Query(alias="bytes")] = None,
    lines: int | None = None,
    skip_heading: Annotated[bool, Query(alias="skipHeading")] = False,
) -> Response:
    """The last bytes or lines of a file; with skipHeading, all from the N-th on."""
    site = site_of(request, system_name)
    path = checked_path(site, path)
    _refuse_both(bytes_, lines)
    sign = "+" if skip_heading else ""
    command = ["tail", *_amounts(bytes_, lines, sign), "--", path]

    def quick() -> bytes | None:
        if lines or not bytes_ or bytes_ < 0:
            return None
        if skip_heading:
            return _read_regular(path, bytes_ - 1, None)
        return _read_regular(path, -bytes_, None)

    content = _as_text(await _quick(quick, command, site.command_timeout))
    amount = lines if lines is not None else bytes_
    start = 10 if amount is None else (amount if skip_heading else -amount)
    return _output(_content(content, bytes_, start, -1))


def _refuse_both(bytes_: int | None, lines: int | None) -> None:
    if lines and bytes_:
        raise ApiError("Only one of `bytes` or `lines` can be specified.", status=400)


def _amounts(bytes_: int | None, lines: int | None, sign: str) -> list[str]:
    found = [f"--bytes={sign}{bytes_}"] if bytes_ else []
    return [*found, f"--lines={sign}{lines}"] if lines else found


def _content(content: str, bytes_: int | None, start: int, end: int) -> dict[str, Any]:
    return {
        "content": content,
        "contentType": "bytes" if bytes_ else "lines",
        "startPosition": start,
        "endPosition": end,
    }


def _as_text(found: bytes | str) -> str:
    return found if isinstance(found, str) else found.decode("utf-8", "replace")


def _read_regular(path: str, start: int, length: int | None) -> bytes | None:
    """Bytes of a regular file, from its end where start is negative; None for anything else."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb", buffering=0) as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or (status.st_size == 0 and path.startswith("/proc")):
            return None
        begin = max(0, status.st_size + start) if start < 0 else start
        file.seek(begin)
        wanted = MAX_OPS_SIZE if length is None else min(length, MAX_OPS_SIZE)
        return _limited(_read_fully(file, wanted))


def _read_fully(file: Any, wanted: int) -> bytes:
    parts = []
    while wanted > 0 and (part := file.read(wanted)):
        parts.append(part)
        wanted -= len(part)
    return b"".join(parts)


def _limited(data: bytes) -> bytes:
    if len(data) >= MAX_OPS_SIZE:
        raise OutputTooLarge
    return data


@router.get("/view")
async def view(
    request: Request,
    system_name: str,
    path: Path,
    size: int | None = MAX_OPS_SIZE,
    offset: int | None = 0,
) -> Response:
    """A file's text; `size` and `offset` read blocks of bytes and cut characters, as dd there."""
    site = site_of(request, system_name)
    path = checked_path(site, path)
    size, offset = _view_window(site, size, offset)
    skip = offset // size
    command = ["dd", f"if={path}", f"bs={size}", f"skip={skip}", "count=2"]
    data = await _quick(
        lambda: _read_regular(path, skip * size, 2 * size), command, site.command_timeout
    )
    begin = offset % size
    return _output(_as_text(data)[begin : begin + size])


def _view_window(site: Site, size: int | None, offset: int | None) -> tuple[int, int]:
    size = site.max_ops_size if size is None else size
    offset = 0 if offset is None else offset
    if offset < 0:
        raise ApiError(
            "`offset` value must be an integer value equal or greater than 0", status=400
        )
    if size <= 0:
        raise ApiError("`size` value must be an integer value greater than 0", status=400)
    if size > site.max_ops_size:
        raise ApiError(f"`size` value must be less than {site.max_ops_size} bytes", status=400)
    return size, offset


@router.get("/download")
async def download(request: Request, system_name: str, path: Path) -> Response:
    """A small file's bytes."""
    site = site_of(request, system_name)
    path = checked_path(site, path)
    data = await _quick(
        lambda: _read_regular(path, 0, _DOWNLOAD_LIMIT + 2),
        ["base64", "--wrap=0", "--", path],
        site.command_timeout,
    )
    if isinstance(data, str):
        data = _from_base64(data)
    if len(data) > _DOWNLOAD_LIMIT:
        raise OutputTooLarge
    return Response(data, media_type="application/octet-stream")


def _from_base64(text: str) -> bytes:
    import base64

    return base64.b64decode(text)


@router.post("/upload")
async def upload(
    request: Request, system_name: str, path: Path, file: Annotated[UploadFile, File()]
) -> Response:
    """Write a small file. Not atomic, and an empty one is 408 after the command's whole time."""
    site = site_of(request, system_name)
    checked_path(site, path)
    target = quotable(f"{path}/{file.filename}")
    content = await file.read()
    if len(content) > site.max_ops_size:
        raise ApiError("File to upload is too large.", status=413)
    half = "half" in request.scope["faults"]
    _write(target, content[: len(content) // 2] if half else content)
    if half:
        raise ApiError("('Channel not open for sending',)", crash=True)
    site.ledger.note_upload(target, len(content))
    if not content:
        await asyncio.sleep(site.command_timeout)
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

    await _quick(quick, command, site.command_timeout)
    return _output(await _shown(site, path), 201)


async def _shown(site: Site, path: str) -> listing.Entry | None:
    """The record of the path itself, as `ls -d` shows it."""
    found = await _quick(
        lambda: listing.entry(path, path), [*listing.LS, "-d", "--", path], site.command_timeout
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

    await _quick(quick, ["chmod", "-v", mode, "--", path], site.command_timeout)
    return _output(await _shown(site, path))


@router.put("/chown")
async def chown(request: Request, system_name: str, body: ChownBody) -> Response:
    """Change owner and group."""
    site = site_of(request, system_name)
    path = checked_path(site, body.path)
    who = quotable(f"{body.owner}:{body.group}")
    await checked(["chown", "-v", who, "--", path], site.command_timeout)
    return _output(await _shown(site, path))


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

    await _quick(quick, ["ln", "-s", "--", path, link], site.command_timeout)
    return _output(await _shown(site, link), 201)


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
    await _quick(quick, command, site.command_timeout)
    return Response(status_code=204)


@router.get("/checksum")
async def checksum(request: Request, system_name: str, path: Path) -> Response:
    """The SHA-256 of a file. A path with blanks is 500, as in the real server."""
    site = site_of(request, system_name)
    path = checked_path(site, path)
    words = (found := await checked(["sha256sum", "--", path], site.command_timeout)).split()
    if len(words) != 2:
        raise ApiError(f"Invalid output: {found} ")
    return _output({"algorithm": "SHA256", "checksum": words[0]})


@router.get("/file")
async def file_type(request: Request, system_name: str, path: Path) -> Response:
    """What `file -b` says."""
    site = site_of(request, system_name)
    path = checked_path(site, path)
    return _output((await checked(["file", "-b", "--", path], site.command_timeout)).strip())


@router.post("/compress")
async def compress(request: Request, system_name: str, body: CompressBody) -> Response:
    """Pack a file or directory with tar."""
    site = site_of(request, system_name)
    source = checked_path(site, body.path)
    target = quotable(body.target_path)
    await checked(compress_command(source, target, body), site.command_timeout)
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
    await checked(extract_command(source, target, body.compression), site.command_timeout)
    return Response(status_code=204)


def extract_command(source: str, target: str, compression: Compression) -> list[str]:
    """The tar command for an extract request."""
    return ["tar", f"-x{_TAR_FLAGS[compression.value]}f", source, "-C", target]

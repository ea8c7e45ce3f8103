"""What stands in files: head, tail, view, download."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from ...errors import ApiError, OutputTooLarge
from ..site import MAX_OPS_SIZE, Site, site_of
from .paths import Path, checked_path
from .quick import output, quickly
from .regular import read

router = APIRouter()
_DOWNLOAD_LIMIT = MAX_OPS_SIZE // 4 * 3 - 3  # its base64 must stay under the output limit


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
        return read(path, 0, bytes_)

    content = _as_text(await quickly(quick, command, site.system.command_timeout))
    amount = lines if lines is not None else bytes_
    end = 10 if amount is None else (-amount if skip_trailing else amount)
    return output(_content(content, bytes_, 0, end))


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
            return read(path, bytes_ - 1, None)
        return read(path, -bytes_, None)

    content = _as_text(await quickly(quick, command, site.system.command_timeout))
    amount = lines if lines is not None else bytes_
    start = 10 if amount is None else (amount if skip_heading else -amount)
    return output(_content(content, bytes_, start, -1))


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
    data = await quickly(
        lambda: read(path, skip * size, 2 * size), command, site.system.command_timeout
    )
    begin = offset % size
    return output(_as_text(data)[begin : begin + size])


def _view_window(site: Site, size: int | None, offset: int | None) -> tuple[int, int]:
    most = site.system.max_ops_size
    size = most if size is None else size
    offset = 0 if offset is None else offset
    if offset < 0:
        raise ApiError(
            "`offset` value must be an integer value equal or greater than 0", status=400
        )
    if size <= 0:
        raise ApiError("`size` value must be an integer value greater than 0", status=400)
    if size > most:
        raise ApiError(f"`size` value must be less than {most} bytes", status=400)
    return size, offset


@router.get("/download")
async def download(request: Request, system_name: str, path: Path) -> Response:
    """A small file's bytes."""
    site = site_of(request, system_name)
    path = checked_path(site, path)
    data = await quickly(
        lambda: read(path, 0, _DOWNLOAD_LIMIT + 2),
        ["base64", "--wrap=0", "--", path],
        site.system.command_timeout,
    )
    if isinstance(data, str):
        data = base64.b64decode(data)
    if len(data) > _DOWNLOAD_LIMIT:
        raise OutputTooLarge
    return Response(data, media_type="application/octet-stream")

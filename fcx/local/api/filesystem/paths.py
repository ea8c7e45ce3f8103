"""Which paths the API takes: absolute, in a file system that it shows, and quotable."""

from __future__ import annotations

import os
from typing import Annotated

from fastapi import Query, Request

from ...errors import ApiError
from ..site import Site, site_of
from .commands import failure

Path = Annotated[str, Query()]


def checked_path(site: Site, path: str | None) -> str:
    """The path as given, once it is known to be absolute, exposed and quotable."""
    if path is None:
        raise ApiError(
            "All filesystem requests require a path or source_path parameter.", status=400
        )
    if not os.path.isabs(path):
        raise ApiError(f"The provided path ({path}) is not an absolute path.", status=400)
    normal = os.path.normpath(path)
    if not site.system.exposes(normal):
        raise ApiError(
            f"The provided path ({normal}) does not match any of the defined filesystem paths "
            f"for the requested system ({site.system.name}).",
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

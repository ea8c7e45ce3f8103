"""`/status`: systems, nodes, partitions, reservations, the user, liveness."""

from __future__ import annotations

import os
import time

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from ..errors import ApiError
from ..users import group_name, user_name
from . import system
from .site import Site, site_of

router = APIRouter(prefix="/status", tags=["status"])
liveness_router = APIRouter(prefix="/status/liveness", tags=["status"])


@router.get("/systems")
async def systems(request: Request) -> Response:
    """The one system, in full."""
    return JSONResponse({"systems": [system.record(request.app.state.site)]})


@router.get("/{system_name}/nodes")
async def nodes(request: Request, system_name: str) -> Response:
    """The system's nodes."""
    return JSONResponse({"nodes": await site_of(request, system_name).scheduler.nodes()})


@router.get("/{system_name}/reservations")
async def reservations(request: Request, system_name: str) -> Response:
    """The system's reservations."""
    found = await site_of(request, system_name).scheduler.reservations()
    return JSONResponse({"reservations": found})


@router.get("/{system_name}/partitions")
async def partitions(request: Request, system_name: str, show_hidden: bool = False) -> Response:
    """The system's partitions."""
    found = await site_of(request, system_name).scheduler.partitions(show_hidden=show_hidden)
    if "down" in request.scope["faults"]:
        found = [{**one, "partition": "DOWN"} for one in found]
    return JSONResponse({"partitions": found})


@router.get("/{system_name}/userinfo")
async def userinfo(request: Request, system_name: str) -> Response:
    """Who the user is there, and which accounts may be charged."""
    try:
        accounts = await site_of(request, system_name).scheduler.accounts()
    except ApiError as error:
        if error.status == 404:
            raise
        raise ApiError(error.message, status=500, caused_by=error.caused_by) from None
    return JSONResponse(
        {
            "user": {"id": str(os.getuid()), "name": user_name()},
            "group": _group(os.getgid()),
            "groups": [_group(gid) for gid in _group_ids()],
            "accounts": accounts or None,
        }
    )


@liveness_router.get("/")
async def liveness(request: Request) -> Response:
    """When the system was last seen healthy; needs no token."""
    site: Site = request.app.state.site
    return JSONResponse(
        {
            "healthcheckRuns": {site.system.name: system.iso(site.system.started)},
            "lastUpdate": int(time.time() - site.system.started),
        }
    )


def _group_ids() -> list[int]:
    own = os.getgid()
    return [own, *(gid for gid in os.getgroups() if gid != own)]


def _group(gid: int) -> dict[str, str]:
    return {"id": str(gid), "name": group_name(gid)}

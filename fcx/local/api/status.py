"""`/status`: systems, nodes, partitions, reservations, the user, liveness."""

from __future__ import annotations

import os
import time
from datetime import datetime, timezone
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from fcx.local.errors import ApiError
from fcx.local.site import Site, site_of
from fcx.local.users import group_name, user_name

router = APIRouter(prefix="/status", tags=["status"])
liveness_router = APIRouter(prefix="/status/liveness", tags=["status"])


@router.get("/systems")
async def systems(request: Request) -> Response:
    """The one system, in full."""
    return JSONResponse({"systems": [_system(request.app.state.site)]})


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
            "healthcheckRuns": {site.system: _iso(site.started)},
            "lastUpdate": int(time.time() - site.started),
        }
    )


def _group_ids() -> list[int]:
    own = os.getgid()
    return [own, *(gid for gid in os.getgroups() if gid != own)]


def _group(gid: int) -> dict[str, str]:
    return {"id": str(gid), "name": group_name(gid)}


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, timezone.utc).isoformat().replace("+00:00", "Z")


def _system(site: Site) -> dict[str, Any]:
    checked = _iso(site.started)
    health = {"lastChecked": checked, "latency": 0.01, "healthy": True, "message": None}
    return {
        "name": site.system,
        "ssh": {
            "host": "127.0.0.1",
            "port": 22,
            "proxyHost": None,
            "proxyPort": None,
            "maxClients": 100,
            "timeout": {
                "connection": 5,
                "login": 5,
                "commandExecution": int(site.command_timeout),
                "idleTimeout": 60,
                "keepAlive": 5,
            },
        },
        "scheduler": {
            "type": "slurm",
            "connectionMode": "ssh",
            "version": site.scheduler.version,
            "apiUrl": None,
            "apiVersion": None,
            "timeout": 10,
        },
        "servicesHealth": [
            {"serviceType": "scheduler", **health},
            {"serviceType": "ssh", **health},
            *({"serviceType": "filesystem", **health, "path": fs} for fs in site.filesystems),
            {"serviceType": "s3", **health},
        ],
        "probing": {
            "services": {
                name: {"timeout": 10} for name in ("scheduler", "ssh", "filesystem", "s3")
            },
            "intervalCheck": 120,
        },
        "lastHealthCheck": checked,
        "fileSystems": [
            {"path": fs, "dataType": "users", "defaultWorkDir": number == 0}
            for number, fs in enumerate(site.filesystems)
        ],
        "dataOperation": {
            "datatransfer_jobs_directives": [],
            "max_ops_file_size": site.max_ops_size,
            "data_transfer": {
                "serviceType": "s3",
                "name": "stage",
                "privateUrl": "**********",
                "publicUrl": f"{site.url}/stage",
                "accessKeyId": "**********",
                "secretAccessKey": "**********",
                "region": "local",
                "ttl": 604800,
                "tenant": None,
                "multipart": {
                    "use_split": False,
                    "max_part_size": site.max_part_size,
                    "parallel_runs": 3,
                    "tmp_folder": "tmp",
                },
                "bucketLifecycleConfiguration": {"days": 10},
            },
        },
    }

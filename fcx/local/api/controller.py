"""`/_controller`: what the programs of a job ask; `programs/controller.py` is the other end.

Answers only to the token that stands in the cluster's private directory.
"""

from __future__ import annotations

import hmac

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from ..errors import ApiError
from .site import Site

router = APIRouter(prefix="/_controller")


@router.post("/{what:path}")
async def answer(request: Request, what: str) -> Response:
    """Answer a program that runs inside a job."""
    site: Site = request.app.state.site
    given = request.headers.get("x-controller-token", "")
    if not hmac.compare_digest(given.encode(), site.secrets.controller.encode()):
        raise ApiError("Not Found", status=404)
    return JSONResponse(await site.scheduler.ask(what, await request.json()))

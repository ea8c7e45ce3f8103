"""The token endpoint, and the door by which the process that started the cluster looks in.

The control routes answer only to the control token, which is made anew at each start and never
leaves the process that started the cluster. The desk is the same for the programs of a job.
"""

from __future__ import annotations

import hmac
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from fcx.local.errors import ApiError
from fcx.local.site import Site

PREFIX = "/_control"
DESK_PREFIX = "/_desk"

token_router = APIRouter(prefix="/auth")


@token_router.post("/token")
async def token(request: Request) -> Response:
    """OAuth 2 client credentials, in the form or in the Authorization header."""
    site: Site = request.app.state.site
    form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
    try:
        return JSONResponse(site.authority.grant(form, request.headers.get("authorization")))
    except ApiError as error:
        return JSONResponse(error.data, status_code=error.status)


desk_router = APIRouter(prefix=DESK_PREFIX)


@desk_router.post("/{what:path}")
async def desk(request: Request, what: str) -> Response:
    """Answer a program that runs inside a job."""
    site: Site = request.app.state.site
    given = request.headers.get("x-desk-token", "")
    if not hmac.compare_digest(given.encode(), site.desk_token.encode()):
        raise ApiError("Not Found", status=404)
    return JSONResponse(await site.scheduler.ask(what, await request.json()))


async def _only_the_starter(request: Request) -> None:
    site: Site = request.app.state.site
    given = request.headers.get("x-control-token", "")
    if not hmac.compare_digest(given.encode(), site.control_token.encode()):
        raise ApiError("Not Found", status=404)


router = APIRouter(prefix=PREFIX, dependencies=[Depends(_only_the_starter)])


@router.get("/counts")
async def counts(request: Request) -> Response:
    """Requests by kind and answers by status."""
    ledger = request.app.state.site.ledger
    return JSONResponse(
        {
            "requests": dict(ledger.requests),
            "statuses": {str(code): n for code, n in ledger.statuses.items()},
        }
    )


@router.delete("/counts")
async def reset_counts(request: Request) -> Response:
    """Start the figures at nothing again."""
    request.app.state.site.ledger.reset()
    return Response(status_code=204)


@router.get("/submissions")
async def submissions(request: Request) -> Response:
    """Every job that was handed in, with its script."""
    return JSONResponse(request.app.state.site.ledger.submissions)


@router.get("/uploads")
async def uploads(request: Request) -> Response:
    """Every file that was uploaded: path and size."""
    return JSONResponse(request.app.state.site.ledger.uploads)

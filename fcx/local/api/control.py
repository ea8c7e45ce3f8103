"""`/_control`: how the process that started the cluster looks in and makes things go wrong.

Answers only to the control token, which is made anew at each start and never leaves that process.
`handle.py` is the other end.
"""

from __future__ import annotations

import hmac

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from ..errors import ApiError
from ..faults import RUN_EFFECTS
from .fates import strike
from .site import Site


async def _only_the_starter(request: Request) -> None:
    site: Site = request.app.state.site
    given = request.headers.get("x-control-token", "")
    if not hmac.compare_digest(given.encode(), site.secrets.control.encode()):
        raise ApiError("Not Found", status=404)


router = APIRouter(prefix="/_control", dependencies=[Depends(_only_the_starter)])


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
    return JSONResponse(request.app.state.site.ledger.submissions())


@router.get("/uploads")
async def uploads(request: Request) -> Response:
    """Every file that was uploaded: path and size."""
    return JSONResponse(request.app.state.site.ledger.uploads)


@router.post("/faults")
async def set_faults(request: Request) -> Response:
    """Put faults in force: kind, effects, times, probability."""
    wanted = await request.json()
    site: Site = request.app.state.site
    try:
        site.faults.set(
            wanted["kind"],
            wanted["effects"],
            times=wanted.get("times"),
            probability=wanted.get("probability", 1.0),
        )
    except ValueError as problem:
        raise ApiError(str(problem), status=400) from None
    return Response(status_code=204)


@router.delete("/faults")
async def clear_faults(request: Request, kind: str | None = None) -> Response:
    """Lift the faults of a kind, or all."""
    request.app.state.site.faults.clear(kind)
    return Response(status_code=204)


@router.get("/faults")
async def injected(request: Request) -> Response:
    """What the faults did so far."""
    return JSONResponse(request.app.state.site.faults.injected)


@router.post("/faults/seed")
async def seed(request: Request) -> Response:
    """Begin the sequence of chances anew."""
    request.app.state.site.faults.seed(int((await request.json())["seed"]))
    return Response(status_code=204)


@router.post("/tokens")
async def tokens(request: Request) -> Response:
    """How long tokens live, whether credentials are refused, and the end of those in use."""
    wanted = await request.json()
    authority = request.app.state.site.authority
    authority.lifetime = wanted.get("lifetime", authority.lifetime)
    authority.refusing = wanted.get("refuse", authority.refusing)
    if wanted.get("expire"):
        authority.revoke()
    return Response(status_code=204)


@router.post("/jobs/{job_id}/{effect}")
async def befall_job(request: Request, job_id: str, effect: str) -> Response:
    """Let something happen to a job now: node_fail, preempt, requeue or oom."""
    site: Site = request.app.state.site
    if effect not in RUN_EFFECTS:
        raise ApiError(f"nothing called {effect} can happen to a job", status=404)
    await strike(site, job_id, effect)
    return Response(status_code=204)

"""`/auth/token`: the identity provider's endpoint, which a real site has elsewhere."""

from __future__ import annotations

from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from ..errors import ApiError
from .site import Site

router = APIRouter(prefix="/auth")


@router.post("/token")
async def token(request: Request) -> Response:
    """OAuth 2 client credentials, in the form or in the Authorization header."""
    site: Site = request.app.state.site
    form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
    try:
        return JSONResponse(site.authority.grant(form, request.headers.get("authorization")))
    except ApiError as error:
        return JSONResponse(error.data, status_code=error.status)

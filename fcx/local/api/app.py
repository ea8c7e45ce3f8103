"""The application: its routes, and how errors are answered."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from ..errors import ApiError
from ..stage import routes as stage
from . import compute, control, controller, status, token
from .body_limit import BodyLimit
from .filesystem import routes as filesystem
from .middleware import VERSION, Middleware
from .openapi.document import describe
from .site import Site


def create_app(site: Site) -> ASGIApp:
    """The whole application for one site."""
    app = FastAPI(title="FirecREST", version=VERSION, docs_url=None, redoc_url=None)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # FastAPI's own way
    app.state.site = site
    signed_in = [Depends(_authenticate)]
    for router in (token.router, control.router, controller.router, stage.router):
        app.include_router(router, include_in_schema=False)
    app.include_router(status.liveness_router)
    for router in (status.router, compute.router, *filesystem.ROUTERS):
        app.include_router(router, dependencies=signed_in)
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(Exception, _unexpected)
    return Middleware(BodyLimit(app, site), site)


async def _authenticate(request: Request) -> None:
    site: Site = request.app.state.site
    request.state.user = site.authority.check(request.headers.get("authorization"))


def _answer(request: Request, error: ApiError) -> JSONResponse:
    user = request.scope.get("state", {}).get("user")
    return JSONResponse(error.body(user), status_code=error.status, headers=error.headers)


async def _api_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    request.scope["crashed"] = error.crash
    return _answer(request, error)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    return _answer(request, ApiError(str(error.detail), status=error.status_code, headers=headers))


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    answer = ApiError(
        str(error).capitalize(),
        status=400,
        data={"fields": [_field(one) for one in error.errors()]},
    )
    answer.kind = "validation"
    return _answer(request, answer)


def _field(error: dict[str, Any]) -> dict[str, Any]:
    location = [*error.get("loc", ()), None, None]
    return {"location": location[0], "name": location[1], "message": error.get("msg")}


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    return _answer(request, ApiError(f"{error.args}"))

"""The staging area's requests."""

from __future__ import annotations

import hashlib
import secrets
from xml.sax.saxutils import escape

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from .store import PREFIX, Stage, StageError

MAX_PARTS = 10_000

router = APIRouter(prefix=PREFIX)


def _part_number(request: Request) -> int:
    """Of a part whose length is known: S3 takes no other."""
    if "content-length" not in request.headers:
        raise StageError(411, "MissingContentLength", "You must provide the Content-Length.")
    number = request.query_params.get("partNumber", "")
    if not number.isdigit() or not 1 <= int(number) <= MAX_PARTS:
        raise StageError(400, "InvalidArgument", f"partNumber is 1 to {MAX_PARTS}")
    return int(number)


def _refusal(error: StageError) -> Response:
    """The XML that S3 answers."""
    body = f"<Error><Code>{error.code}</Code><Message>{escape(str(error))}</Message></Error>"
    return Response(body, status_code=error.status, media_type="application/xml")


@router.put("/{key}/{name:path}")
async def put_part(request: Request, key: str) -> Response:
    """Take one part in."""
    stage: Stage = request.app.state.site.stage
    try:
        place = stage.place(key, request.query_params)
        number = _part_number(request)
    except StageError as error:
        return _refusal(error)
    digest = hashlib.md5(usedforsecurity=False)
    arriving = place / f"arriving-{secrets.token_hex(4)}"
    try:
        with arriving.open("wb") as out:
            async for block in request.stream():
                digest.update(block)
                out.write(block)
        arriving.replace(place / f"part-{number}")
    finally:
        arriving.unlink(missing_ok=True)
    (place / f"tag-{number}").write_text(digest.hexdigest())
    return Response(headers={"ETag": f'"{digest.hexdigest()}"'})


@router.post("/{key}/{name:path}")
async def complete(request: Request, key: str) -> Response:
    """Make the object whole."""
    stage: Stage = request.app.state.site.stage
    try:
        tag = stage.complete(key, request.query_params, await request.body())
        if "spoil" in request.scope["faults"]:
            stage.spoil(key, request.query_params)
    except StageError as error:
        return _refusal(error)
    body = f"<CompleteMultipartUploadResult><ETag>{tag}</ETag></CompleteMultipartUploadResult>"
    return Response(body, media_type="application/xml")


@router.head("/{key}/{name:path}")
@router.get("/{key}/{name:path}")
async def read(request: Request, key: str) -> Response:
    """The object, or the range of it that is asked for."""
    stage: Stage = request.app.state.site.stage
    try:
        path = stage.whole(key, request.query_params)
        if "spoil" in request.scope["faults"]:
            stage.spoil(key, request.query_params)
        return FileResponse(path)
    except StageError as error:
        return _refusal(error)


@router.delete("/{key}/{name:path}")
async def remove(request: Request, key: str) -> Response:
    """Forget the object."""
    stage: Stage = request.app.state.site.stage
    try:
        stage.remove(key, request.query_params)
    except StageError as error:
        return _refusal(error)
    return Response(status_code=204)

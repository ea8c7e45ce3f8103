"""The staging area of large transfers: as much of S3's multipart exchange as such a transfer uses.

An object is addressed by a URL that carries its own signature, as presigned URLs do. Parts are PUT
in any order, the POST that lists them makes the object whole, HEAD and GET (ranges too) read it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

PREFIX = "/stage"
MAX_PARTS = 10_000

router = APIRouter(prefix=PREFIX)


class StageError(Exception):
    """An S3 error: its status, code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def answer(self) -> Response:
        """The XML that S3 answers."""
        body = f"<Error><Code>{self.code}</Code><Message>{escape(str(self))}</Message></Error>"
        return Response(body, status_code=self.status, media_type="application/xml")


class Stage:
    """Objects on disk, each a directory with its parts, or with the whole."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self._key = secrets.token_bytes(32)

    def new_object(self, name: str) -> str:
        """Make room for an object; its address, where `{query}` stands for what a request adds."""
        key = secrets.token_hex(16)
        (self.folder / key).mkdir(parents=True)
        return (
            f"{self.url}{PREFIX}/{key}/{quote(name, safe='')}"
            f"?uploadId={key}{{query}}&X-Amz-Signature={self._signature(key)}"
        )

    def _signature(self, key: str) -> str:
        return hmac.new(self._key, key.encode(), hashlib.sha256).hexdigest()

    def place(self, key: str, query: Mapping[str, str]) -> Path:
        """The directory of an object; StageError unless the signature is its own."""
        given = query.get("X-Amz-Signature", "")
        if not hmac.compare_digest(given.encode(), self._signature(key).encode()):
            raise StageError(
                403, "SignatureDoesNotMatch", "The request signature we calculated does not match"
            )
        place = self.folder / key
        if not place.is_dir():
            raise StageError(404, "NoSuchUpload", "The specified upload does not exist.")
        return place

    def whole(self, key: str, query: Mapping[str, str]) -> Path:
        """The file of a complete object; StageError while it is none."""
        path = self.place(key, query) / "whole"
        if not path.exists():
            raise StageError(404, "NoSuchKey", "The specified key does not exist.")
        return path

    def remove(self, key: str, query: Mapping[str, str]) -> None:
        """Forget an object."""
        place = self.place(key, query)
        for path in place.iterdir():
            path.unlink()
        place.rmdir()

    def complete(self, key: str, query: Mapping[str, str], listed: bytes) -> str:
        """Join the listed parts, in order; the object's ETag."""
        place = self.place(key, query)
        digests = []
        building = place / "building"
        with building.open("wb") as out:
            for number, tag in _listed_parts(listed):
                part = place / f"part-{number}"
                if not part.exists() or tag != (place / f"tag-{number}").read_text():
                    raise StageError(
                        400, "InvalidPart", f"Part {number} could not be found or was not the same."
                    )
                digests.append(bytes.fromhex(tag))
                with part.open("rb") as file:
                    while block := file.read(1 << 20):
                        out.write(block)
        for path in [*place.glob("part-*"), *place.glob("tag-*")]:
            path.unlink()
        building.replace(place / "whole")
        return f"{hashlib.md5(b''.join(digests)).hexdigest()}-{len(digests)}"


def _listed_parts(listed: bytes) -> list[tuple[int, str]]:
    try:
        root = ET.fromstring(listed)
    except ET.ParseError as error:
        raise StageError(400, "MalformedXML", str(error)) from None
    found = []
    for part in root:
        fields = {child.tag.rpartition("}")[2]: (child.text or "") for child in part}
        number, tag = fields.get("PartNumber", ""), fields.get("ETag", "").strip('"')
        if not number.isdigit() or len(tag) != 32:
            raise StageError(400, "MalformedXML", "a part needs its PartNumber and its ETag")
        found.append((int(number), tag))
    if found != sorted(found):
        raise StageError(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
    return found


def _part_number(query: Mapping[str, str]) -> int:
    number = query.get("partNumber", "")
    if not number.isdigit() or not 1 <= int(number) <= MAX_PARTS:
        raise StageError(400, "InvalidArgument", f"partNumber is 1 to {MAX_PARTS}")
    return int(number)


@router.put("/{key}/{name:path}")
async def put_part(request: Request, key: str) -> Response:
    """Take one part in."""
    stage: Stage = request.app.state.site.stage
    try:
        place = stage.place(key, request.query_params)
        number = _part_number(request.query_params)
    except StageError as error:
        return error.answer()
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
    except StageError as error:
        return error.answer()
    body = f"<CompleteMultipartUploadResult><ETag>{tag}</ETag></CompleteMultipartUploadResult>"
    return Response(body, media_type="application/xml")


@router.head("/{key}/{name:path}")
@router.get("/{key}/{name:path}")
async def read(request: Request, key: str) -> Response:
    """The object, or the range of it that is asked for."""
    stage: Stage = request.app.state.site.stage
    try:
        return FileResponse(stage.whole(key, request.query_params))
    except StageError as error:
        return error.answer()


@router.delete("/{key}/{name:path}")
async def remove(request: Request, key: str) -> Response:
    """Forget the object."""
    stage: Stage = request.app.state.site.stage
    try:
        stage.remove(key, request.query_params)
    except StageError as error:
        return error.answer()
    return Response(status_code=204)

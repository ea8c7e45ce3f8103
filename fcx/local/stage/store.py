"""The objects of the staging area, on disk."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

PREFIX = "/stage"
TTL = 604800.0  # seconds for which an address is good


class StageError(Exception):
    """An S3 error: its status, code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Stage:
    """Objects on disk, each a directory with its parts, or with the whole."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.ttl = TTL
        self._key = secrets.token_bytes(32)

    def new_object(self, name: str, ttl: float = TTL) -> str:
        """Make room for an object; its address, where `{query}` stands for what a request adds."""
        key, until = secrets.token_hex(16), f"{time.time() + ttl:.3f}"
        (self.folder / key).mkdir(parents=True)
        return (
            f"{self.url}{PREFIX}/{key}/{quote(name, safe='')}?uploadId={key}{{query}}"
            f"&Expires={until}&X-Amz-Signature={self._signature(key, until)}"
        )

    def _signature(self, key: str, until: str) -> str:
        return hmac.new(self._key, f"{key} {until}".encode(), hashlib.sha256).hexdigest()

    def place(self, key: str, query: Mapping[str, str]) -> Path:
        """The directory of an object; StageError unless the signature is its own, and good."""
        given, until = query.get("X-Amz-Signature", ""), query.get("Expires", "")
        if not hmac.compare_digest(given.encode(), self._signature(key, until).encode()):
            raise StageError(
                403, "SignatureDoesNotMatch", "The request signature we calculated does not match"
            )
        if time.time() > float(until):
            raise StageError(403, "AccessDenied", "Request has expired")
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

    def spoil(self, key: str, query: Mapping[str, str]) -> None:
        """Make a byte in the middle of an object another."""
        with self.whole(key, query).open("r+b") as file:
            file.seek(file.seek(0, 2) // 2)
            byte = file.read(1)
            file.seek(-1, 1)
            file.write(bytes([byte[0] ^ 1]))

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

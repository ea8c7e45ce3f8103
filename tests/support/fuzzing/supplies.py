"""What tasks need beside their payload, and what the batch shell leaves, as an agent finds it."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile

from fcx.protocol.names import INITIALIZER
from fcx.remote.clock import Clock, seconds_left
from fcx.remote.supplies import Supplies
from fuzzing.entry import Entry, lenient
from fuzzing.inbox import Folder


def _archive() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("package/__init__.py", "value = 1\n" * 50)
        target.writestr("package/other.py", "")
    return made.getvalue()


ARCHIVE = _archive()


def _found(files: dict[str, bytes], *archives: str) -> None:
    folder = Folder()
    try:
        (folder.path / "modules").mkdir()
        for name, data in files.items():
            (folder.path / name).write_bytes(data)
        supplies = Supplies(str(folder.path), "7.0.0")
        supplies.initializer()
        for name in archives:
            supplies.module(name)
    finally:
        shutil.rmtree(folder.path)


def read_archive(data: bytes) -> None:
    """An archive of the user's modules."""
    _found({"modules/m.zip": data, "modules/m.x.zip": data}, "m.zip", "m.x.zip")


def read_in_parts(data: bytes) -> None:
    """The index of an initializer that came in parts, and of an archive."""
    parts = {
        f"{name}.{number}": b"x" for name in ("modules/m.zip", INITIALIZER) for number in (0, 1)
    }
    _found({"modules/m.zip.parts": data, f"{INITIALIZER}.parts": data, **parts}, "m.zip")


def read_name(data: bytes) -> None:
    """The name of an archive, as a bundle has it."""
    name = lenient(data)
    if isinstance(name, str):
        _found({"modules/m.zip": ARCHIVE}, name)


def read_time(data: bytes) -> None:
    """How much time squeue says is left."""
    seconds_left(data.decode("utf-8", "replace"))
    folder = Folder()
    try:
        (folder.path / "left").write_bytes(data + b"\n")
        Clock(str(folder.path / "left")).left()
    finally:
        shutil.rmtree(folder.path)


_INDEX = {"parts": 2, "sha256": hashlib.sha256(b"xx").hexdigest()}
ALLOWED = (ValueError, OSError)
ENTRIES = (
    Entry("supplies.archive", read_archive, (ARCHIVE,), ALLOWED),
    Entry("supplies.parts", read_in_parts, (_INDEX,), ALLOWED),
    Entry("supplies.name", read_name, (json.dumps("m.zip").encode(),), ALLOWED),
    Entry("supplies.time", read_time, (b"1-02:03:04", b"59:59", b"UNLIMITED")),
)

"""File systems as an engine exports them, made up entry by entry."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping


def export(entries: Mapping[str, bytes | str | int]) -> io.BytesIO:
    """A tar archive: bytes are files, text is the target of a link, a number a folder's mode."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, value in entries.items():
            info = tarfile.TarInfo(name)
            if isinstance(value, int):
                info.type, info.mode = tarfile.DIRTYPE, value
            elif isinstance(value, str):
                info.type, info.linkname = tarfile.SYMTYPE, value
            else:
                info.size = len(value)
            archive.addfile(info, io.BytesIO(value) if isinstance(value, bytes) else None)
    stream.seek(0)
    return stream


def elf(number: int, text: bytes = b"") -> bytes:
    """The head of a program for a processor."""
    return b"\x7fELF\x02\x01" + bytes(12) + number.to_bytes(2, "little") + bytes(8) + text

"""Reading regular files, up to what an answer may hold."""

from __future__ import annotations

import os
import stat
from typing import Any

from ...errors import OutputTooLarge
from ..site import MAX_OPS_SIZE


def read(path: str, start: int, length: int | None) -> bytes | None:
    """Bytes of a regular file, from its end where start is negative; None for anything else."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb", buffering=0) as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or (status.st_size == 0 and path.startswith("/proc")):
            return None
        begin = max(0, status.st_size + start) if start < 0 else start
        file.seek(begin)
        wanted = MAX_OPS_SIZE if length is None else min(length, MAX_OPS_SIZE)
        return _limited(_read_fully(file, wanted))


def _read_fully(file: Any, wanted: int) -> bytes:
    parts = []
    while wanted > 0 and (part := file.read(wanted)):
        parts.append(part)
        wanted -= len(part)
    return b"".join(parts)


def _limited(data: bytes) -> bytes:
    if len(data) >= MAX_OPS_SIZE:
        raise OutputTooLarge
    return data

"""Processes that nobody looks after any more, known by variables they were started with."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from pathlib import Path


def kill(*marks: str) -> None:
    """KILL every process that was started with all these `NAME=value`."""
    for entry in os.listdir("/proc"):
        if entry.isdigit() and _carries(entry, marks):
            with contextlib.suppress(OSError):
                os.kill(int(entry), signal.SIGKILL)


def _carries(pid: str, marks: Iterable[str]) -> bool:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return all(mark.encode() in variables for mark in marks)

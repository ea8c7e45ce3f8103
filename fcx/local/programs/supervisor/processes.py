"""The processes below this one: which there are, what they hold, how they are ended."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

from .. import FOLDER

SRUN = os.fsencode(f"\0{FOLDER}\0srun\0")
PAGE = os.sysconf("SC_PAGE_SIZE")


def descendants(root: int | None = None) -> list[int]:
    """Every process below one (this one by default), nearest first."""
    found: list[int] = []
    waiting = [os.getpid() if root is None else root]
    while waiting:
        for child in _children(waiting.pop(0)):
            found.append(child)
            waiting.append(child)
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found.extend(int(word) for word in file.read().split())
    except OSError:
        pass  # the process is gone
    return found


def send(pid: int, number: int) -> None:
    """A signal to a process, if it is still there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def reap(note: Callable[[int, int], None]) -> bool:
    """Take note of every child that has ended; False if there is no child at all."""
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return True
            note(pid, status)
    except ChildProcessError:
        return False


def end_all(note: Callable[[int, int], None] = lambda _pid, _status: None) -> None:
    """KILL whatever is below this process, and again, until there is nothing."""
    while True:
        for pid in descendants():
            send(pid, signal.SIGKILL)
        if not reap(note):
            return
        time.sleep(0.002)


def is_srun(pid: int) -> bool:
    """Whether a process is an srun of this cluster."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return SRUN in file.read() + b"\0"
    except OSError:
        return False


def resident(pid: int) -> int:
    """Bytes of memory that a process holds; 0 if it is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0

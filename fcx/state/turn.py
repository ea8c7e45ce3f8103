"""One process at a time at what several would change: a lock that dies with its process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def turn(path: Path, wait: Callable[[], object]) -> Iterator[None]:
    """Hold the lock of this name; ``wait`` is called once where another process holds it.

    Where there is no place for it, or the file system has no locks, all goes on without.
    """
    held, made = -1, False
    with suppress(OSError):
        held, made = _held(path, wait)
    try:
        yield
    finally:
        if held >= 0:
            with suppress(OSError):
                path.unlink()
                if made:
                    path.parent.rmdir()  # unless something lies there now
            os.close(held)


def _held(path: Path, wait: Callable[[], object]) -> tuple[int, bool]:
    """The lock's descriptor, once it is ours and under that name; whether its folder is new."""
    told = False
    while True:
        made = not path.parent.is_dir()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        except FileNotFoundError:
            if path.parent.is_dir():
                raise
            continue  # whoever had made the folder has just taken it away
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not told:
                    told = True
                    wait()
                fcntl.flock(fd, fcntl.LOCK_EX)
            if _is_at(fd, path):
                return fd, made
        except BaseException:  # no locks here, or the user does not wait
            os.close(fd)
            raise
        os.close(fd)  # whoever had it before us has taken the name away


def _is_at(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False

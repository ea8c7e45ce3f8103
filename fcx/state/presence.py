"""Whether processes that serve a run, or share something, are alive: by locks that die with them.

The kernel lets go of it when the process ends, however that ends. A forked child must ``leave``.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from ..files import state_folder


class Presence:
    """The locks of one run; only processes of this machine see them."""

    def __init__(self, run: str, folder: Path | None = None, who: str = "") -> None:
        """``who``: one of several in a process."""
        self._run = run
        self._folder = folder
        self._who = who or str(os.getpid())
        self._fd = -1

    @property
    def path(self) -> Path:
        """Where they lie: one for each process, under its number."""
        return (self._folder or state_folder()) / "live" / self._run

    def hold(self) -> None:
        """Take one while this process serves the run; do without where there is no place."""
        with contextlib.suppress(OSError):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = os.open(self.path / self._who, os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def release(self) -> None:
        """The run is over, or another client serves it."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            with contextlib.suppress(OSError):
                (self.path / self._who).unlink()
            os.close(fd)

    def leave(self) -> None:
        """In a forked child: it is the parent that serves the run."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def count(self) -> int:
        """How many hold one."""
        with contextlib.suppress(OSError):
            return sum(_is_locked(path) for path in self.path.iterdir())
        return 0

    def holder(self) -> int:
        """A process that serves the run; 0 where none of this machine does."""
        with contextlib.suppress(OSError):
            for path in sorted(self.path.iterdir()):
                if path.name.isdigit() and _is_locked(path):
                    return int(path.name)
        return 0


def _is_locked(path: Path) -> bool:
    """Whether the process still lives; what a dead one has left is removed."""
    try:
        fd = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(fd)

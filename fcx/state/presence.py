"""Whether the process that serves a run is alive: it holds a lock that dies with it.

The kernel lets go of it when the process ends, however that ends. A forked child must ``leave``.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from ..files import state_folder


class Presence:
    """The lock of one run; only processes of this machine see it."""

    def __init__(self, run: str, folder: Path | None = None) -> None:
        self._run = run
        self._folder = folder
        self._fd = -1

    @property
    def path(self) -> Path:
        """Where it lies."""
        return (self._folder or state_folder()) / "live" / self._run

    def hold(self) -> None:
        """Take it, for as long as this process serves the run. Without a place for it, do without.

        Where another process has it, that one is left with it.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._fd, 0)
            os.write(self._fd, str(os.getpid()).encode())
        except OSError:
            self.release()

    def release(self) -> None:
        """The run is over, or another serves it."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def leave(self) -> None:
        """In a forked child: it is the parent that serves the run."""
        self.release()

    def holder(self) -> int:
        """The process that serves the run; 0 where none of this machine does."""
        if self._fd >= 0:
            return os.getpid()
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return 0
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            text = os.read(fd, 20).decode("ascii", "replace")
            return int(text) if text.isdigit() else -1
        else:
            return 0
        finally:
            os.close(fd)

"""Ledgers: a folder of files for each run that this machine has served, and bytes appended to them.

What stands in them is the business of ``fcx.report``. They outlast the run, its directory and its
entry in the journal; the oldest go once there are too many.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path

from ..errors import StateError
from ..files import state_folder

FOLDER = "ledgers"
MOST_RUNS = 100
MOST_BYTES = 512 << 20  # of all runs together
LARGEST = 64 << 20  # bytes of one file but for its end: some 700,000 tasks
ASKED = "-asked"  # ends the name of a file that no process wrote which served the run
SAFE = re.compile(r"[^A-Za-z0-9_.+-]")


def folder() -> Path:
    """Where they lie. Raises StateError where there is no place for them."""
    return state_folder() / FOLDER


def _of(run: str) -> Path:
    """Where those of a run lie."""
    return folder() / SAFE.sub("_", run)


class LedgerFile:
    """What this process appends to, made with the first bytes. Raises OSError and StateError.

    ``asked``: it does not serve the run, and only notes what it was told of it.
    """

    def __init__(self, run: str, *, asked: bool = False) -> None:
        self._run = SAFE.sub("_", run)
        self._kind = ASKED if asked else ""
        self._path: Path | None = None
        self._size = 0
        self._torn = False  # part of a line may be all that came of the last attempt

    @property
    def full(self) -> bool:
        """Whether it has all that it may take."""
        return self._size >= LARGEST

    def append(self, data: bytes) -> None:
        """Whole lines; nobody else writes to this file."""
        if self._path is None:
            self._path = self._make()
        if self._torn:
            data = b"\n" + data
        self._torn = True
        with self._path.open("ab") as file:
            file.write(data)
        self._torn = False
        self._size += len(data)

    def _make(self) -> Path:
        own = folder() / self._run
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = own / f"{time.time_ns():020d}-{os.getpid()}{self._kind}.jsonl"
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        prune(self._run)
        return path


def prune(spared: str = "") -> None:
    """Remove those of the runs that were written to longest ago, where there are too many."""
    written: list[tuple[float, int, Path]] = []
    for run in _folders():
        with suppress(OSError):  # another process may be at it, too
            files = [file.stat() for file in run.iterdir()]
            newest = max((file.st_mtime for file in files), default=run.stat().st_mtime)
            written.append((newest, sum(file.st_size for file in files), run))
    left = MOST_BYTES
    for rank, (_, size, run) in enumerate(sorted(written, reverse=True)):
        left -= size
        if (rank >= MOST_RUNS or left < 0) and run.name != spared:
            shutil.rmtree(run, ignore_errors=True)


def _folders() -> list[Path]:
    """Those of runs; what else somebody has put there is nobody's matter."""
    with suppress(OSError):
        return [one for one in folder().iterdir() if one.is_dir()]
    return []


def runs() -> list[str]:
    """Ids of the runs that have one, that which was begun last by a process first."""
    found = []
    for one in _folders():
        with suppress(OSError):  # another process may just remove it
            begun = [path.name for path in one.glob("*.jsonl") if not path.stem.endswith(ASKED)]
            found.append((max(begun, default=""), one.name))
    return [name for _, name in sorted(found, reverse=True)]


def has(run: str) -> bool:
    """Whether there is one of it."""
    with suppress(OSError, StateError):
        return _of(run).is_dir()
    return False


def read(run: str) -> list[bytes]:
    """Its files, the oldest first; none where there is no ledger of it."""
    with suppress(OSError):
        return [path.read_bytes() for path in sorted(_of(run).glob("*.jsonl"))]
    return []


def size(run: str) -> int:
    """Bytes of all its files: more than before where something was noted since."""
    with suppress(OSError):
        return sum(path.stat().st_size for path in _of(run).glob("*.jsonl"))
    return 0


def first_line(run: str) -> bytes:
    """The first line of its oldest file."""
    with suppress(OSError, ValueError):
        path = min(_of(run).glob("*.jsonl"))
        with path.open("rb") as file:
            return file.readline(1 << 16)
    return b""

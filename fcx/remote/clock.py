"""How much time a job has: squeue's word, which the job script leaves in the run directory."""

import os
import re
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

OLDEST = 60.0  # seconds of a note's age that are believed: clocks of nodes differ

_TIME = re.compile(r"(?:(\d{1,9})-)?(?:(\d{1,9}):)?(\d{1,9}):(\d{1,9})$")


def seconds_left(text: str) -> "Optional[int]":
    """Seconds in a time of ``squeue -o %L`` (``1-02:03:04``, ``59:59``); None if it has no end."""
    match = _TIME.match(text.strip())
    if not match:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


class Clock:
    """How much of the job's time is left, counted monotonically from when it was told."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.end: "Optional[float]" = None
        self.known = False

    def left(self) -> "Optional[float]":
        """Seconds left, None while unknown or unlimited."""
        if not self.known:
            self._read()
        return None if self.end is None else self.end - time.monotonic()

    def _read(self) -> None:
        try:
            with open(self.path) as file:
                text = file.read()
                age = max(0.0, time.time() - os.fstat(file.fileno()).st_mtime)
        except (OSError, UnicodeDecodeError):
            return
        if not text.endswith("\n"):
            return
        self.known = True
        left = seconds_left(text)
        if left is not None:
            self.end = time.monotonic() + left - min(age, OLDEST)

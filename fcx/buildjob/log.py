"""What a building job says, told as any other build is, and what is kept of it for an error."""

from __future__ import annotations

import re
from collections import deque

from ..image.failure import LAST_LINES
from ..ship.progress import Progress

STEP = re.compile(r"STEP \d+/\d+: .*")
WHOLE = re.compile(r"COMMIT( .*)?|--> [0-9a-f]+|Successfully tagged .*|[0-9a-f]{64}")
OURS, END = "== ", "fcx: "


class Log:
    """The log as far as it was read; bytes of it are ASCII."""

    def __init__(self, progress: Progress) -> None:
        self.read = 0  # bytes
        self.phase = ""  # what the job was at, in its own words
        self.step = ""  # of the build
        self.lines: deque[str] = deque(maxlen=LAST_LINES)  # of that step, or of that phase
        self.error = ""  # podman's last word
        self.end = ""  # why the job ended early, in its own words
        self._progress = progress
        self._rest = ""

    def feed(self, data: bytes) -> None:
        """Some more of it."""
        self.read += len(data)
        *lines, self._rest = (self._rest + data.decode("ascii", "replace")).split("\n")
        for line in lines:
            self._line(line.rstrip())

    def close(self) -> None:
        """The last line may have no end."""
        self._line(self._rest.rstrip())
        self._rest = ""

    def _line(self, line: str) -> None:
        if line.startswith(OURS):
            self.phase, self.step = line.removeprefix(OURS), ""
            self._begin(self.phase)
        elif STEP.fullmatch(line):
            self.step = line
            self._begin(line)
        elif line.startswith(END):
            self.end = line.removeprefix(END)
        elif line.startswith("Error: "):
            self.error = line.removeprefix("Error: ")
        elif line and not WHOLE.fullmatch(line):
            self.lines.append(line)
            self._progress.line(line)

    def _begin(self, text: str) -> None:
        self.lines.clear()
        self._progress.step(text)

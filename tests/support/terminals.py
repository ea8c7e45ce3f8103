"""A script on a terminal of its own: what a person would see, at each moment and at the end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyte

from fcx.progress.choice import SERVICES


@dataclass
class Seen:
    """Screens that differ, in their order, each as lines; and all that was written."""

    code: int = 0
    screens: list[list[str]] = field(default_factory=list)
    written: str = ""

    @property
    def last(self) -> list[str]:
        """What stays."""
        return self.screens[-1]

    def ever(self, words: str) -> list[str]:
        """The first screen with these words; AssertionError if there was none."""
        found = [one for one in self.screens if any(words in line for line in one)]
        assert found, f"{words!r} was never seen; the last screen:\n" + "\n".join(self.last)
        return found[0]


def on_terminal(
    code: str,
    env: Mapping[str, str],
    folder: Path,
    *,
    columns: int = 100,
    rows: int = 30,
    seconds: float = 150.0,
) -> Seen:
    """Run a script of Python on a terminal of this size to its end."""
    script = folder / "script.py"
    script.write_text(code, encoding="utf-8")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    inherited = {name: os.environ[name] for name in os.environ if name not in ("CI", *SERVICES)}
    variables = {**inherited, "TERM": "xterm-256color", **env}
    process = subprocess.Popen(
        [sys.executable, str(script)],
        env=variables,
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        seen = _watch(ours, columns, rows, time.monotonic() + seconds)
        seen.code = process.wait(10)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return seen


def _watch(terminal: int, columns: int, rows: int, end: float) -> Seen:
    screen = pyte.HistoryScreen(columns, rows, history=10_000)
    stream, seen = pyte.ByteStream(screen), Seen()
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 1.0)[0]:
            continue
        data = b""
        with contextlib.suppress(OSError):  # nobody has it open any more
            data = os.read(terminal, 1 << 16)
        if not data:
            return seen
        seen.written += data.decode("utf-8", "replace")
        stream.feed(data)
        lines = _lines(screen)
        if not seen.screens or lines != seen.screens[-1]:
            seen.screens.append(lines)
    raise AssertionError("the script has not ended; its last screen:\n" + "\n".join(seen.last))


def _lines(screen: pyte.HistoryScreen) -> list[str]:
    """What has scrolled away, and what is there, without empty lines at the end."""
    gone = ["".join(line[x].data for x in range(screen.columns)) for line in screen.history.top]
    lines = [line.rstrip() for line in [*gone, *screen.display]]
    while lines and not lines[-1]:
        lines.pop()
    return lines

"""Where a task reads and writes: files by pattern, srun's own streams, or lines with a label."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from .task import Task


def output_file(name: str, task: Task, step: dict[str, Any], options: dict[str, str]) -> str | None:
    """The file that a task's `output` or `error` goes to; None for srun's own."""
    pattern = options.get(name)
    if name == "error" and pattern is None:
        pattern = options.get("output")
    if pattern is None or pattern == "all":
        return None
    if pattern == "none":
        return os.devnull
    if pattern.isdigit():
        return None if int(pattern) == task.rank else os.devnull
    for mark, text in _marks(task, step).items():
        pattern = pattern.replace(mark, text)
    return pattern


def _marks(task: Task, step: dict[str, Any]) -> dict[str, str]:
    return {
        "%t": str(task.rank),
        "%n": str(task.node["index"]),
        "%N": task.node["name"],
        "%j": step["job"],
        "%A": step["job"],
        "%J": f"{step['job']}.{step['step']}",
        "%s": str(step["step"]),
        "%x": os.environ.get("SLURM_JOB_NAME", ""),
        "%u": os.environ.get("USER", ""),
    }


class Input:
    """What the tasks read: srun's own input for one task, else a copy that each reads whole."""

    def __init__(self, choice: str, tasks: int) -> None:
        self.choice = choice
        self._source = self._open(tasks)

    def _open(self, tasks: int) -> int:
        if self.choice == "none":
            return os.open(os.devnull, os.O_RDONLY)
        if self.choice != "all" and not self.choice.isdigit():
            return os.open(self.choice, os.O_RDONLY)
        if tasks == 1 or os.isatty(0):
            return 0
        with tempfile.TemporaryFile() as copy:
            while part := os.read(0, 1 << 20):
                copy.write(part)
            copy.flush()
            return os.dup(copy.fileno())

    def of(self, task: Task) -> int:
        """A descriptor for the task, with an offset of its own."""
        if self._source == 0:
            return 0
        if self.choice.isdigit() and int(self.choice) != task.rank:
            return os.open(os.devnull, os.O_RDONLY)
        return os.open(f"/proc/self/fd/{self._source}", os.O_RDONLY)


class Labels:
    """Output of tasks that is passed on line by line, each with its task's rank before it."""

    def __init__(self, tasks: int) -> None:
        self._width = len(str(tasks - 1))
        self._held: dict[int, tuple[Task, int, bytes]] = {}

    @property
    def open(self) -> list[int]:
        """The descriptors to read from."""
        return list(self._held)

    def pipe(self, task: Task, channel: int) -> int:
        """A descriptor for the task to write to; what it writes appears on `channel`."""
        reading, writing = os.pipe()
        self._held[reading] = (task, channel, b"")
        return writing

    def relay(self, fd: int) -> None:
        """Pass on the whole lines that are there; at the end, what is left."""
        task, channel, held = self._held[fd]
        part = os.read(fd, 1 << 16)
        *lines, held = (held + part).split(b"\n")
        if part:
            self._held[fd] = (task, channel, held)
        else:
            os.close(fd)
            del self._held[fd]
            lines = [held] if held else []
        label = f"{task.rank:>{self._width}}: ".encode()
        os.write(channel, b"".join(label + line + b"\n" for line in lines))

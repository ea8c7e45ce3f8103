"""fcx: one job with as many workers as are wanted, through the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ways.shared import OPTIONS, many, scheduler

import fcx.executor.resumption  # noqa: F401 - no contestant's imports are on the clock
from fcx import FirecrestExecutor
from fcx.firecrest import early

early.load()

__all__ = ["began", "executor", "many", "scheduler"]

BEGAN = "began.txt"  # below a user's home: a line for each job


def executor(task: Any) -> FirecrestExecutor:
    """As a user makes it."""
    return FirecrestExecutor(
        task.home,
        OPTIONS,
        env=task.env,
        max_workers=task.workers,
        workers_per_node=task.workers,
        setup=[f"date +%s.%N >> {task.home}/{BEGAN}"],
    )


def began(task: Any, since: float) -> float:
    """When the first job since then began, in seconds of the epoch."""
    lines = Path(task.home, BEGAN).read_text(encoding="ascii").split()
    return min(time for time in map(float, lines) if time >= since)

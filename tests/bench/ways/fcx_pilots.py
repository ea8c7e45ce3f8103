"""fcx: one job with as many workers as are wanted, through the API."""

from __future__ import annotations

from typing import Any

from ways.shared import OPTIONS, many, scheduler

import fcx.executor.resumption  # noqa: F401 - no contestant's imports are on the clock
from fcx import FirecrestExecutor
from fcx.firecrest import early

early.load()

__all__ = ["executor", "many", "scheduler"]


def executor(task: Any) -> FirecrestExecutor:
    """As a user makes it."""
    return FirecrestExecutor(
        task.home,
        OPTIONS,
        env=task.env,
        max_workers=task.workers,
        workers_per_node=task.workers,
    )

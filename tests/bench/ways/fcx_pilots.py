"""fcx: one job with as many workers as are wanted, through the API."""

from __future__ import annotations

from typing import Any

import firecrest  # noqa: F401 - no contestant's imports are on the clock
from ways.shared import OPTIONS, many, scheduler

from fcx import FirecrestExecutor

__all__ = ["executor", "many", "scheduler"]


def executor(task: Any) -> FirecrestExecutor:
    """As a user makes it."""
    return FirecrestExecutor(
        task.folder,
        OPTIONS,
        env=task.env,
        max_workers=task.workers,
        workers_per_node=task.workers,
    )

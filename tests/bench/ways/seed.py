"""firecrest-executor, with which this project began: a job for each task, through the API."""

from __future__ import annotations

import logging
from typing import Any

from firecrest_executor import FirecrestExecutor
from ways.shared import OPTIONS, many, scheduler

__all__ = ["executor", "many", "scheduler"]


def executor(task: Any) -> FirecrestExecutor:
    """It looks as often as it can."""
    logging.getLogger("FirecrestExecutor").setLevel(logging.CRITICAL)
    more = {"max_workers": task.workers, "sleep_interval": 1, "logger_level": logging.CRITICAL}
    return FirecrestExecutor(task.folder, OPTIONS, [], env=task.env, **more)

"""ProcessPoolExecutor: no cluster at all. What is left is what the machine itself takes."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from typing import Any

from ways.shared import many, scheduler

__all__ = ["executor", "many", "scheduler"]


def executor(task: Any) -> ProcessPoolExecutor:
    """Of Python's own."""
    return ProcessPoolExecutor(task.workers)

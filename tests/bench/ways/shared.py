"""What contestants have in common that are plain executors."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from typing import Any

OPTIONS = ["--time=00:30:00", "--nodes=1"]


def many(executor: Executor, function: Any, values: list[Any]) -> list[Future[Any]]:
    """A task for each value."""
    return [executor.submit(function, value) for value in values]


def scheduler(executor: Executor) -> Any:
    """What dask is told to compute with."""
    return executor

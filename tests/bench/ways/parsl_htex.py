"""Parsl: its pilots (HighThroughputExecutor), submitted to the same Slurm on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import parsl
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import SimpleLauncher
from parsl.providers import SlurmProvider
from ways.shared import many, scheduler

__all__ = ["executor", "many", "scheduler"]


class Apps:
    """Parsl as an executor: an app for each function."""

    def __init__(self) -> None:
        self._apps: dict[Any, Any] = {}

    def submit(self, function: Any, *values: Any) -> Any:
        """Call its app."""
        if function not in self._apps:
            self._apps[function] = parsl.python_app(function)
        return self._apps[function](*values)


@contextmanager
def executor(task: Any) -> Iterator[Apps]:
    """One block of one node."""
    provider = SlurmProvider(
        partition="debug",
        walltime="00:30:00",
        launcher=SimpleLauncher(),
        init_blocks=1,
        min_blocks=1,
        max_blocks=1,
        exclusive=False,
        cores_per_node=task.workers,
    )
    pilots = HighThroughputExecutor(
        label="htex",
        address="127.0.0.1",
        provider=provider,
        max_workers_per_node=task.workers,
        cores_per_worker=0.01,
    )
    os.chdir(task.folder)
    with parsl.load(Config(executors=[pilots], run_dir=task.folder, strategy="none")):
        yield Apps()

"""submitit: a job array of the same Slurm, a job for each task."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import submitit

__all__ = ["executor", "many"]


class Waited:
    """One of its jobs as a future: results are waited for with the standard library's words."""

    def __init__(self, job: Any) -> None:
        self._job = job

    def result(self, timeout: float) -> Any:
        """Its result."""
        return self._job.result()


@contextmanager
def executor(task: Any) -> Iterator[Any]:
    """An executor of its own kind."""
    made = submitit.AutoExecutor(task.folder, cluster="slurm")
    made.update_parameters(
        timeout_min=30, slurm_array_parallelism=task.workers, slurm_mem="4GB", cpus_per_task=1
    )
    yield made


def many(executor: Any, function: Any, values: list[Any]) -> list[Waited]:
    """One array, or one job."""
    if len(values) == 1:
        return [Waited(executor.submit(function, values[0]))]
    return [Waited(job) for job in executor.map_array(function, values)]

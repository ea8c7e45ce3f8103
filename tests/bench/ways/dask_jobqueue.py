"""dask: its workers in one job of the same Slurm, its scheduler on this machine (dask-jobqueue)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dask_jobqueue import SLURMCluster
from distributed import Client
from ways.shared import many

__all__ = ["executor", "many", "scheduler"]


@contextmanager
def executor(task: Any) -> Iterator[Any]:
    """A client whose cluster is one job."""
    with (
        SLURMCluster(
            cores=task.workers,
            processes=task.workers,
            memory="8GB",
            walltime="00:30:00",
            interface="lo",
            log_directory=task.folder,
            local_directory=task.folder,
            scheduler_options={"dashboard_address": None},
        ) as cluster,
        Client(cluster) as client,
    ):
        cluster.scale(jobs=1)
        yield client.get_executor(pure=False)  # else tasks that are alike are one


def scheduler(executor: Any) -> Any:
    """Its own way: the whole graph goes to its scheduler."""
    return executor._client

"""Real parts as session-scoped fixtures for tests/conftest.py; each xdist worker has its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster.slurm import SlurmCluster, missing, slurm_cluster


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    """A real Slurm with two nodes; `slurm.env` has SLURM_CONF. Skips where none is installed."""
    lack = missing()
    if lack:
        pytest.skip(lack)
    with slurm_cluster(nodes=2) as cluster:
        yield cluster

"""Real parts as session-scoped fixtures for tests/conftest.py; each xdist worker has its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster import environment, uenv
from cluster.slurm import SlurmCluster, missing, slurm_cluster
from fcx.local import Environment, cluster


@pytest.fixture(scope="session")
def slurm() -> Iterator[SlurmCluster]:
    """A real Slurm with two nodes; `slurm.env` has SLURM_CONF. Skips where none is installed."""
    lack = missing()
    if lack:
        pytest.skip(lack)
    # Its srun has --environment and --uenv where the stand-ins can be built; tests of those ask for it.
    plugins = () if environment.missing() else (environment.install, uenv.install)
    with slurm_cluster(nodes=2, plugstack=plugins) as running:
        yield running


@pytest.fixture(scope="session")
def environment_slurm(slurm: SlurmCluster) -> SlurmCluster:
    """The same Slurm, if its srun has --environment; skips where that can't be built."""
    lack = environment.missing()
    if lack:
        pytest.skip(lack)
    return slurm


@pytest.fixture(scope="session")
def slurm_firecrest(slurm: SlurmCluster) -> Iterator[Environment]:
    """A local FirecREST server in front of that Slurm: the six variables."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(slurm.conf))
        patch.setenv("FCX_TEST_SECRET", "of the server's own environment, not for jobs")
        with cluster(scheduler="slurm") as env:
            yield env

"""The session's Slurm, seen by a user of the local server in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.slurm import SlurmCluster
from slurm_site import Site, client

from fcx.local import Environment


@pytest.fixture
def site(slurm: SlurmCluster, slurm_firecrest: Environment, tmp_path: Path) -> Iterator[Site]:
    """The session's server, with a directory of the test's own."""
    with client(slurm_firecrest) as api:
        yield Site(api, slurm_firecrest, slurm, tmp_path)

"""A Docker engine as a session-scoped fixture; the workers of one test run share it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from cluster.engine import Engine, missing_docker, shared_engine

__all__ = ["engine", "missing_docker"]


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A private dockerd; `engine.env` has DOCKER_HOST. Skips where none can be started."""
    lack = missing_docker()
    if lack:
        pytest.skip(lack)
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    with shared_engine(folder / "docker") as made:
        yield made

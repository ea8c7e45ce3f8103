"""A Docker engine as a session-scoped fixture; the workers of one test run share it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.bases import bare_image, base_image, interpreters, newest
from cluster.engine import Engine, missing_docker, shared_engine
from cluster.foreign import bring_dill
from cluster.project import Project

__all__ = ["built", "engine", "missing_docker"]

SMALL = "FROM {base}\nCOPY dill/ /usr/local/lib/python{minor}/site-packages/\n"


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


@pytest.fixture
def built(tmp_path: Path, engine: Engine) -> Project:
    """A project with a small image, built in a second or found unchanged."""
    project = Project(tmp_path / "a project", dict(engine.env))
    bare_image(engine)
    minor = "{}.{}".format(*sys.version_info)
    version = newest(minor) or max(interpreters())
    minor = version.rpartition(".")[0]
    text = SMALL.format(base=base_image(engine, version), minor=minor)
    project.write("containers/Dockerfile", text)
    bring_dill(project.root / "containers/dill")
    project.build()
    return project

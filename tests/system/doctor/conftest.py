"""A cluster that tells of itself what a test wants, and a project's folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.project import Project

from fcx.local import Environment, cluster


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """A cluster of this module's own; it shows /sys as well, where nobody may write."""
    with cluster(filesystems=[str(tmp_path_factory.getbasetemp()), "/sys"]) as env:
        yield env


@pytest.fixture
def server(running: Environment, monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    """The same with nothing wrong, and its variables set."""
    for name, value in running.items():
        monkeypatch.setenv(name, value)
    yield running
    running.faults.clear()
    running.faults.refuse_credentials(False)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Environment) -> Project:
    """A folder with settings, a home, and a state folder of its own; no engine answers."""
    work = tmp_path / "work"
    work.mkdir()
    own = {
        "HOME": str(tmp_path / "home"),
        "FCX_STATE_DIR": str(tmp_path / "state"),
        "DOCKER_HOST": f"unix://{tmp_path}/nowhere",
    }
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "home").mkdir()
    made = Project(tmp_path / "project", {**server, **own})
    made.write("fcx.toml", f'[executor]\nworking_dir = "{work}"\n')
    monkeypatch.chdir(made.root)
    return made

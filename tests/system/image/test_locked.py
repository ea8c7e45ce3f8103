"""What `fcx lock` writes is what the next build takes, by the project's own Dockerfile."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from cluster.bases import base_image
from cluster.engine import Engine
from cluster.project import Project
from places import REPOSITORY

pytestmark = pytest.mark.docker

OWN = ".".join(map(str, sys.version_info[:3]))
OLD = "4.66.5"  # of tqdm, which has newer ones


@pytest.mark.lasts(60)
def test_a_later_build_takes_the_same_releases(tmp_path: Path, engine: Engine):
    """Though the requirements would let them move; and then there is nothing to lock."""
    base_image(engine, OWN)
    project = Project(tmp_path, dict(engine.env))
    shutil.copytree(REPOSITORY / "containers", tmp_path / "containers")
    dockerfile = tmp_path / "containers/Dockerfile"
    text = dockerfile.read_text()
    dockerfile.write_text(text.replace(" .fc[x]/dist/*", ""))  # without fcx it is sooner done
    project.write("containers/requirements.txt", f"tqdm=={OLD}\n")
    first = project.build()
    assert first["distributions"]["tqdm"] == OLD
    assert f"tqdm=={OLD}\n" in locked(project)
    assert "its source changed" not in project.fcx("edf", "write").stderr
    project.write("containers/requirements.txt", "tqdm\n")
    assert "its source changed" in project.fcx("edf", "write").stderr
    again = project.build()
    assert again["fresh"]
    assert again["distributions"] == first["distributions"]
    assert "is up to date" in project.fcx("lock").stdout
    assert project.build()["fresh"] is False


def locked(project: Project) -> str:
    """What the lock holds."""
    project.fcx("lock")
    return (project.root / "containers/constraints.txt").read_text()

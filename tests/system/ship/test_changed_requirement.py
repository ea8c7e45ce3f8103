"""What a later image of the project's own Dockerfile costs: not its base, not what pip installed again."""

from __future__ import annotations

import json
import shutil
import sysconfig
from pathlib import Path

import pytest
from cluster.engine import Engine
from cluster.project import Project
from gallery import derive, stand_ins
from parity import wheels
from places import REPOSITORY

from fcx.local import Environment

BASE = "later-images-base:1"
MANY = "many"  # a package as large as Python's own library: what is installed again unchanged
WITHOUT = {"site-packages", "idlelib", "lib2to3", "test", "tests", "turtledemo"}
MOST = 0.04  # of the image; 0.12 where byte code has the time of its source in it


def many_modules() -> dict[str, str]:
    """Real code, under another name."""
    library = Path(sysconfig.get_path("stdlib"))
    paths = [path.relative_to(library) for path in sorted(library.rglob("*.py"))]
    kept = [path for path in paths if not WITHOUT & {*path.parts}]
    return {f"{MANY}/{path}": (library / path).read_text("utf-8", "replace") for path in kept}


@pytest.fixture
def project(tmp_path: Path, engine: Engine, site: Environment) -> Project:
    """The project's Dockerfile, on a base with two releases of a small package and one of a large."""
    site.faults.clear()
    folder = tmp_path / "root/wheels"
    folder.mkdir(parents=True)
    for version, files in (
        ("1.2.0", ["tiny/__init__.py"]),
        ("1.3.0", ["tiny/__init__.py", "tiny/a.py"]),
    ):
        wheels.wheel(folder, "tiny", version, files)
    wheels.of_texts(folder, MANY, "1.0", many_modules())
    derive(engine, stand_ins(engine), tmp_path / "root", ["true"], BASE, [])
    made = Project(tmp_path / "project", {**engine.env, **site})
    (tmp_path / "work").mkdir()
    made.write("fcx.toml", f'[executor]\nworking_dir = "{tmp_path}/work"\n')
    (made.root / "containers").mkdir()
    dockerfile = (REPOSITORY / "containers/Dockerfile").read_text()
    made.write("containers/Dockerfile", dockerfile.replace(" .fc[x]/dist/*", ""))
    return made


def ship(project: Project, tiny: str) -> dict:
    """Build and ship the image with that release of the small package."""
    project.write("containers/requirements.txt", f"{MANY}\ntiny=={tiny}\n")
    built = project.build("--build-arg", f"BASE_IMAGE={BASE}")
    assert built["distributions"]["tiny"] == tiny
    done = project.fcx("image", "ship", "--json", "--compression", "lz4")
    return json.loads(done.stdout)


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("mksquashfs"), reason="no squashfs-tools here")
def test_what_is_there_already_is_not_sent_again(project: Project):
    """The layers below, and all that the changed one has as before; the job proves that it is whole."""
    first = ship(project, "1.2.0")
    assert first["sent"] == first["size"]
    second = ship(project, "1.3.0")
    assert second["path"] != first["path"]
    assert 0 < second["sent"] < MOST * second["size"]

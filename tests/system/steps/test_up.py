"""`fcx up` as a user calls it: with a real engine, over real HTTP, up to a task in the image."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.bases import base_image, docker, interpreters
from cluster.engine import Engine
from cluster.foreign import bring_dill
from cluster.project import Project
from parity.images import OWN

from fcx.local import Environment, cluster

pytestmark = [pytest.mark.docker, pytest.mark.slow]

MINOR = OWN.rpartition(".")[0]
DOCKERFILE = f"""FROM python:{OWN}-slim
COPY packages/ /usr/local/lib/python{MINOR}/site-packages/
"""
NAMES = ["image", "ship", "edf", "preflight"]
SCRIPT = """
import sys
from fcx import FirecrestExecutor

def who():
    from pathlib import Path
    return Path("/etc/fcx/image.json").read_text()

with FirecrestExecutor(sys.argv[1], ["--time=00:05:00"], environment="fcx-image") as executor:
    print(executor.submit(who).result())
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """What the cluster shows, and so proposes."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def place(home: Path, engine: Engine) -> Iterator[Environment]:
    """A cluster that runs packed images."""
    if OWN not in interpreters():
        pytest.skip(f"no Python {OWN} here that could be put into an image")
    if not shutil.which("bwrap") or not shutil.which("mksquashfs"):
        pytest.skip("packed images need bubblewrap and squashfs-tools")
    base_image(engine, OWN)
    with cluster(filesystems=[str(home)]) as site:
        yield site


@pytest.fixture
def project(tmp_path: Path, home: Path, engine: Engine, place: Environment) -> Project:
    """A folder with a Dockerfile, and nothing else that was set up."""
    made = Project(tmp_path / "project", {**engine.env, **place, "HOME": str(home)})
    bring_dill(made.root / "containers/packages")
    made.write("containers/Dockerfile", DOCKERFILE)
    return made


def up(project: Project) -> list[str]:
    """The steps that `fcx up` has done."""
    said = json.loads(project.fcx("up", "--json").stdout)
    assert said["passed"]
    return [one["step"] for one in said["steps"] if one["done"]]


def test_it_is_the_whole_story(project: Project, place: Environment, home: Path, engine: Engine):
    """A task runs in the image; again nothing is done; a change goes the whole way."""
    assert up(project) == NAMES
    first = project.manifest().build_id
    assert first in script(project, home)
    nothing_is_done(project, place)
    the_file_is_gone(project, place, home)
    refused = project.fcx("up", "--policy", "strict", code=3).stdout
    assert "preflight: refused" in refused
    assert "REFUSED" in refused
    host = project.env.pop("DOCKER_HOST")
    project.env["DOCKER_HOST"] = f"unix://{home}/nowhere"
    project.write("containers/packages/fresh.py", "NAME = 1\n")
    assert "fcx: image: " in project.fcx("up", code=5).stderr
    project.env["DOCKER_HOST"] = host
    assert up(project) == NAMES
    assert project.manifest().build_id != first
    nobody_has_it(project, engine)


def nobody_has_it(project: Project, engine: Engine) -> None:
    """Neither the cluster, nor this machine, be it as a file or in its engine: it is built again."""
    lost = project.manifest()
    docker(engine, "rmi", "--force", lost.image_id)
    Path(lost.sqsh.path).unlink()
    Path(next(iter(lost.shipped.values())).path).unlink()
    assert up(project) == NAMES[1:]
    assert project.manifest().build_id != lost.build_id


def script(project: Project, working_dir: Path, *, code: int = 0) -> str:
    """What a script of the user's prints, that names the environment; its error, if one is due."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(working_dir)],
        cwd=project.root, env=project.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


def the_file_is_gone(project: Project, place: Environment, home: Path) -> None:
    """By a clean-up, behind a verdict that is remembered: one job finds out, and no other."""
    file = Path(next(iter(project.manifest().shipped.values())).path)
    jobs, away = len(place.submissions()), file.rename(file.with_suffix(".away"))
    assert "`fcx up` brings it back" in script(project, home, code=1)
    assert len(place.submissions()) == jobs + 1
    away.rename(file)


def nothing_is_done(project: Project, place: Environment) -> None:
    """No engine, no job, at most three requests."""
    jobs, engine = len(place.submissions()), project.env["DOCKER_HOST"]
    project.env["DOCKER_HOST"] = "unix:///nowhere"
    place.reset_counts()
    said = project.fcx("up").stdout.splitlines()
    assert [line.partition(": skipped: ")[0] for line in said] == NAMES
    counts = place.counts()
    assert sum(counts.values()) - counts["token"] <= 3, counts
    assert len(place.submissions()) == jobs
    project.env["DOCKER_HOST"] = engine

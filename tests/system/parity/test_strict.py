"""Under `strict`, from inside of the image: each byte that is imported remotely is the image's."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.bases import docker, interpreters, own_image
from cluster.engine import Engine
from cluster.project import FCX, Project
from parity.images import OWN
from places import REPOSITORY

from fcx.local import Environment, cluster

pytestmark = pytest.mark.docker

DRIVER = """
import sys
from fcx import FirecrestExecutor
from fcx.errors import ParityError

chosen = dict(environment="edf/fcx-image.toml", parity="strict", sleep_interval=1, idle_timeout=1.0)
try:
    with FirecrestExecutor(sys.argv[1], ["--time=00:05:00"], max_workers=1, **chosen) as executor:
        print(executor.submit(pow, 2, 5).result(300))
except ParityError as error:
    print(error.verdict.to_json() if error.verdict else error)
"""
GROWN = "FROM {tag}\nRUN echo '# more' >> {site}/dill/_dill.py\n"
CHANGE = "FROM {tag}\nRUN sed -i 's/^# Author/# author/' {site}/dill/_dill.py\n"


@pytest.fixture
def site(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    """A cluster that runs the images of this machine's engine."""
    for name, value in engine.env.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "home").mkdir()
    with cluster(filesystems=[str(tmp_path / "home")]) as env:
        yield env


@pytest.fixture
def project(tmp_path: Path, engine: Engine, site: Environment) -> Project:
    """A project with the Dockerfile that `fcx init` lays out, its image built, its EDF written."""
    if OWN not in interpreters():
        pytest.skip(f"no Python {OWN} here that could be put into an image")
    state = {"FCX_STATE_DIR": str(tmp_path / "state"), "HOME": str(tmp_path / "home")}
    made = Project(tmp_path / "project", {**engine.env, **site, **state})
    shutil.copytree(REPOSITORY / "containers", made.root / "containers")
    made.write("driver.py", DRIVER)
    with (made.root / "containers/Dockerfile").open("a") as dockerfile:
        dockerfile.write(f"# for {tmp_path.name}: other images come under its tag\n")
    with own_image(engine, OWN):
        made.build()
    made.fcx("edf", "write")
    return made


@pytest.mark.lasts(90)
def test_a_pilot_reads_each_byte(
    project: Project, site: Environment, engine: Engine, tmp_path: Path
) -> None:
    """A caller in the image passes; then one letter of a module is another, under the same ids.

    What changes a size is seen behind a remembered verdict, too. The fix, run as it is printed,
    ends all of that.
    """
    work = tmp_path / "home/work"
    work.mkdir()
    assert driven(project, work) == "32"
    manifest = project.manifest()
    sites = [entry for entry in manifest.content.files if entry.endswith("-packages")]
    named = {"tag": manifest.tag, "site": sites[-1]}
    docker(engine, "tag", manifest.tag, "kept")
    docker(engine, "build", "-t", manifest.tag, "-", input=GROWN.format(**named))
    remembered = driven(project, work)  # what is remembered was of another image
    assert "A node is not the environment that passed the check" in remembered
    assert "content: wanted" in remembered
    docker(engine, "tag", "kept", manifest.tag)
    docker(engine, "build", "-t", manifest.tag, "-", input=CHANGE.format(**named))
    shutil.rmtree(tmp_path / "state")
    before = len(site.submissions())
    refused = {one["code"]: one for one in json.loads(driven(project, work))["differences"]}
    assert refused["image-changed"]["severity"] == "refuse"
    assert refused["image-changed"]["what"] == sites[-1]
    assert refused["image-changed"]["wanted"] == manifest.content.contents[sites[-1]][:12]
    assert not [one for one in site.submissions()[before:] if "/inbox/b" in (one["script"] or "")]
    run_by_a_shell(project, refused["image-changed"]["fix"])
    assert driven(project, work) == "32"


def run_by_a_shell(project: Project, command: str) -> None:
    """As it is printed."""
    programs = project.root / "bin"
    project.write("bin/fcx", f'#!/bin/sh\nexec {shlex.join(FCX)} "$@"\n').chmod(0o755)
    env = project.environment()
    env["PATH"] = f"{programs}:{env['PATH']}"
    subprocess.run(["sh", "-ec", command], cwd=project.root, env=env, check=True)


def driven(project: Project, work: Path) -> str:
    """What the driver prints, which runs in the image."""
    return project.fcx("image", "run", "driver.py", str(work)).stdout.strip()

"""The pipelines of examples/ci, step by step as their service would, with a cluster and a registry here."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from cluster import bases
from cluster.engine import Engine
from cluster.registry import PASSWORD, USER, serving
from distributions import Virtual, copy_of_the_repository, wheel_of
from parity.images import OWN
from pipelines import Step, github, gitlab
from places import EXAMPLES, REPOSITORY

from fcx.config import VARIABLES
from fcx.local import Environment, cluster

pytestmark = [pytest.mark.slow, pytest.mark.docker, pytest.mark.lasts(90)]


@dataclass
class Runner:
    """A machine of the service's: a fresh environment, a checkout, an engine, a cluster's account."""

    project: Path
    env: dict[str, str]
    site: Environment
    registry: str
    engine: Engine

    def run(self, step: Step, known: Mapping[str, str] = {}) -> str:  # noqa: B006
        """What it prints; it must succeed."""
        builds = "fcx image build" in step.script
        with bases.own_image(self.engine, OWN) if builds else contextlib.nullcontext():
            done = subprocess.run(
                ["bash", "-e", "-o", "pipefail", "-c", step.script],
                cwd=self.project,
                env={**self.env, **step.told(known)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        assert done.returncode == 0, f"{step.name}\n{done.stdout}"
        return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Virtual:
    """An environment with the wheel, and with what is here already of what that needs.

    tests/system/wheel installs all of it anew.
    """
    folder = tmp_path_factory.mktemp("runner")
    made = Virtual.make(folder / "python")
    own = Path(sysconfig.get_path("purelib", vars={"base": str(folder / "python")}))
    (own / "shared.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    made.pip("install", "--no-deps", str(wheel_of(copy_of_the_repository(folder / "s"), folder)))
    return made


@pytest.fixture
def runner(python: Virtual, engine: Engine, tmp_path: Path) -> Iterator[Runner]:
    """With a project as `fcx init` makes it."""
    if OWN not in bases.interpreters():
        pytest.skip(f"no Python {OWN} here that could be put into an image")
    project, home = tmp_path / "project", tmp_path / "home"
    shutil.copytree(REPOSITORY / "containers", project / "containers")
    (project / "tests").mkdir()
    shutil.copy(EXAMPLES / "ci" / "test_parity.py", project / "tests")
    home.mkdir()
    dropped = (*VARIABLES, "DOCKER_", "PYTHON", "FCX_", "FIRECREST_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    env |= {"HOME": str(home), "FCX_STATE_DIR": str(home / "state"), "DOCKER_HOST": engine.host}
    env |= {"PATH": f"{python.executable.parent}:{env['PATH']}"}
    with (
        pytest.MonkeyPatch.context() as patch,
        serving(tmp_path / "registry", private=True) as registry,
    ):
        patch.setenv("DOCKER_HOST", engine.host)  # the cluster's stand-in for srun --environment
        with cluster(filesystems=[str(tmp_path)]) as site:
            yield Runner(project, env, site, registry, engine)


def test_githubs(runner: Runner, tmp_path: Path):
    """From the installation to the verdict of the cluster."""
    output = tmp_path / "output"
    runner.env |= {"GITHUB_OUTPUT": str(output)}
    secrets = {"REGISTRY_USER": USER, "REGISTRY_TOKEN": PASSWORD}
    secrets |= {
        name: runner.site[name] for name in ("FIRECREST_CLIENT_ID", "FIRECREST_CLIENT_SECRET")
    }
    own = {"FCX_WORKING_DIR": str(tmp_path), "FCX_IMAGE": f"{runner.registry}/team/thing"}
    known = {f"vars.{name}": value for name, value in {**runner.site, **own}.items()}
    known |= {f"secrets.{name}": value for name, value in secrets.items()}
    known["github.sha"] = "0" * 40
    said = {}
    for step in github():
        assert step.wanted(known), step.name
        said[step.name] = runner.run(step, known)
        if step.id:
            for line in output.read_text().splitlines():
                known[f"steps.{step.id}.outputs.{line.partition('=')[0]}"] = line.partition("=")[2]
    assert "1 passed" in said["Compare this Python with the image"]
    assert f"{runner.registry}/team/thing@sha256:" in said["Push the image"]
    assert "passed" in said["Compare the image with the cluster"]
    assert not [name for name, text in said.items() if PASSWORD in text]


def test_gitlabs(runner: Runner, tmp_path: Path):
    """Both jobs; the first without the account's variables."""
    image, site = gitlab()
    runner.env |= {
        "CI_REGISTRY": runner.registry,
        "CI_REGISTRY_IMAGE": f"{runner.registry}/team/thing",
        "CI_REGISTRY_USER": USER,
        "CI_REGISTRY_PASSWORD": PASSWORD,
        "CI_COMMIT_SHA": "0" * 40,
    }
    assert "1 passed" in runner.run(image)
    assert (runner.project / "parity.xml").exists()
    runner.env |= {**runner.site, "FCX_WORKING_DIR": str(tmp_path)}
    said = runner.run(site)
    assert f"{runner.registry}/team/thing/fcx-image@sha256:" in said
    assert PASSWORD not in said

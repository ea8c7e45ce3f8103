"""`fcx up` by way of a registry: pushed once, and the EDF names the image by its digest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.bases import base_image, interpreters
from cluster.engine import Engine
from cluster.foreign import bring_dill
from cluster.project import Project
from cluster.registry import log_in, serving
from parity.images import OWN

from fcx.local import cluster

pytestmark = [pytest.mark.docker, pytest.mark.slow]

MINOR = OWN.rpartition(".")[0]
NAMES = ["image", "push", "edf", "preflight"]


@pytest.fixture
def project(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project whose images go to a private registry; the cluster's engine has the login, too."""
    if OWN not in interpreters():
        pytest.skip(f"no Python {OWN} here that could be put into an image")
    base = base_image(engine, OWN)
    home = tmp_path / "home"
    home.mkdir()
    with serving(tmp_path / "registry", private=True) as address:
        env = {**engine.env, **log_in(tmp_path / "login", address)}
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        with cluster(filesystems=[str(home)]) as site:
            made = Project(tmp_path / "project", {**env, **site, "HOME": str(home)})
            packages = f"/usr/local/lib/python{MINOR}/site-packages/"
            made.write("containers/Dockerfile", f"FROM {base}\nCOPY packages/ {packages}\n")
            bring_dill(made.root / "containers/packages")
            made.write("fcx.toml", f'[image]\npush_to = "{address}/team/thing"\n')
            yield made


def test_it_goes_by_the_registry(project: Project):
    """Pushed, named by digest, judged; the second time each step has nothing to do."""
    said = json.loads(project.fcx("up", "--json").stdout)
    assert said["passed"]
    assert [one["step"] for one in said["steps"] if one["done"]] == NAMES
    pushed = project.manifest().repo_digest
    registry, _, digest = pushed.partition("/team/thing@")
    generated = (project.root / "edf/fcx-image-generated.toml").read_text()
    assert f'image = "{registry}#team/thing@{digest}"' in generated
    project.env["DOCKER_HOST"] = "unix:///nowhere"
    lines = project.fcx("up").stdout.splitlines()
    assert [line.partition(": skipped: ")[0] for line in lines] == NAMES
    assert f"this build was pushed as {pushed}" in lines[1]

"""The project's own parity: the interpreter that runs the tests against its Dockerfile's image."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import bases
from cluster.engine import Engine
from parity.images import OWN
from places import REPOSITORY

from fcx.config import ParitySettings, Settings
from fcx.files import manifest_path
from fcx.image.build import build as build_image
from fcx.image.manifests import read_manifest
from fcx.image.request import Request
from fcx.parity.compare import compare
from fcx.parity.manifest import Manifest
from fcx.parity.snapshot import Snapshot
from fcx.protocol import probe

pytestmark = [
    pytest.mark.docker,
    # the docker SDK leaves the socket of a stream to the garbage collector
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

CONTAINERS = REPOSITORY / "containers"


@pytest.fixture(scope="module")
def docker_host(engine: Engine) -> Iterator[Engine]:
    """The engine of the tests, as the one that fcx finds."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in engine.env.items():
            patch.setenv(name, value)
        yield engine


def build(engine: Engine, folder: Path, version: str) -> Manifest:
    """The manifest of the project's Dockerfile, built for a Python."""
    shutil.copytree(CONTAINERS, folder / "containers")
    settings = Settings(folder)
    request = Request.from_settings(settings, build_args={"PYTHON_VERSION": version})
    with bases.own_image(engine, version):
        return build_image(request, settings).manifest


@pytest.fixture(scope="module")
def project(docker_host: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose image has the interpreter that runs the tests."""
    if OWN not in bases.interpreters():
        pytest.skip(f"no Python {OWN} here that could be put into an image")
    folder = tmp_path_factory.mktemp("project")
    build(docker_host, folder, OWN)
    return folder


@pytest.fixture(scope="module")
def manifest(project: Path) -> Manifest:
    """The image's manifest."""
    return read_manifest(manifest_path("fcx-image", project / "edf"))


def here() -> Snapshot:
    """The environment that runs the tests."""
    return Snapshot.from_probe(probe.snapshot())


def inside(engine: Engine, manifest: Manifest, *options: str) -> Snapshot:
    """What a caller in a container of the image finds of itself."""
    folder = Path(probe.__file__).parent
    mount = f"{folder}:/probe:ro"
    command = [manifest.python.executable, "-B", "/probe/probe.py"]
    done = bases.docker(engine, "run", "--rm", "-v", mount, *options, manifest.image_id, *command)
    return Snapshot.from_json(done.stdout)


@pytest.mark.lasts(90)
def test_the_local_interpreter_agrees(manifest: Manifest) -> None:
    """Minor, the default, passes: same Python, same dill."""
    verdict = compare("minor", remote=manifest, caller=here())
    assert verdict.passed, verdict.text()


def test_outside_the_image_is_not_strict(manifest: Manifest) -> None:
    """Strict asks for a caller inside, and says how to get there."""
    verdict = compare("strict", remote=manifest, caller=here())
    assert "not-inside-image" in {one.code for one in verdict.refusals}
    assert "fcx image run" in verdict.text()


def test_inside_the_image_is_strict(docker_host: Engine, manifest: Manifest) -> None:
    """A caller in a container of the image is equal in everything, also as a plain user."""
    for options in ((), ("--user", "65534:65534", "-e", "HOME=/tmp")):
        caller = inside(docker_host, manifest, *options)
        verdict = compare("strict", remote=manifest, caller=caller)
        assert verdict.differences == (), verdict.text()


def test_the_container_is_the_image(docker_host: Engine, manifest: Manifest) -> None:
    """The live container against the manifest: nothing differs, whatever the docker options."""
    far = inside(docker_host, manifest, "--hostname", "elsewhere", "--workdir", "/tmp")
    verdict = compare("strict", manifest=manifest, remote=far)
    assert verdict.differences == (), verdict.text()


@pytest.mark.lasts(60)
def test_another_python_is_refused(docker_host: Engine, tmp_path: Path) -> None:
    """The image of another minor version is refused under minor, with both versions."""
    minors = ("3.10", "3.11", "3.12", "3.13")
    found = [bases.newest(minor) for minor in minors if not OWN.startswith(f"{minor}.")]
    version = next((one for one in found if one), None)
    if version is None:
        pytest.skip("no other Python here")
    other = build(docker_host, tmp_path, version)
    verdict = compare("minor", remote=other, caller=here())
    assert {one.code for one in verdict.refusals} == {"python-minor"}
    assert OWN in verdict.text()
    assert version in verdict.text()
    assert compare("off", remote=other, caller=here()).passed


def test_rules_of_a_project(manifest: Manifest) -> None:
    """A rule about a package that the image has decides by its version there."""
    fine = ParitySettings(packages={"dill": ">=0.3.8"})
    assert compare("minor", remote=manifest, caller=here(), rules=fine).passed
    other = ParitySettings(packages={"dill": "<0.3.8"})
    assert not compare("minor", remote=manifest, caller=here(), rules=other).passed


def test_the_plugin_on_the_real_manifest(project: Path) -> None:
    """What a user's CI runs, with the manifest that the build wrote."""
    example = REPOSITORY / "examples" / "ci" / "test_parity.py"
    shutil.copy(example, project / "test_parity_of_the_project.py")
    from importlib.metadata import entry_points

    installed = "fcx" in {entry.name for entry in entry_points(group="pytest11")}
    plugin = [] if installed else ["-p", "fcx.pytest_plugin"]
    option = ["--fcx-manifest", "edf/fcx-image.manifest.json", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugin, *option, "test_parity_of_the_project.py"],
        cwd=project, env=dict(os.environ), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "fcx: parity minor with" in done.stdout

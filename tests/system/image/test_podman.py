"""Podman's socket serves in the place of Docker's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cluster.emulation import handlers
from cluster.engine import Engine, answers, wait_for
from cluster.foreign import bring_dill
from cluster.podman import BASE, Podman
from cluster.project import Project

from fcx.image.emulation import runs
from fcx.image.engine import connect
from fcx.image.probe import image_native


@pytest.fixture(scope="module")
def service(podman: Podman) -> Iterator[Engine]:
    """Its socket."""
    root = podman.root
    socket = f"unix://{root}/sock"
    with (root / "log").open("w") as log:
        process = subprocess.Popen(
            [*podman.command, "system", "service", "--time", "0", socket],
            env={**os.environ, **podman.env},
            stdout=log,
            stderr=log,
        )
    made = Engine(socket, str(root), process.pid, "")
    try:
        assert wait_for(lambda: answers(made)), (root / "log").read_text()
        yield made
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def test_build_run_and_pack(tmp_path: Path, podman: Podman, service: Engine):
    """Podman builds, recognises, runs and exports the image as Docker does."""
    project = Project(tmp_path, dict(service.env))
    minor = podman.python.rpartition(".")[0]
    site = f"/usr/local/lib/python{minor}/site-packages/"
    project.write("containers/Dockerfile", f"FROM {BASE}\nCOPY dill/ {site}\n")
    bring_dill(tmp_path / "containers/dill")
    built = project.build()
    assert (built["fresh"], built["python"]["version"]) == (True, podman.python)
    assert project.build()["fresh"] is False
    code = "import os, sys; print(os.getuid(), os.getcwd(), sys.stdin.read()); sys.exit(4)"
    done = project.fcx("image", "run", "-c", code, code=4, stdin="in")
    assert done.stdout == f"{os.getuid()} {tmp_path} in\n"
    words = ("image", "pack", "--compression", "none", "--json")
    assert json.loads(project.fcx(*words).stdout) == json.loads(project.fcx(*words).stdout)


def test_a_failing_step(tmp_path: Path, service: Engine):
    """Podman's way to tell of a failed step is understood too."""
    project = Project(tmp_path, dict(service.env))
    project.write("containers/Dockerfile", f"FROM {BASE}\nRUN echo before; exit 42\n")
    message = project.fcx("image", "build", code=5).stderr
    assert "RUN echo before" in message
    assert "42" in message


def test_another_processor_is_tried_in_it_too(tmp_path: Path, service: Engine):
    """A program of its own processor runs; for one that nobody emulates it refuses beforehand."""
    with closing(connect(service.env)) as client:
        before = {image.id for image in client.images.list()}
        assert runs(client, image_native(client))
        assert {image.id for image in client.images.list()} == before
    project = Project(tmp_path, dict(service.env))
    project.write("containers/Dockerfile", f"FROM {BASE}\nRUN true\n")
    with handlers():
        message = project.fcx("image", "build", "--platform", "linux/arm64", code=5).stderr
    assert "to be for linux/arm64, and this engine runs nothing for that processor" in message
    assert "Step" not in message

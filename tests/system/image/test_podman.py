"""Podman's socket serves in the place of Docker's."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.bases import interpreters, newest, python_root
from cluster.engine import Engine, answers, mounts_below, wait_for
from cluster.foreign import bring_dill
from cluster.project import Project

LIMITS = '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'


@pytest.fixture(scope="module")
def podman() -> Iterator[Engine]:
    """A private podman service with a base image of this Python's kind."""
    if os.geteuid() != 0 or not shutil.which("podman"):
        pytest.skip("no podman here, or not root: apt-get install podman")
    root = Path(tempfile.mkdtemp(prefix="fcx-pm-", dir="/tmp"))
    (root / "containers.conf").write_text(LIMITS)
    env = {**os.environ, "CONTAINERS_CONF": str(root / "containers.conf")}
    command = ["podman", "--root", f"{root}/images", "--runroot", f"{root}/run"]
    command += ["--storage-driver", "vfs", "--events-backend", "file"]
    command += ["--cgroup-manager", "cgroupfs"]
    with (root / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "system", "service", "--time", "0", f"unix://{root}/sock"],
            env=env,
            stdout=log,
            stderr=log,
        )
    made = Engine(f"unix://{root}/sock", str(root), process.pid, "")
    try:
        assert wait_for(lambda: answers(made)), (root / "log").read_text()
        python_root(root / "tree", version(), interpreters()[version()])
        with subprocess.Popen(["tar", "-C", root / "tree", "-c", "."], stdout=-1) as tar:
            words = [*command, "import", "--change", "CMD python3", "-", "python:base"]
            subprocess.run(words, env=env, stdin=tar.stdout, capture_output=True, check=True)
        yield made
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        for mount in sorted(mounts_below(str(root)), reverse=True):
            subprocess.run(["umount", "--lazy", mount], check=False)
        shutil.rmtree(root, ignore_errors=True)


def version() -> str:
    """The CPython of this minor version that a base can be made of."""
    found = newest("{}.{}".format(*sys.version_info))
    if found is None:
        pytest.skip("no CPython of this minor version to make a base of")
    return found


def test_build_run_and_pack(tmp_path: Path, podman: Engine):
    """Podman builds, recognises, runs and exports the image as Docker does."""
    project = Project(tmp_path, dict(podman.env))
    minor = version().rpartition(".")[0]
    site = f"/usr/local/lib/python{minor}/site-packages/"
    project.write("containers/Dockerfile", f"FROM python:base\nCOPY dill/ {site}\n")
    bring_dill(tmp_path / "containers/dill")
    built = project.build()
    assert (built["fresh"], built["python"]["version"]) == (True, version())
    assert project.build()["fresh"] is False
    code = "import os, sys; print(os.getuid(), os.getcwd(), sys.stdin.read()); sys.exit(4)"
    done = project.fcx("image", "run", "-c", code, code=4, stdin="in")
    assert done.stdout == f"{os.getuid()} {tmp_path} in\n"
    words = ("image", "pack", "--compression", "none", "--json")
    assert json.loads(project.fcx(*words).stdout) == json.loads(project.fcx(*words).stdout)


def test_a_failing_step(tmp_path: Path, podman: Engine):
    """Podman's way to tell of a failed step is understood too."""
    project = Project(tmp_path, dict(podman.env))
    project.write("containers/Dockerfile", "FROM python:base\nRUN echo before; exit 42\n")
    message = project.fcx("image", "build", code=5).stderr
    assert "RUN echo before" in message
    assert "42" in message

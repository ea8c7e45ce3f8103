"""Podman with storage and settings of its own, which go with a `with` block.

`FLAGS` are what it takes where there is no systemd and no crun.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cluster.bases import interpreters, newest, python_root
from cluster.engine import mounts_below

FLAGS = ("--runtime", "runc", "--cgroup-manager", "cgroupfs")
BUILD = ("--isolation=oci", "--network=none", "--pull=never")
BASE = "python:base"
LIMITS = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
events_logger = "file"
"""
STORAGE = '[storage]\ndriver = "{driver}"\ngraphroot = "{root}/images"\nrunroot = "{root}/run"\n'
DRIVERS = ("overlay", "vfs")
ENROOT = Path(__file__).with_name("enroot.py")


@dataclass(frozen=True)
class Podman:
    """`command` with `env` is a podman of its own; `python` is that of its image `BASE`."""

    root: Path
    python: str

    @property
    def env(self) -> dict[str, str]:
        """What has any podman use this storage and these settings."""
        files = {"CONTAINERS_CONF": "containers.conf", "CONTAINERS_STORAGE_CONF": "storage.conf"}
        return {name: str(self.root / file) for name, file in files.items()}

    @property
    def command(self) -> list[str]:
        """What stands before a verb."""
        return ["podman", *FLAGS]

    @property
    def programs(self) -> Path:
        """A folder with the stand-in for enroot, which takes images from this storage."""
        return self.root / "bin"

    def run(self, *words: str, **options: object) -> None:
        """A verb that must succeed."""
        env = {**os.environ, **self.env}
        subprocess.run([*self.command, *words], env=env, capture_output=True, check=True, **options)


def missing() -> str | None:
    """Why there can be none here; None where there can."""
    if os.geteuid() != 0 or not shutil.which("podman"):
        return "no podman here, or not root: apt-get install podman"
    if newest("{}.{}".format(*sys.version_info)) is None:
        return "no CPython of this minor version to make a base of"
    return None


@contextlib.contextmanager
def podman_storage() -> Iterator[Podman]:
    """With a base image of this Python's kind."""
    version = newest("{}.{}".format(*sys.version_info))
    assert version is not None
    made = Podman(Path(tempfile.mkdtemp(prefix="fcx-pm-", dir="/tmp")), version)
    try:
        (made.root / "containers.conf").write_text(LIMITS)
        python_root(made.root / "tree", version, interpreters()[version])
        _import(made)
        _stand_in(made)
        yield made
    finally:
        for mount in sorted(mounts_below(str(made.root)), reverse=True):
            subprocess.run(["umount", "--lazy", mount], check=False)
        shutil.rmtree(made.root, ignore_errors=True)


def _import(made: Podman) -> None:
    """The base, with the first driver that this machine takes."""
    for driver in DRIVERS:
        text = STORAGE.format(driver=driver, root=made.root / driver)
        (made.root / "storage.conf").write_text(text)
        with subprocess.Popen(["tar", "-C", made.root / "tree", "-c", "."], stdout=-1) as tar:
            try:
                made.run("import", "--change", "CMD python3", "-", BASE, stdin=tar.stdout)
            except subprocess.CalledProcessError:
                if driver == DRIVERS[-1]:
                    raise
            else:
                return


def _stand_in(made: Podman) -> None:
    program = made.programs / "enroot"
    program.parent.mkdir()
    variables = " ".join(f"{name}={value}" for name, value in made.env.items())
    root = Path(__file__).parents[3]
    text = f'#!/bin/sh\nPYTHONPATH={root} {variables} exec {sys.executable} {ENROOT} "$@"\n'
    program.write_text(text)
    program.chmod(0o755)

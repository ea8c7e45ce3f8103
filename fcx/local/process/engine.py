"""Which container engine the process back end can use for `srun --environment`.

A stand-in for the Container Engine, as `programs/container` says; here is only how it is found.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from .. import programs

BWRAP_NEEDS = ("bwrap", "unshare", "mount", "unsquashfs")
SYSTEM_FOLDERS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
COMMAND = (sys.executable, "-I", programs.FOLDER, "container")  # which may need a TOML parser


def find_engine(store: Path, environ: Mapping[str, str] | None = None) -> list[str] | None:
    """The command that enters an EDF's container, None where there is no engine.

    `--environment EDF -- COMMAND...` is added to it. `store` is where images are unpacked. Jobs
    see nothing of the server's environment, so DOCKER_HOST travels in the command.
    """
    known = os.environ if environ is None else environ
    path = f"{known.get('PATH', '')}:{SYSTEM_FOLDERS}"
    docker = shutil.which("docker", path=path)
    bwrap = [shutil.which(name, path=path) for name in BWRAP_NEEDS]
    found: list[str] = []
    if docker:
        found += ["--docker", docker]
        found += ["--docker-host", known["DOCKER_HOST"]] if known.get("DOCKER_HOST") else []
    if all(bwrap):
        found += ["--bwrap", str(bwrap[0])]
    return [*COMMAND, "--store", str(store), *found] if found else None

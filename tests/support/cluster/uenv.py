"""Installs the stand-in for `srun --uenv` into a Slurm of the tests, and makes uenvs for it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from cluster.environment import COMPILE, HERE

FOLDER = "uenv"


def install(root: Path) -> str:
    """Compile the plugin into `root`, for `slurm_cluster(plugstack=)`; its line there."""
    plugin = root / FOLDER / "spank_uenv.so"
    for folder in (images(root), mounted(root)):
        folder.mkdir(mode=0o755, parents=True)
    source = HERE / "spank_uenv.c"
    subprocess.run([*COMPILE, "-shared", "-fPIC", "-o", str(plugin), str(source)], check=True)
    return f"required {plugin} root={images(root)} mount={mounted(root)}"


def images(root: Path) -> Path:
    """Where uenvs lie in a cluster's folder."""
    return root / FOLDER / "images"


def mounted(root: Path) -> Path:
    """Where the step finds its own."""
    return root / FOLDER / "user-environment"


def make(root: Path, name: str, python: str, **variables: str) -> None:
    """A uenv whose view `default` has this Python first, and these variables."""
    view = images(root) / name / "env/default"
    (view / "bin").mkdir(parents=True, exist_ok=True)
    program = view / "bin/python3"
    program.write_text(f'#!/bin/sh\nexec {python} "$@"\n')
    program.chmod(0o755)
    told = {"PATH": str(mounted(root) / "env/default/bin"), **variables}
    text = "".join(f"{key}={value}\n" for key, value in told.items())
    (view / "variables").write_text(text)

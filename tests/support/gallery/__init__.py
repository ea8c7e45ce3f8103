"""What the gallery in containers/ is built on where nothing can be pulled, and where pip looks.

One base for all: the Python that runs the tests, and wheels that are installed without a network.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from cluster.bases import base_image, docker, import_tree
from cluster.engine import Engine, exclusive
from parity.images import OWN
from uv import find_uv_bin

BASE = "gallery-base:1"
UV = "ghcr.io/astral-sh/uv:0.9"
MICROMAMBA = "mambaorg/micromamba:2"
WHEELS = ("tqdm~=4.66", "colorama~=0.4", "mpich~=5.0", "mpi4py~=4.1")
OFFICIAL = "/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
USER = 57439  # micromamba's
SETTINGS = {
    "etc/pip.conf": "[global]\nno-index = true\nfind-links = /wheels\n",
    "etc/uv/uv.toml": 'no-index = true\nfind-links = ["/wheels"]\n',
}
CONDA = f"""
mv /usr/local /opt/conda
mkdir -p /usr/local/bin /usr/local/lib
for library in /opt/conda/lib/libpython*; do  # conda's is found by its place, this one by ldconfig
    if test -e "$library"; then mv "$library" /usr/local/lib; fi
done
mv /micromamba /usr/local/bin/micromamba
echo "mambauser:x:{USER}:{USER}::/home/mambauser:/bin/sh" >> /etc/passwd
/opt/conda/bin/python3 -B -c '
import os
for folder, folders, files in os.walk("/opt/conda"):
    for name in [".", *files]:
        os.chown(os.path.join(folder, name), {USER}, {USER}, follow_symlinks=False)
'
"""


def stand_ins(engine: Engine) -> str:
    """Make what the Dockerfiles start from; the base of those that take one as an argument."""
    base_image(engine, OWN)
    with exclusive(Path(engine.root) / "gallery.lock"):
        if docker(engine, "image", "inspect", MICROMAMBA, check=False).returncode != 0:
            with tempfile.TemporaryDirectory(dir=engine.root) as scratch:
                _make(engine, Path(scratch))
    return BASE


def _make(engine: Engine, scratch: Path) -> None:
    root, uv, conda = (scratch / name for name in ("root", "uv", "conda"))
    for name, text in SETTINGS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    download(root / "wheels", WHEELS)
    derive(engine, f"python:{OWN}-slim", root, ["true"], BASE, [f"ENV PATH={OFFICIAL}"])
    uv.mkdir()
    shutil.copy2(find_uv_bin(), uv / "uv")
    import_tree(engine, uv, UV)
    conda.mkdir()
    shutil.copy2(Path(__file__).with_name("micromamba.py"), conda / "micromamba")
    changes = [f"USER {USER}", "ENV MAMBA_ROOT_PREFIX=/opt/conda"]
    derive(engine, BASE, conda, ["sh", "-euc", CONDA], MICROMAMBA, changes)


def download(folder: Path, wanted: Iterable[str]) -> None:
    """Wheels for the Python that runs the tests, and its dill."""
    import dill

    quiet = ("--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:")
    command = [sys.executable, "-m", "pip", "download", *quiet, "--dest", str(folder)]
    subprocess.run([*command, f"dill=={dill.__version__}", *wanted], check=True)


def derive(
    engine: Engine, base: str, files: Path, command: list[str], tag: str, changes: Iterable[str]
) -> None:
    """An image of another, with files laid over it and a command run in it."""
    options = [word for change in changes for word in ("--change", change)]
    made = docker(engine, "create", "--network", "none", base, *command).stdout.strip()
    try:
        docker(engine, "cp", f"{files}/.", f"{made}:/")
        docker(engine, "start", "--attach", made)
        docker(engine, "commit", *options, "--change", 'CMD ["python3"]', made, tag)
    finally:
        docker(engine, "rm", "--force", made)

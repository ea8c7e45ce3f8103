"""A stand-in for NGC's PyTorch: its variables and its entrypoint around a Python of Debian's for arm64."""

from __future__ import annotations

import shutil
from importlib import metadata
from pathlib import Path

from cluster.emulation import arm_built, arm_image
from cluster.engine import Engine

import gallery

NAME = "nvcr.io/nvidia/pytorch:25.05-py3"
VARIABLES = {
    "PATH": "/usr/local/cuda/bin:/usr/local/ucx/bin:/usr/local/bin:/usr/local/sbin:/usr/sbin:"
    "/usr/bin:/sbin:/bin",
    "LD_LIBRARY_PATH": "/usr/local/cuda/compat/lib:/usr/local/nvidia/lib",
    "PIP_CONSTRAINT": "/etc/pip/constraint.txt",
    "NVIDIA_VISIBLE_DEVICES": "all",
}
ENTRYPOINT = '#!/bin/sh\necho "== PyTorch =="\nexec "$@"\n'
TORCH = "Metadata-Version: 2.1\nName: torch\nVersion: 2.8.0a0\n"
PACKAGES = "usr/lib/python3/dist-packages"


def stand_in(engine: Engine) -> str:
    """The tag that the Dockerfile starts from."""
    set_up = " ".join(f'{name}="{value}"' for name, value in VARIABLES.items())
    text = f"FROM {arm_image(engine)}\nCOPY root/ /\nENV {set_up}\n"
    text += 'ENTRYPOINT ["/opt/nvidia/nvidia_entrypoint.sh"]\nCMD ["sh"]\n'
    return arm_built(engine, NAME, text, _fill)


def _fill(folder: Path) -> None:
    """What the base has: pip, its own torch, a constraint for that; and wheels to install from."""
    root = folder / "root"
    for name, content in {
        "etc/pip.conf": gallery.SETTINGS["etc/pip.conf"],
        "etc/pip/constraint.txt": "torch==2.8.0a0\n",
        "opt/nvidia/nvidia_entrypoint.sh": ENTRYPOINT,
        f"{PACKAGES}/torch/__init__.py": "__version__ = '2.8.0a0'\n",
        f"{PACKAGES}/torch-2.8.0a0.dist-info/METADATA": TORCH,
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    (root / "opt/nvidia/nvidia_entrypoint.sh").chmod(0o755)
    pip = Path(str(metadata.distribution("pip").locate_file("pip")))
    shutil.copytree(pip, root / PACKAGES / "pip")  # with its byte code: to compile is slow there
    gallery.download(root / "wheels", ["tqdm~=4.66"])

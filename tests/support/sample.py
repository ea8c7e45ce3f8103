"""The manifest of an image that nobody built: of a Python of its own for arm64, pushed."""

from __future__ import annotations

from fcx.parity.manifest import Manifest
from fcx.parity.snapshot import Interpreter

DIGEST = "registry.example#team/img@sha256:" + "0" * 64
PATH = "/opt/py/bin:/usr/local/bin:/usr/bin:/bin"


def python(version: str) -> Interpreter:
    """An interpreter of that version."""
    tag = "cpython-" + "".join(version.split(".")[:2])
    prefix = "/opt/py"
    return Interpreter("cpython", version, tag, "a7", f"{prefix}/bin/python3", prefix, prefix, 5)


MANIFEST = Manifest(
    name="img",
    architecture="arm64",
    python=python("3.11.7"),
    dill="0.4.1",
    distributions={"dill": "0.4.1"},
    recipe_id="r" * 64,
    build_id="b" * 64,
    tag="img:bbbbbbbbbbbb",
    repo_digest=DIGEST.replace("#", "/"),
    env={"PATH": PATH, "LD_LIBRARY_PATH": "/opt/lib"},
)

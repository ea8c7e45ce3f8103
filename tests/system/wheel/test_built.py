"""The distributions as they would go to the index: what is in them, and what the index's tools say."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from distributions import built
from places import REPOSITORY

import fcx

pytestmark = [pytest.mark.slow, pytest.mark.lasts(30)]

NAME = f"firecrest_fcx-{fcx.__version__}"
BROUGHT = {  # what `fcx init` lays out and `fcx demo` runs
    "fcx/containers/Dockerfile",
    "fcx/containers/requirements.txt",
    "fcx/examples/simple.py",
}
METADATA = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}
OF_A_SOURCE = (
    "PKG-INFO LICENSE README.md CHANGELOG.md CONTRIBUTING.md Makefile pyproject.toml fcx/py.typed "
    "docs/tutorial.md examples/simple.py edf/python.toml containers/Dockerfile "
    "containers/.dockerignore tests/conftest.py"
).split()
LEFTOVERS = ("__pycache__", ".pyc", ".venv/", ".sqsh", ".manifest.json", "_cache/", ".egg-info")


def test_what_goes_to_the_index(tmp_path: Path):
    """Both hold what they should and nothing else, pass its checks, and a wheel is of its sources."""
    source, wheel = built(tmp_path / "both")
    (again,) = built(tmp_path / "again", "--wheel")
    assert wheel.read_bytes() == again.read_bytes(), "it comes of the sdist as of the tree"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert len(names) == len(set(names))
    assert set(names) == modules() | BROUGHT | {f"{NAME}.dist-info/{name}" for name in METADATA}
    with tarfile.open(source) as archive:
        names = archive.getnames()
    assert {f"{NAME}/{name}" for name in (*modules(), *OF_A_SOURCE)} <= set(names)
    assert not [name for name in names if any(word in name for word in LEFTOVERS)]
    for tool in (("twine", "check", "--strict", source, wheel), ("check_wheel_contents", wheel)):
        done = subprocess.run(
            [sys.executable, "-m", *tool], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def modules() -> set[str]:
    """The files of the package in this repository."""
    found = (path for path in (REPOSITORY / "fcx").rglob("*") if path.is_file())
    return {str(path.relative_to(REPOSITORY)) for path in found if path.suffix != ".pyc"}

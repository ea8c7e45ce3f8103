"""The container engines of the local cluster, and images for them."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import dill
import pytest
from cluster.bases import bare_image, bare_root, interpreters, python_root
from contained import PATH

from fcx.local.process.engine import find_engine

BARE_ENV = "PATH=/usr/bin:/bin\nIN_IMAGE=yes\nBOTH=image\n# PATH=/comment\n"


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that other users can enter; pytest's own is private."""
    folder = Path(f"/tmp/fcx-engine-{os.getpid()}")
    folder.mkdir()
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def sqsh(place: Path) -> Path:
    """A minimal image as a file, in enroot's layout."""
    if not shutil.which("mksquashfs"):
        pytest.skip("no mksquashfs here: apt-get install squashfs-tools")
    root = place / "bare"
    bare_root(root)
    (root / "etc" / "environment").write_text(BARE_ENV)
    (root / "etc" / "build").write_text("build-17\n")
    image = place / "bare.sqsh"
    words = ["mksquashfs", str(root), str(image), "-quiet", "-no-progress", "-comp", "lzo"]
    subprocess.run(words, check=True, capture_output=True)
    return image


@pytest.fixture(scope="module")
def bwrap(place: Path) -> list[str]:
    """The engine with bubblewrap alone."""
    found = find_engine(place / "store", {"PATH": os.environ["PATH"]})
    if found is None or "--bwrap" not in found:
        pytest.skip("no bubblewrap here: apt-get install bubblewrap squashfs-tools")
    start = found.index("--bwrap")
    return [*found[: found.index("--store") + 2], *found[start : start + 2]]


@pytest.fixture
def edf(tmp_path: Path) -> Callable[[str], Path]:
    """Write an EDF."""

    def write(text: str) -> Path:
        path = tmp_path / "my env.toml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def dockerd(engine, tmp_path) -> list[str]:
    """The engine command with the tests' own Docker, and a bare image in it."""
    found = find_engine(tmp_path / "store", {"PATH": os.environ["PATH"], **engine.env})
    bare_image(engine)
    return found[: found.index("--docker-host") + 2]


@pytest.fixture(scope="module")
def python_tree(place: Path) -> Path:
    """A root with this interpreter's version of Python, dill, and a build id baked in."""
    version = platform.python_version()
    prefix = interpreters().get(version)
    if prefix is None:
        pytest.skip(f"no CPython {version} here that an image can be made of")
    root = place / "python"
    python_root(root, version, prefix)
    packages = root / "usr/local/lib" / f"python{version.rpartition('.')[0]}" / "site-packages"
    shutil.copytree(Path(dill.__file__).parent, packages / "dill")
    found = metadata.distribution("dill")._path
    shutil.copytree(found, packages / found.name)
    (root / "etc" / "build").write_text("build-23\n")
    (root / "etc" / "environment").write_text(f"PATH={PATH}\n")
    return root

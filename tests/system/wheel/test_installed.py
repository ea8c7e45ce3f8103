"""fcx from its wheel, in a fresh environment, an empty folder and an empty home."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import interpreters
import pytest
from cluster import bases
from cluster.engine import Engine
from distributions import Virtual, copy_of_the_repository, wheel_of

import fcx
from fcx.local import Environment, cluster

pytestmark = [pytest.mark.slow, pytest.mark.lasts(40)]

SUPPORTED = [version for version in interpreters.current() if version >= (3, 10)]
ENDS = sorted({SUPPORTED[0], SUPPORTED[-1]})
SCRIPT = """
from importlib import resources
import fcx
assert (resources.files("fcx") / "py.typed").is_file()
print(fcx.__version__, fcx.__file__, sorted(set(fcx.__all__) - set(dir(fcx))))
"""


@dataclass(frozen=True)
class Newcomer:
    """Somebody who has just installed it, and has nothing else."""

    virtual: Virtual
    home: Path
    folder: Path

    def does(self, *words: str, **variables: str) -> str:
        """What a command says on both channels; it must succeed."""
        done = self.virtual.run(*words, cwd=self.folder, HOME=str(self.home), **variables)
        return done.stdout + done.stderr


@pytest.fixture(params=ENDS, ids=lambda version: "{}.{}".format(*version))
def newcomer(request: pytest.FixtureRequest, tmp_path: Path) -> Newcomer:
    """With the wheel and what it needs, in an environment of the oldest and of the newest Python."""
    wheel = wheel_of(copy_of_the_repository(tmp_path / "sources"), tmp_path)
    virtual = Virtual.of(interpreters.found()[request.param], tmp_path / "environment")
    virtual.uv("install", str(wheel))
    for name in ("home", "project"):
        (tmp_path / name).mkdir()
    return Newcomer(virtual, tmp_path / "home", tmp_path / "project")


@pytest.fixture
def place(newcomer: Newcomer, engine: Engine) -> Iterator[Environment]:
    """A cluster that runs packed images, and a base for the image to be."""
    if not shutil.which("bwrap") or not shutil.which("mksquashfs"):
        pytest.skip("packed images need bubblewrap and squashfs-tools")
    with cluster(filesystems=[str(newcomer.home)]) as site:
        yield site


@pytest.mark.docker
def test_it_works_as_installed(newcomer: Newcomer, place: Environment, engine: Engine):
    """Without an extra what needs none; then the demo, and a project from nothing to its image there."""
    version, where, missing = newcomer.does("python", "-c", SCRIPT).split(maxsplit=2)
    assert (version, missing.strip()) == (fcx.__version__, "[]")
    assert str(newcomer.virtual.executable.parents[1]) in where
    for words in (("fcx", "--version"), ("python", "-m", "fcx", "--version")):
        assert fcx.__version__ in newcomer.does(*words)
    assert " up " in newcomer.does("fcx", "--help")
    newcomer.virtual.uv("install", f"firecrest-fcx[local]=={version}")
    demo = newcomer.does("fcx", "demo")
    assert "Success testing execution on" in demo
    assert "Let's compute squares of 2..4:  [4.0, 9.0, 16.0]" in demo
    assert not list(newcomer.folder.iterdir())
    newcomer.does("fcx", "init")
    set_base(newcomer, engine)
    done = newcomer.does("fcx", "up", **engine.env, **place)
    assert "preflight: " in done
    assert "refused" not in done


def set_base(newcomer: Newcomer, engine: Engine) -> None:
    """The Dockerfile's base as it stands here; and the environment's dill, which no index is asked for."""
    python = newcomer.virtual.python("-c", "import sys; print(*sys.version_info[:3], sep='.')")
    version = python.stdout.strip()
    base = bases.base_image(engine, version)
    packages = f"lib/python{version.rpartition('.')[0]}/site-packages"
    containers = newcomer.folder / "containers"
    for part in (newcomer.virtual.executable.parents[1] / packages).glob("dill*"):
        shutil.copytree(part, containers / "packages" / part.name)
    (containers / "Dockerfile").write_text(f"FROM {base}\nCOPY packages/ /usr/local/{packages}/\n")

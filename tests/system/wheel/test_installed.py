"""fcx from its wheel, in a fresh environment, an empty folder and an empty home."""

from __future__ import annotations

from pathlib import Path

import pytest
from distributions import Virtual, copy_of_the_repository, wheel_of

import fcx

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Virtual:
    """The wheel with what the local cluster needs, from the index that pip knows."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = wheel_of(copy_of_the_repository(folder / "sources"), folder)
    virtual = Virtual.make(folder / "environment")
    virtual.pip("install", f"{wheel}[local]")
    return virtual


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with nothing in it."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def test_the_demo_needs_no_repository(installed: Virtual, home: Path, tmp_path: Path):
    """The example runs on a cluster of this machine's own, and leaves the folder empty."""
    empty = tmp_path / "empty"
    empty.mkdir()
    done = installed.run("fcx", "demo", cwd=empty, HOME=str(home))
    assert "Success testing execution on" in done.stdout
    assert "Let's compute squares of 2..4:  [4.0, 9.0, 16.0]" in done.stdout
    assert "API requests made" in done.stderr
    assert not list(empty.iterdir())


def test_the_version_is_said(installed: Virtual):
    """By the command and by the module."""
    for said in (installed.run("fcx", "--version"), installed.python("-m", "fcx", "--version")):
        assert fcx.__version__ in said.stdout


def test_types_are_announced(installed: Virtual):
    """Checkers of types take the annotations of an installed fcx."""
    code = "from importlib import resources; print(resources.files('fcx') / 'py.typed')"
    assert Path(installed.python("-c", code).stdout.strip()).is_file()


def test_init_finds_its_templates(installed: Virtual, home: Path, tmp_path: Path):
    """`fcx init` lays out a project without the repository."""
    installed.run("fcx", "init", cwd=tmp_path, HOME=str(home))
    assert (tmp_path / "containers" / "Dockerfile").is_file()

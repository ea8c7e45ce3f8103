"""The command that installs fcx is right for each way in which a copy can have come."""

from __future__ import annotations

import os
import subprocess
import zipfile
from functools import partial
from pathlib import Path

import pytest
from distributions import Virtual, copy_of_the_repository, wheel_of
from places import REPOSITORY
from serving import serving

from fcx.image.wheel import fcx_wheel


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder, with a blank in its name, that fcx can be built from."""
    return copy_of_the_repository(tmp_path_factory.mktemp("sources") / "a folder")


@pytest.fixture(scope="module")
def wheel(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that goes to the index."""
    return wheel_of(sources, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def virtual(tmp_path_factory: pytest.TempPathFactory) -> Virtual:
    """An environment that can build; each test puts another copy of fcx into it."""
    made = Virtual.make(tmp_path_factory.mktemp("environment"))
    made.pip("install", "hatchling", "editables")
    return made


def hints(virtual: Virtual, *source: str) -> list[str]:
    """What the copy installed from there says, without and with an extra."""
    words = ("--force-reinstall", "--no-deps", "--no-build-isolation")
    virtual.pip("install", *words, *source)
    code = "from fcx.install import command; print(command()); print(command('local'))"
    return virtual.python("-c", code).stdout.splitlines()


def test_from_an_index(virtual: Virtual, wheel: Path):
    """By its name, which is not the name of the module."""
    found = hints(virtual, "--no-index", "--find-links", str(wheel.parent), "firecrest-fcx")
    assert found == ["pip install firecrest-fcx", "pip install 'firecrest-fcx[local]'"]


def test_from_a_wheel(virtual: Virtual, wheel: Path):
    """By the file, as long as it exists."""
    found = hints(virtual, str(wheel))
    assert found == [f"pip install {wheel}", f"pip install '{wheel}[local]'"]


def test_from_a_wheel_that_is_gone(virtual: Virtual, wheel: Path, tmp_path: Path):
    """By name: a path to nothing helps nobody."""
    copy = tmp_path / wheel.name
    copy.write_bytes(wheel.read_bytes())
    hints(virtual, str(copy))
    copy.unlink()
    done = virtual.python("-c", "from fcx.install import command; print(command())")
    assert done.stdout == "pip install firecrest-fcx\n"


@pytest.mark.parametrize("editable", [(), ("--editable",)], ids=["copied", "editable"])
def test_from_a_folder(virtual: Virtual, sources: Path, editable: tuple[str, ...]):
    """By the folder, quoted for the shell."""
    found = hints(virtual, *editable, str(sources))
    assert found == [f"pip install '{sources}'", f"pip install '{sources}[local]'"]


def test_from_a_url(virtual: Virtual, wheel: Path):
    """By the URL."""
    with serving(wheel.parent) as address:
        url = f"{address}/{wheel.name}"
        found = hints(virtual, url)
    assert found == [f"pip install {url}", f"pip install 'firecrest-fcx[local] @ {url}'"]


def test_from_a_repository(virtual: Virtual, tmp_path: Path):
    """By the repository, at the very commit."""
    sources = copy_of_the_repository(tmp_path / "repository")
    git = partial(subprocess.check_output, cwd=sources, text=True, env=no_git_settings())
    git(["git", "init", "--quiet"])
    git(["git", "add", "."])
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    git(["git", *who, "commit", "--quiet", "--message", "All of it"])
    commit = git(["git", "rev-parse", "HEAD"]).strip()
    url = f"git+{sources.as_uri()}"
    found = hints(virtual, url)
    assert found[0] == f"pip install {url}@{commit}"
    assert found[1] == f"pip install 'firecrest-fcx[local] @ {url}@{commit}'"


def no_git_settings() -> dict[str, str]:
    """The environment in which git reads no file of this machine's users."""
    nothing = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    return {**os.environ, **nothing}


def test_a_checkout_that_is_not_installed(sources: Path):
    """By its folder, even where another copy is installed in the environment."""
    code = "from fcx.install import command; print(command())"
    done = Virtual.current().python("-c", code, PYTHONPATH=str(sources))
    assert done.stdout == f"pip install '{sources}'\n"


def test_both_wheels_hold_the_same(wheel: Path, tmp_path: Path):
    """What `fcx image build` puts into the image is what the index has, typed and with the demo."""
    name, content = fcx_wheel()
    assert name == wheel.name
    (tmp_path / name).write_bytes(content)
    here, there = (
        {member for member in zipfile.ZipFile(path).namelist() if member.startswith("fcx/")}
        for path in (wheel, tmp_path / name)
    )
    assert here == there
    assert {"fcx/py.typed", "fcx/examples/simple.py", "fcx/containers/Dockerfile"} <= here


def test_no_file_names_the_other_project():
    """On the index `fcx` is somebody else's: nothing tells anybody to install it."""
    wrong = ("pip install " + "fcx", "pip install '" + "fcx", "--quiet " + "fcx")
    texts = {
        path: path.read_text(encoding="utf-8")
        for folder in ("fcx", "examples", "docs", "containers", "tests", ".github")
        for path in (REPOSITORY / folder).rglob("*")
        if path.suffix in {".py", ".md", ".yml", ".toml", ".txt", ""} and path.is_file()
    }
    texts |= {
        path: path.read_text(encoding="utf-8") for path in REPOSITORY.glob("*.*") if path.is_file()
    }
    assert not [path for path, text in texts.items() if any(word in text for word in wrong)]

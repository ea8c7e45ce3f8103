"""What is installed remotely changes behind a verdict: no task runs with what it was not judged by.

The client and the remote side have the same made-up package; then somebody installs another version
of it there, or removes it.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from parity.images import TINY, put_package

from fcx import FirecrestExecutor
from fcx.errors import ParityError
from fcx.local import Environment

pytestmark = pytest.mark.slow

WAIT = 120.0


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Installs a version at the remote side; an empty one removes it. The client has 1.2.0."""
    mine, theirs = tmp_path / "mine" / "site-packages", tmp_path / "theirs" / "site-packages"
    put_package(mine, TINY, "1.2.0")
    monkeypatch.syspath_prepend(str(mine))
    monkeypatch.setenv("FCX_STATE_DIR", str(tmp_path / "state"))
    launcher = tmp_path / "python"
    before = tmp_path / "before"
    before.mkdir()
    launcher.write_text(
        f'#!/bin/sh\nexport PYTHONPATH={before}:{theirs}\nexec {sys.executable} "$@"\n'
    )
    launcher.chmod(0o755)
    importlib.invalidate_caches()

    def install(version: str) -> None:
        shutil.rmtree(theirs, ignore_errors=True)
        theirs.mkdir(parents=True)
        if version:
            put_package(theirs, TINY, version)

    install("1.2.0")
    yield install
    sys.modules.pop(TINY, None)


@pytest.fixture
def executor(tmp_path: Path, site: Environment) -> Callable[[], Any]:
    """Executors of one client, which remembers what earlier ones were told."""
    work = tmp_path / "work"
    work.mkdir()
    chosen = {"sleep_interval": 1, "idle_timeout": 60.0, "max_workers": 1, "parity": "minor"}
    python = str(tmp_path / "python")
    return lambda: FirecrestExecutor(work, ["--time=00:05:00"], env=site, python=python, **chosen)


def uses() -> tuple[str, int]:
    """The version that is imported, and by which process."""
    import tiny_for_parity

    return tiny_for_parity.version(), os.getpid()


def by_reference(function: Callable[[], str]) -> str:
    """What a function of the package says, which is pickled by its name."""
    return function()


def other() -> int:
    """Refers to nothing that could drift."""
    return os.getpid()


def test_behind_a_remembered_verdict(remote, executor):
    """Those that rely on it are refused by what there is now; others of the run are not."""
    with executor() as first:
        assert first.submit(uses).result(WAIT)[0] == "1.2.0"
    remote("1.3.0")
    tiny = importlib.import_module(TINY)
    with executor() as second:
        assert second.preflight().passed  # as it is remembered
        futures = [second.submit(uses) for _ in range(20)]
        fine, named = second.submit(other), second.submit(by_reference, tiny.version)
        for future in (*futures, named):
            error = future.exception(WAIT)
            assert isinstance(error, ParityError)
            assert "1.2.0" in str(error)
            assert "1.3.0" in str(error)
        assert fine.result(WAIT)
        with pytest.raises(ParityError, match=r"1\.3\.0"):  # by now that is known at once
            second.submit(uses)
    remote("1.2.0")
    with executor() as third:
        assert third.submit(uses).result(WAIT)[0] == "1.2.0"


def test_under_a_living_pilot(remote, executor):
    """What passes goes out again, to a process that has not imported what was there before."""
    with executor() as running:
        version, process = running.submit(uses).result(WAIT)
        assert version == "1.2.0"
        assert running.submit(other).result(WAIT) == process
        remote("1.2.1")
        version, another = running.submit(uses).result(WAIT)
        assert version == "1.2.1"
        assert another != process
        remote("")
        refused = running.submit(uses).exception(WAIT)
        assert isinstance(refused, ParityError)
        assert f"{TINY.replace('_', '-')} 1.2.0" in str(refused)
        assert running.submit(other).result(WAIT)


def install_then(folder: str, version: str) -> str:
    """Somebody installs another release while a portion is under way; the metadata come last."""
    (info,) = Path(folder).glob(f"{TINY}-*.dist-info")
    shutil.rmtree(info)
    new = info.with_name(f"{TINY}-{version}.dist-info")
    new.mkdir()
    record = f"{TINY}/__init__.py,,\n{new.name}/METADATA,,\n"
    (Path(folder) / TINY / "__init__.py").write_text(f"def version():\n    return {version!r}\n")
    (new / "RECORD").write_text(record)
    (new / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {TINY}\nVersion: {version}\n")
    return version


@pytest.mark.parametrize("version", ["1.2.1", "1.3.0"])
def test_in_the_middle_of_a_portion(remote, executor, tmp_path, version):
    """Tasks that were claimed together before: they run with what passes, or not at all."""
    theirs = str(tmp_path / "theirs" / "site-packages")
    with executor() as running:
        assert running.submit(uses).result(WAIT)[0] == "1.2.0"
        middle = [running.submit(uses), running.submit(install_then, theirs, version)]
        later = [running.submit(uses) for _ in range(60)]
        fine = [running.submit(other) for _ in range(5)]
        assert middle[0].result(WAIT)[0] == "1.2.0"
        assert middle[1].result(WAIT) == version
        for future in later:
            if version == "1.2.1":
                assert future.result(WAIT)[0] == version
            else:
                assert isinstance(future.exception(WAIT), ParityError)
        assert all(future.result(WAIT) for future in fine)


def shadowed(tmp_path: Path) -> Path:
    """A file of the module's name that is found before its distribution."""
    file = tmp_path / "before" / f"{TINY}.py"
    file.write_text("def version():\n    return '9.9.9'\n")
    return file


def gone(tmp_path: Path) -> Path:
    """The module's file, which somebody has removed under its metadata."""
    file = tmp_path / "theirs" / "site-packages" / TINY / "__init__.py"
    file.rename(file.with_name("kept"))
    return file


@pytest.mark.parametrize("living", [True, False])
@pytest.mark.parametrize(("spoil", "told"), [(shadowed, f"{TINY} of"), (gone, "without it")])
def test_what_a_version_does_not_tell(remote, executor, tmp_path, spoil, told, living):
    """Refused with where it is, behind a remembered verdict and under a living pilot.

    Once the remote side is repaired and looked at anew, by whomever, the executor goes on.
    """
    with executor() as first:
        assert first.submit(uses).result(WAIT)[0] == "1.2.0"
        file = spoil(tmp_path) if living else None
        with executor() if not living else first as running:
            file = file or spoil(tmp_path)
            error = running.submit(uses).exception(WAIT)
            assert isinstance(error, ParityError)
            assert told in str(error)
            assert running.submit(other).result(WAIT)
            with pytest.raises(ParityError):
                running.submit(uses)
            file.unlink() if spoil is shadowed else file.with_name("kept").rename(file)
            with pytest.raises(ParityError):  # nobody has looked since
                running.submit(uses)
            asked = running if living else executor()
            assert asked.preflight(fresh=True).passed
            assert running.submit(uses).result(WAIT)[0] == "1.2.0"


def test_a_fresh_preflight_that_is_refused_holds_for_the_executor(remote, executor, tmp_path):
    """Nothing is submitted to a place that is known not to pass."""
    with executor() as running:
        assert running.submit(uses).result(WAIT)[0] == "1.2.0"
        dill = tmp_path / "before" / "dill.py"
        dill.write_text("__version__ = '0.0.1'\n")
        assert not running.preflight(fresh=True).passed
        with pytest.raises(ParityError, match="dill"):
            running.submit(other)
        dill.unlink()
        assert running.preflight(fresh=True).passed
        assert running.submit(uses).result(WAIT)[0] == "1.2.0"

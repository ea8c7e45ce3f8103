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
    launcher.write_text(f'#!/bin/sh\nexport PYTHONPATH={theirs}\nexec {sys.executable} "$@"\n')
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

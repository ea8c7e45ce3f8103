"""Locks that let one process at a time at something."""

from __future__ import annotations

import errno
import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from fcx.state.turn import turn

HOLDS = """
import pathlib, sys, time
from fcx.state.turn import turn
with turn(pathlib.Path(sys.argv[1]), lambda: print("waits", flush=True)):
    print("has it", flush=True)
    time.sleep(600)
"""


def holding(path: Path) -> subprocess.Popen[str]:
    """Another process, which does not let go of it by itself."""
    words = [sys.executable, "-c", HOLDS, str(path)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def handed_over(path: Path) -> None:
    """From this process, by letting go of it, to another that waits."""
    with turn(path, pytest.fail):
        second = holding(path)
        assert said(second) == "waits"
    try:
        assert said(second) == "has it"
        assert path.exists()
    finally:
        second.kill()
        second.communicate()


def test_one_after_the_other(tmp_path: Path):
    """The second says once that it waits, and has its turn when the first is gone, however."""
    path = tmp_path / "edf/.thing.lock"
    first = holding(path)
    assert said(first) == "has it"
    second = holding(path)
    try:
        assert said(second) == "waits"
        first.kill()
        assert said(second) == "has it"
    finally:
        for one in (first, second):
            one.kill()
            one.communicate()


def test_nothing_is_left(tmp_path: Path):
    """The project's folder is as it was, and nobody had to wait."""
    path = tmp_path / ".thing.lock"
    for _ in range(2):
        with turn(path, pytest.fail):
            assert path.exists()
        assert not path.exists()


def test_a_folder_of_its_own_goes_with_it(tmp_path: Path):
    """Unless it was there before, or something lies in it now; who waits makes it again."""
    path = tmp_path / "edf/.thing.lock"
    handed_over(path)
    path.unlink()
    with turn(path, pytest.fail):
        pass
    assert path.parent.is_dir()
    path.parent.rmdir()
    with turn(path, pytest.fail):
        pass
    assert not path.parent.exists()
    with turn(path, pytest.fail):
        (path.parent / "thing.toml").touch()
    assert [each.name for each in path.parent.iterdir()] == ["thing.toml"]


def test_who_waited_for_a_file_that_went_takes_the_next(tmp_path: Path):
    """Else a third, who makes a new one, would be at it beside the second."""
    path = tmp_path / ".thing.lock"
    handed_over(path)


def test_without_a_place_and_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """All goes on as if there were none."""
    ran = []
    (tmp_path / "file").touch()
    with turn(tmp_path / "file/edf/.thing.lock", pytest.fail):
        ran.append(1)

    def none(fd: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with turn(tmp_path / ".thing.lock", pytest.fail):
        ran.append(2)
    assert ran == [1, 2]

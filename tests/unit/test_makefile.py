"""What `make` takes its time for: somebody who only wants to see it run does not wait for the tests' tools."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from places import REPOSITORY


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh one, as far as make looks."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    return tmp_path


def planned(clone: Path, target: str) -> str:
    """What make would do."""
    command = ["make", "--dry-run", target]
    done = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("target", ["demo", "up", "image", "ship", "edf", "preflight"])
def test_commands_take_fcx_alone(clone: Path, target: str):
    """And are not installed again where the work on fcx has them."""
    plan = planned(clone, target)
    assert "--editable '.[local]'" in plan
    assert "--group" not in plan
    assert "--quiet" not in plan, "nobody looks at an empty screen"
    (clone / ".venv").mkdir()
    for stamp in (".ready", ".installed"):
        (clone / ".venv" / stamp).touch()
    assert "pip" not in planned(clone, target)


def test_tests_take_their_tools(clone: Path):
    """Also after a demo."""
    (clone / ".venv").mkdir()
    (clone / ".venv/.installed").touch()
    assert "--group dev" in planned(clone, "test")

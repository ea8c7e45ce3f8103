"""What runs on the cluster keeps to the syntax of Python 3.6, so that an old one is refused in words."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest
from interpreters import found
from places import PACKAGE

FILES = sorted(path for room in ("remote", "protocol") for path in (PACKAGE / room).rglob("*.py"))
FILES.append(PACKAGE / "image/imports.py")  # which runs in an image that has just been built
FILES.append(PACKAGE / "jobscript/rank.py")  # which runs in each rank that is tried
PYTHONS = {version: python for version, python in found().items() if version >= (3, 6)}
COMPILE = "import sys; [compile(open(p, 'rb').read(), p, 'exec') for p in sys.argv[1:]]"


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_grammar_of_3_6(path: Path):
    """As this Python knows it."""
    ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 6))


@pytest.mark.parametrize("version", PYTHONS, ids=lambda version: "{}.{}".format(*version))
def test_real_interpreters_compile_them(version: tuple[int, int]):
    """Those of this machine; CI has a 3.6."""
    command = [PYTHONS[version], "-I", "-c", COMPILE, *map(str, FILES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

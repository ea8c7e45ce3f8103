"""The Pythons of this machine: the running one, and those that pyenv has."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

OLDEST = (3, 8)  # that tasks run on


@cache
def found() -> dict[tuple[int, int], str]:
    """Version -> path."""
    root = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    pythons = {sys.version_info[:2]: sys.executable}
    for path in sorted(root.glob("versions/*/bin/python")):
        code = "import sys; sys.stdout.write('%d %d' % sys.version_info[:2])"
        said = subprocess.run([path, "-c", code], capture_output=True, text=True, check=True)
        major, minor = map(int, said.stdout.split())
        pythons.setdefault((major, minor), str(path))
    return pythons


def current() -> list[tuple[int, int]]:
    """Those that tasks run on."""
    return sorted(version for version in found() if version >= OLDEST)


def old() -> list[str]:
    """Those that are refused in words."""
    return [path for version, path in sorted(found().items()) if version < OLDEST]


def with_dill(folder: Path) -> str:
    """A PYTHONPATH with this environment's dill and nothing else."""
    import dill

    (folder / "dill").symlink_to(Path(dill.__file__).parent)
    return str(folder)

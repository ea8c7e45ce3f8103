"""fcx as users get it: built, and installed into environments of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from places import REPOSITORY
from uv import find_uv_bin

from fcx.venv.indexes import for_uv

PARTS = ("fcx", "containers", "examples", "pyproject.toml", "README.md", "LICENSE")
PLAIN_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Virtual:
    """A virtual environment, at whose Python no setting of the caller's own arrives."""

    executable: Path
    alone: bool = False  # whether its programs get no variable but those that they are given

    @classmethod
    def make(cls, folder: Path) -> Virtual:
        """A fresh one, without pip: that of the caller fills it."""
        venv.create(folder, symlinks=True)
        return cls(folder / "bin" / "python")

    @classmethod
    def of(cls, interpreter: str, folder: Path) -> Virtual:
        """A fresh one of another Python, whose programs find nothing of the caller's."""
        command = [interpreter, "-m", "venv", "--without-pip", folder]
        subprocess.run(command, check=True)
        return cls(folder / "bin" / "python", alone=True)

    @classmethod
    def current(cls) -> Virtual:
        """The one that runs the tests."""
        return cls(Path(sys.executable))

    def pip(self, *words: str) -> None:
        """Run the caller's pip on it."""
        quiet = ("--quiet", "--disable-pip-version-check", "--python", str(self.executable))
        command = [sys.executable, "-m", "pip", *quiet, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def uv(self, *words: str) -> None:
        """Run uv's pip on it, which finds what the caller's pip does and takes a tenth of the time."""
        env = {**os.environ, **for_uv(os.environ, Path(sys.prefix))}
        command = [find_uv_bin(), "--quiet", "pip", *words, "--python", str(self.executable)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def python(
        self, *words: str, cwd: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run its Python there, with these variables over the caller's."""
        return self.run(self.executable, *words, cwd=cwd, **variables)

    def run(
        self, program: str | Path, *words: str, cwd: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run one of its programs, and return what it said; it must succeed."""
        dropped = ("PYTHON", "FIRECREST", "FCX_")
        own = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
        programs = self.executable.parent
        command = [str(programs / program), *words]
        done = subprocess.run(
            command,
            env={**({"PATH": f"{programs}:{PLAIN_PATH}"} if self.alone else own), **variables},
            cwd=cwd or programs,  # not the repository, which has a folder `fcx`
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done


def copy_of_the_repository(folder: Path) -> Path:
    """What a distribution is built from, without caches."""
    folder.mkdir()
    for name in PARTS:
        source = REPOSITORY / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    return folder


def wheel_of(sources: Path, folder: Path) -> Path:
    """Build the wheel as the index gets it, with the build backend that is installed."""
    quiet = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation")
    command = [sys.executable, "-m", "pip", "wheel", *quiet, "--wheel-dir", str(folder)]
    subprocess.run([*command, str(sources)], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def built(folder: Path, *options: str) -> list[Path]:
    """What `python -m build` makes of the repository, the sdist before the wheel that it makes of it."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), *options]
    done = subprocess.run([*command, REPOSITORY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return sorted(folder.iterdir(), key=lambda path: path.suffix != ".gz")

"""uv, where it is in PATH, or pip: puts distributions into an environment, and takes them out.

Each release is named by the image, so that nothing is resolved (``--no-deps``). What cannot be had
is found by halving: the rest is put in all the same.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ..errors import VenvError
from .indexes import Indexes, for_uv
from .interpreters import Python, uv
from .plan import Change

_ANEW = ("--force-reinstall", "--no-cache-dir")
"""What is there does not count, nor a cache: uv links its files, and what harmed one harmed both."""
_DROPPED = re.compile("PYTHON|VIRTUAL_ENV|CONDA_PREFIX|PIP_(TARGET|PREFIX|ROOT|USER|PYTHON)$")
_ELSEWHERE = re.compile(
    r"Retrying \(Retry|NewConnectionError|NameResolution|error sending request|dns error"
    r"|Network is unreachable|timed out|certificate verify failed|SSLError|No space left",
    re.IGNORECASE,
)
_SAID = re.compile(r"^\s*(?:ERROR|error|cause): (.+)", re.MULTILINE)


@dataclass(frozen=True)
class Installer:
    """The command, up to its verb, and the words that name the environment."""

    command: tuple[str, ...]
    place: tuple[str, ...]
    env: dict[str, str]

    @classmethod
    def of(cls, python: Path, indexes: Indexes, *, has_pip: bool) -> Installer:
        """For the environment of an interpreter; where that has no pip, by the pip of fcx's own.

        ``indexes`` go before what the tools were told themselves. Raises VenvError where there is neither.
        """
        env = {name: value for name, value in os.environ.items() if not _DROPPED.match(name)}
        env |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_USER": "0"}
        if uv():
            told = {**env, **for_uv(env, python.parents[1])}
            return cls((uv(), "pip"), ("--python", str(python)), indexes.over(told))
        env = indexes.over(env)
        if has_pip:
            return cls((str(python), "-m", "pip"), (), env)
        if find_spec("pip") is None:
            raise VenvError(
                f"Nothing here installs into {python}: there is no uv in PATH, and neither that "
                f"environment nor fcx's own has a pip. `{python} -m ensurepip` may put one there."
            )
        return cls((sys.executable, "-m", "pip", "--python", str(python)), (), env)

    def install(self, changes: Sequence[Change]) -> list[tuple[Change, str]]:
        """Put releases in; those that cannot be had, and why. Raises VenvError for an outage."""
        damaged = [change for change in changes if change.damaged]
        fresh = [change for change in changes if not change.damaged]
        return self._halved(fresh) + self._halved(damaged, *_ANEW)

    def _halved(self, changes: Sequence[Change], *options: str) -> list[tuple[Change, str]]:
        if not changes:
            return []
        why = self._try([change.requirement for change in changes], "--no-deps", *options)
        if not why:
            return []
        if len(changes) == 1:
            return [(changes[0], why)]
        half = len(changes) // 2
        return self._halved(changes[:half], *options) + self._halved(changes[half:], *options)

    def install_with_needs(self, wanted: Sequence[str], pins: Sequence[str], *more: str) -> str:
        """Put something in with all that it needs, under constraints; why it cannot be."""
        with _file(pins) as constraints:
            return self._try(list(wanted), "--constraint", constraints, *more)

    def remove(self, names: Sequence[str]) -> None:
        """Take distributions out. Raises VenvError."""
        if names:
            yes = () if uv() else ("--yes",)
            why = self._run("uninstall", *yes, *names)
            if why:
                raise VenvError(f"{', '.join(names)} cannot be removed: {why}")

    def complaints(self) -> list[str]:
        """What does not go together, in the tool's words; in an image that is the image's doing."""
        done = self._ran("check")
        lines = f"{done.stdout}\n{done.stderr}".splitlines()
        found = (line.strip() for line in lines if re.search("require|incompatible", line))
        return list(found) if done.returncode else []

    def _try(self, lines: list[str], *options: str) -> str:
        with _file(lines) as wanted:
            return self._run("install", *options, "--requirement", wanted)

    def _run(self, verb: str, *words: str) -> str:
        """Nothing, or why it failed. Raises VenvError for what would befall any other, too."""
        done = self._ran(verb, *words)
        if done.returncode == 0:
            return ""
        told = done.stderr or done.stdout
        said: list[str] = _SAID.findall(told) or [told.strip()[-300:]]
        why = said[-1].strip().rstrip(".")
        if _ELSEWHERE.search(told):
            raise VenvError(
                f"The index of distributions does not answer, or there is no room: {why}. What was "
                "done so far stays; once that is repaired, the same command goes on."
            )
        return why

    def _ran(self, verb: str, *words: str) -> subprocess.CompletedProcess[str]:
        command = [*self.command, verb, *self.place, *words]
        try:
            return subprocess.run(
                command, env=self.env, capture_output=True, text=True, check=False
            )
        except OSError as error:
            raise VenvError(f"{command[0]} does not run: {error.strerror}") from error


@contextmanager
def _file(lines: Sequence[str]) -> Iterator[str]:
    """The path of a file with these lines."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write("\n".join([*lines, ""]))
        file.flush()
        yield file.name


def make(folder: Path, python: Python) -> None:
    """An environment of that Python in a folder, which may have a file in it. Raises VenvError."""
    command = [str(python.executable), "-m", "venv", str(folder)]
    if uv():
        options = ("--quiet", "--no-project", "--no-python-downloads", "--allow-existing")
        command = [uv(), "venv", *options, "--python", str(python.executable), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        words = " ".join(f"{done.stdout}\n{done.stderr}".split())[:400]
        raise VenvError(
            f"{python.executable} makes no environment in {folder}: {words} (On Debian the package "
            f"python{'.'.join(python.version.split('.')[:2])}-venv has what is missing; with uv in "
            "PATH it is not needed.)"
        )

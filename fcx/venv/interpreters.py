"""The Pythons of this machine: by pyenv, by uv, in PATH, or the one that runs fcx.

The patch of the image where it can be had, else the newest of the same minor version, which parity
takes. uv may fetch one, in seconds; pyenv compiles, for minutes, and so only where it is asked to.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError, VenvError

_ASKED = (
    "import sys; print(sys.implementation.name, '%d.%d.%d' % sys.version_info[:3] + sys.abiflags, "
    "getattr(sys, '_base_executable', sys.executable), sep='\\n')"
)
FIND = ("python", "find", "--system", "--no-project", "--no-python-downloads")
ANSWERING = 20.0  # seconds that an interpreter may take to say what it is


@dataclass(frozen=True)
class Python:
    """An interpreter, and who has it; ``version`` ends in ``t`` where it is free-threaded."""

    executable: Path
    version: str
    by: str


def find_python(version: str, *, fetch: bool, compile_it: bool = False) -> Python:
    """A CPython of that version, else of its minor version. Raises VenvError without one.

    ``version`` as pyenv and uv spell it: ``3.13.0t`` is free-threaded. ``fetch``: let uv download
    it. ``compile_it``: let pyenv install it.
    """
    found = list(_candidates(version))
    exact = next((one for one in found if one.version == version), None)
    if exact is None and compile_it:
        _run([_pyenv(), "install", "--skip-existing", version], shown=True)
        exact = _seen(_pyenv_root() / "versions" / version / "bin/python", "pyenv")
    if exact is None and fetch:
        exact = _fetched(version)
    if exact is None and not found:
        raise VenvError(_missing(version))
    return exact or max(found, key=lambda one: likeness(one.version, version))


def likeness(version: str, wanted: str) -> tuple[bool, list[int]]:
    """First whether it is built alike, then how new it is."""
    numbers = [int(part) for part in re.findall(r"\d+", version)]
    return version.strip("0123456789.") == wanted.strip("0123456789."), numbers


def _candidates(version: str) -> Iterator[Python]:
    """Those of the minor version, each once."""
    minor, seen = minor_of(version), set()
    for path, by in _places(version):
        real = path.resolve()
        if real in seen:
            continue
        seen.add(real)
        one = _seen(path, by)
        if one is not None and minor_of(one.version) == minor:
            yield one


def _places(version: str) -> Iterator[tuple[Path, str]]:
    minor = minor_of(version)
    for path in sorted((_pyenv_root() / "versions").glob(f"{minor}*/bin/python")):
        yield path, "pyenv"
    for wanted in (version, minor):
        told = _uv(*FIND, wanted)
        if told:
            yield Path(told), "uv"
    for folder in _path():
        for name in (f"python{minor}", f"python{minor}t"):
            yield Path(folder, name), "PATH"
    yield Path(sys.base_prefix, f"bin/python{minor}"), "the Python that runs fcx"


def _seen(path: Path, by: str) -> Python | None:
    """What an interpreter says that it is; None if it is no CPython, or does not run.

    Of an environment's, the one that it was made of: the environment may be about to go.
    """
    if not path.is_file():
        return None
    try:
        said = _run([str(path), "-I", "-c", _ASKED], seconds=ANSWERING).splitlines()
    except VenvError:
        return None
    known = said[:1] == ["cpython"] and len(said) == 3
    return Python(Path(said[2]), said[1], by) if known else None


def _fetched(version: str) -> Python | None:
    """The same from those who build them for uv; None where it has none, or may not."""
    if _uv("python", "install", version) is None:
        return None
    told = _uv(*FIND, version)
    return _seen(Path(told), "uv") if told else None


def uv() -> str:
    """Where uv is; empty without it."""
    return shutil.which("uv") or ""


def _uv(*words: str) -> str | None:
    """What uv answers, None where it has no answer."""
    if not uv():
        return None
    try:
        return _run([uv(), *words])
    except VenvError:
        return None


def _pyenv() -> str:
    found = shutil.which("pyenv") or _pyenv_root() / "bin/pyenv"
    if not Path(found).is_file():
        raise UsageError("--install-python needs pyenv, and there is none: leave it out.")
    return str(found)


def _pyenv_root() -> Path:
    return Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()


def _path() -> list[str]:
    """The folders of PATH without pyenv's stand-ins, which fail where their Python is not set."""
    shims = str(_pyenv_root() / "shims")
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return [folder for folder in folders if folder and folder.rstrip("/") != shims]


def _run(command: list[str], *, shown: bool = False, seconds: float | None = None) -> str:
    """What a program prints. Raises VenvError with its words where it fails."""
    env = {**os.environ, "PATH": os.pathsep.join(_path())}
    output = None if shown else subprocess.PIPE
    try:
        done = subprocess.run(
            command, env=env, stdout=output, stderr=output, text=True, check=False, timeout=seconds
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise VenvError(f"{command[0]} does not run: {error}") from error
    if done.returncode:
        words = "it says why above" if shown else done.stderr.strip()
        raise VenvError(f"{' '.join(command)} failed: {words}.")
    return (done.stdout or "").strip()


def minor_of(version: str) -> str:
    """``3.12`` of ``3.12.1``."""
    return ".".join(re.findall(r"\d+", version)[:2])


def _missing(version: str) -> str:
    return (
        f"This machine has no Python {minor_of(version)}, which the image has: neither pyenv, nor "
        f"uv, nor PATH. Install uv (https://docs.astral.sh/uv/), which fetches it, or Python "
        f"{version} itself; where there is a pyenv, --install-python has it compile that."
    )

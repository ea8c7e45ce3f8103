"""Files of this machine: written whole or not at all, and where fcx keeps which.

The files of an image share its plain name: ``edf/img.manifest.json`` beside ``edf/img.toml``,
which is the user's, and ``edf/img-generated.toml``, which is fcx's own.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import StateError, UsageError

CONFIG_NAME = "fcx.toml"
EDF_FOLDER = "edf"
"""Folder of a project that holds its EDFs and the manifests of their images."""

LEFT_BEHIND = 86400.0
"""Seconds after which what a process of ours has not removed is nobody's any more."""

_MANIFEST = ".manifest.json"
_GENERATED = "-generated"


def state_folder() -> Path:
    """Where fcx keeps its state on this machine; ``FCX_STATE_DIR`` moves it. Raises StateError."""
    given = os.environ.get("FCX_STATE_DIR")
    if given:
        return Path(given)
    import platformdirs

    folder = None
    with suppress(RuntimeError):  # that it knows no home; older ones give "~" back
        folder = platformdirs.user_state_path("fcx")
    if folder is None or not folder.is_absolute():
        raise StateError(
            "Nothing can be remembered on this machine: its user has no home directory and HOME is "
            "not set. Set it, or name a folder with FCX_STATE_DIR."
        )
    return folder


def kept(name: str, key: str, make: Callable[[], bytes]) -> bytes:
    """What ``make`` gives, which depends on ``key`` alone, from the state folder if it is there.

    Whatever stands in the way costs no more than the time to make it. A file that others may write,
    or that is damaged, is made anew.
    """
    try:
        path = state_folder() / name
    except StateError:
        return make()
    head, _, found = _own(path).partition(b"\n")
    if head == _head(key, found):
        return found
    made = make()
    with suppress(OSError, UsageError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, _head(key, made) + b"\n" + made, mode=0o600)
    return made


def _head(key: str, data: bytes) -> bytes:
    """The line before what is kept."""
    return f"{key} {hashlib.sha256(data).hexdigest()}".encode()


def _own(path: Path) -> bytes:
    """The content of a file that is ours alone; nothing of any other."""
    with suppress(OSError), path.open("rb") as file:
        found = os.fstat(file.fileno())
        if found.st_uid == os.geteuid() and not found.st_mode & 0o022:
            return file.read()
    return b""


def project_root(start: Path | None = None) -> Path:
    """The nearest folder at or above ``start`` (default: cwd) with an fcx.toml, else ``start``."""
    first = (start or Path.cwd()).resolve()
    folders = (first, *first.parents)
    return next((folder for folder in folders if (folder / CONFIG_NAME).is_file()), first)


def plain_name(image: str) -> str:
    """``img`` of ``registry.example.org:5000/team/img:1.0``: what the image's files are called.

    Upper case stays: an adopted image is called as its user calls it.
    """
    name = re.split("[/#]", image.partition("@")[0])[-1].partition(":")[0]
    if not name:
        raise UsageError(f"{image!r} names no image; write NAME, TEAM/NAME or REGISTRY/NAME:TAG.")
    return name


def manifest_path(image: str, folder: Path) -> Path:
    """Where the manifest of an image of this name is kept in ``folder``."""
    return folder / f"{plain_name(image)}{_MANIFEST}"


def edf_path(image: str, folder: Path) -> Path:
    """Where the EDF of an image of this name is kept in ``folder``: beside its manifest."""
    return folder / f"{plain_name(image)}.toml"


def generated_edf(edf: str | os.PathLike[str]) -> Path:
    """The EDF of fcx's own that belongs to a user's, beside it. No dot: engines cut names there."""
    path = Path(edf)
    return path.with_name(f"{path.name.removesuffix('.toml')}{_GENERATED}.toml")


def manifest_of_edf(edf: str | os.PathLike[str]) -> Path | None:
    """The manifest that lies beside an EDF's file, the user's or fcx's own; None without one."""
    path = Path(edf)
    name = path.name.removesuffix(".toml")
    names = dict.fromkeys((name, name.removesuffix(_GENERATED))) if path.name else {}
    found = (path.with_name(name + _MANIFEST) for name in names)
    return next((beside for beside in found if beside.is_file()), None)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name to write to, beside ``path``; at the end it takes its place, or goes without a trace.

    Raises UsageError, with the path and the reason, for what the system refuses.
    """
    partial = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}. Give its folder room and the rights to "
            "write there, or name another place."
        ) from error


def remove_partials(path: Path) -> None:
    """Remove what killed processes have left of writing ``path``; what can stay may stay."""
    name = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.tmp")
    with suppress(OSError):
        for one in path.parent.iterdir():
            if name.fullmatch(one.name) and time.time() - one.lstat().st_mtime > LEFT_BEHIND:
                one.unlink()


def write_whole(path: Path, content: str | bytes, *, mode: int = 0o666) -> None:
    """Write a file that nobody ever sees half of; ``mode`` as for ``open``, so the umask counts."""
    data = content.encode() if isinstance(content, str) else content
    with replacing(path) as partial:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)

"""Where modules live, which of them are the user's own, and the files that belong to them."""

from __future__ import annotations

import importlib.util
import os
import sys
import sysconfig
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, PathFinder
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

MAX_FILES = 20_000

_NOBODYS = {"__main__", "__mp_main__", "builtins"}

_SKIPPED_FOLDERS = {"__pycache__", "node_modules", "venv"}
_SKIPPED_SUFFIXES = (".pyc", ".pyo", ".DS_Store", ".egg-info", ".dist-info")


@dataclass(frozen=True, order=True)
class File:
    """One file of a shipped module: its name in the archive, and where its bytes are."""

    name: str
    path: str
    member: str = ""  # of the zip at ``path``; empty: ``path`` itself

    def read(self) -> bytes:
        """The file's bytes. Raises OSError or KeyError if it went away."""
        if not self.member:
            return Path(self.path).read_bytes()
        with zipfile.ZipFile(self.path) as archive:
            return archive.read(self.member)

    def stamp(self) -> tuple[str, int, int]:
        """What changes when the file does: name, size, time of the last write."""
        try:
            found = os.stat(self.path)  # noqa: PTH116 - a thousand of these per look
        except OSError:
            return (self.name, -1, -1)
        return (self.name, found.st_size, found.st_mtime_ns)


def is_users_own(top: str) -> bool:
    """Whether a top-level module lives outside the standard library and all site-packages."""
    return bool(own_places(top))


def own_places(top: str) -> list[str]:
    """The files or folders of a top-level module that are the user's own."""
    if top in _NOBODYS:
        return []
    return [place for place in places_of(top) if not _is_installed(place)]


def places_beside(top: str, folder: str) -> list[str]:
    """Where a module is for a program to whose ``sys.path`` that folder is the first entry.

    Empty where the folder has none of that name, or a mere namespace while a module is elsewhere,
    and for what is installed.
    """
    if top in _NOBODYS or top in sys.builtin_module_names:
        return []
    spec = PathFinder.find_spec(top, [folder])
    if spec is None:
        return []
    specs = [spec]
    elsewhere = _spec(top) if _is_namespace(spec) else None
    if elsewhere is not None:
        if not _is_namespace(elsewhere):
            return []
        specs.append(elsewhere)
    places = dict.fromkeys(place for each in specs for place in _places_in(each))
    return [place for place in places if not _is_installed(place)]


def _is_namespace(spec: ModuleSpec) -> bool:
    return spec.origin is None and spec.submodule_search_locations is not None


def _places_in(spec: ModuleSpec) -> list[str]:
    """A package's folders, or a module's file."""
    folders = spec.submodule_search_locations
    found = [spec.origin] if folders is None else list(folders)
    return [os.path.abspath(place) for place in found if place]  # noqa: PTH100


def is_made_by_hand(top: str) -> bool:
    """Whether a module of that name was made in memory, so that nothing can be sent of it."""
    module = sys.modules.get(top)
    known = (_told(module, "__spec__", ModuleSpec), _told(module, "__file__", str))
    return module is not None and not any(known) and not _told(module, "__path__", list)


def places_of(top: str) -> list[str]:
    """Where a top-level module is: one file, a package's folder, several of a namespace."""
    module = sys.modules.get(top)
    spec = _told(module, "__spec__", ModuleSpec) if module else _spec(top)
    by_hand: Iterable[str] | None = _told(module, "__path__", Iterable)  # type: ignore[type-abstract]
    paths = spec.submodule_search_locations if spec else by_hand
    origin = (spec.origin if spec else None) or _told(module, "__file__", str)
    try:
        found: list[str | None] = list(paths) if paths is not None else [origin]
    except Exception:  # noqa: BLE001 - a namespace path asks the path hooks of others
        found = [origin]
    return [os.path.abspath(place) for place in found if place and _is_there(place)]  # noqa: PTH100


def _told(module: object, name: str, kind: type[T]) -> T | None:
    """What a module says of itself; some have a ``__getattr__`` that has something for all."""
    value = getattr(module, name, None)
    return value if isinstance(value, kind) else None


def _spec(top: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(top)
    except Exception:  # noqa: BLE001 - finders of others may raise anything; then it is not there
        return None


def _is_there(place: str) -> bool:
    """True for a file or folder, also within a zip."""
    return os.path.exists(place) or _zip_of(place) is not None  # noqa: PTH110


def _zip_of(place: str) -> tuple[str, str] | None:
    """(zip file, path inside it) of a place within a zip, else None."""
    for parent in Path(place).parents:
        if parent.is_file():
            inside = Path(place).relative_to(parent).as_posix()
            return (str(parent), inside) if zipfile.is_zipfile(parent) else None
        if parent.exists():
            return None
    return None


@lru_cache(maxsize=4096)
def _is_installed(place: str) -> bool:
    """True within site-packages, dist-packages or the standard library."""
    if {"site-packages", "dist-packages"} & set(Path(place).parts):
        return True
    library = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    spellings = (place, os.path.realpath(place))
    return any(
        one.startswith((folder + os.sep, os.path.realpath(folder) + os.sep))
        for one in spellings
        for folder in library
        if folder
    )


def files_of(top: str, places: list[str]) -> Iterator[tuple[str, File]]:
    """(name in the archive, file) of a module; the first place wins, as on ``sys.path``."""
    seen: set[str] = set()
    for place in places:
        for file in _files_at(top, place):
            if file.name not in seen:
                seen.add(file.name)
                yield file.name, file


def _files_at(top: str, place: str) -> Iterable[File]:
    zipped = _zip_of(place)
    if zipped:
        return _zip_members(*zipped, top)
    if not os.path.isdir(place):  # noqa: PTH112
        suffixes = Path(place).name.partition(".")[2]  # it may have been loaded under another name
        return [File(f"{top}.{suffixes}", place)]
    files = walk(place, top)
    if f"{top}/__init__.py" in {file.name for file in files}:
        return files
    # a namespace package may be any folder: its data are not known to belong to the code
    return [file for file in files if file.name.endswith((".py", *EXTENSION_SUFFIXES))]


def walk(root: str, prefix: str) -> list[File]:
    """The files below a folder, without caches, hidden folders and virtual environments."""
    files: list[File] = []
    for folder, below, names in os.walk(root, followlinks=False):
        if "pyvenv.cfg" in names:
            below[:] = []
            continue
        below[:] = sorted(name for name in below if not _is_skipped(name))
        inside = Path(folder).relative_to(root).as_posix()
        start = prefix if inside == "." else f"{prefix}/{inside}"
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118
            if not _is_skipped(name) and os.path.isfile(path):  # noqa: PTH113
                files.append(File(f"{start}/{name}", path))
        if len(files) > MAX_FILES:
            return files  # more than may be shipped: the caller says so
    return files


def _is_skipped(name: str) -> bool:
    hidden = name.startswith(".")
    return hidden or name in _SKIPPED_FOLDERS or name.endswith(_SKIPPED_SUFFIXES)


def _zip_members(path: str, inside: str, top: str) -> list[File]:
    """The members of a zip that belong to a module; ``inside`` is its place in the zip."""
    prefix = inside.rpartition("/")[0]
    start = f"{prefix}/" if prefix else ""
    with zipfile.ZipFile(path) as content:
        return [
            File(name[len(start) :], path, name)
            for name in content.namelist()
            if not name.endswith(("/", ".pyc"))
            and (name == inside or name.startswith(f"{start}{top}/"))
        ]

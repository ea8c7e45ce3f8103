"""The user's own modules: where they live, what they pull in, and the archive that carries them.

A module is the user's own when it lives outside the standard library and outside every
``site-packages`` or ``dist-packages``: a file beside the script, a package on PYTHONPATH, an
editable install, a zip on ``sys.path``. What is installed is a matter for the image instead.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import sys
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from ..errors import PayloadError, UsageError
from .imports import imports_of
from .places import MAX_FILES, File, files_of, own_places, places_of, walk
from .requirements import MODULE_LEVEL, Import

MAX_BYTES = 64 * 2**20
"""The most that the files of all shipped modules may come to, before compression."""

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold


@dataclass(frozen=True)
class Shipped:
    """A top-level module of the user's own, with all its files.

    ``imports`` are the statements that run when its modules are imported: the far side must be
    able to satisfy those that name modules which are not shipped.
    """

    name: str
    files: tuple[File, ...]
    imports: tuple[Import, ...] = field(default=(), compare=False)

    @property
    def needs_extraction(self) -> bool:
        """True if it has extension modules or data files, which cannot be used from a zip."""
        return any(not file.name.endswith((".py", ".pyi", "/py.typed")) for file in self.files)


Include = str | os.PathLike[str] | ModuleType


def shippable(names: Iterable[str], include: Iterable[Include] = ()) -> tuple[Shipped, ...]:
    """The user's own modules among ``names`` (dotted), and those that they import in turn.

    ``include`` adds module names, module objects, files and folders whatever they are. Raises
    UsageError for one that does not exist, PayloadError if they are too large to ship.
    """
    found = _Collection()
    for item in include:
        found.include(item)
    for name in names:
        found.need(name)
    return found.close()


def needs_extraction(shipped: Iterable[Shipped]) -> bool:
    """Whether an archive must be unpacked to be used; else ``sys.path`` takes the zip itself."""
    return any(one.needs_extraction for one in shipped)


def archive(shipped: Iterable[Shipped]) -> bytes:
    """A zip of the modules, the same bytes for the same contents; empty bytes for none.

    Its root belongs on ``sys.path``. Raises PayloadError if a file went away or grew too large.
    """
    files = sorted({file.name: file for one in shipped for file in one.files}.values())
    if not files:
        return b""
    buffer = io.BytesIO()
    room = MAX_BYTES
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for folder in sorted({parent for file in files for parent in _parents(file.name)}):
            target.writestr(zipfile.ZipInfo(folder + "/", _EPOCH), b"")  # for namespace packages
        for file in files:
            content = _content(file)
            room -= len(content)
            if room < 0:
                raise _too_large(files)
            entry = zipfile.ZipInfo(file.name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            target.writestr(entry, content)
    return buffer.getvalue()


def archive_name(data: bytes) -> str:
    """The file name of an archive: different contents never share one."""
    return f"modules-{hashlib.sha256(data).hexdigest()[:20]}.zip"


class _Collection:
    """The modules found so far; following imports may add more."""

    def __init__(self) -> None:
        self._files: dict[str, dict[str, File]] = {}
        self._reached: set[str] = set()
        self._imports: dict[str, list[Import]] = {}

    def need(self, name: str) -> None:
        """Add the user's own module ``name``, its parents, and what they import."""
        todo = [name]
        while todo:
            for module in _with_parents(todo.pop()):
                if module not in self._reached:
                    self._reached.add(module)
                    todo += self._follow(module)

    def include(self, item: Include) -> None:
        """Add what a user named: a module's name or object, a file, a folder."""
        if isinstance(item, ModuleType):
            item = item.__name__
        text = os.fspath(item)
        name = text if isinstance(item, str) and _is_dotted(text) else ""
        top = name.partition(".")[0]
        places = places_of(top) if name else []
        if places:
            self._files[top] = dict(files_of(top, places))
            self.need(name)
            return
        path = Path(text).expanduser().resolve()
        if not path.exists():
            raise UsageError(
                f"include={text!r}: there is neither a module of that name nor a file or folder "
                f"{path}. Give a module's name, a module, or a path that exists."
            )
        self._include_path(path)

    def close(self) -> tuple[Shipped, ...]:
        files = [file for each in self._files.values() for file in each.values()]
        if _size(files) > MAX_BYTES or len(files) > MAX_FILES:
            raise _too_large(files)
        return tuple(
            Shipped(top, tuple(sorted(each.values())), tuple(self._imports.get(top, ())))
            for top, each in sorted(self._files.items())
        )

    def _include_path(self, path: Path) -> None:
        """A file by its name; a folder as a package, or what it holds if sys.path has it."""
        on_path = {Path(entry or ".").resolve() for entry in sys.path}
        if path.is_dir() and path in on_path:
            for child in sorted(path.iterdir()):
                if not child.name.startswith((".", "__pycache__")):
                    self._include_path(child)
            return
        top = path.stem if path.suffix == ".py" else path.name
        own = walk(str(path), path.name) if path.is_dir() else [File(path.name, str(path))]
        self._files[top] = {file.name: file for file in own}
        self.need(top)

    def _follow(self, module: str) -> list[str]:
        """Note a module that is to travel; the names of the modules that it imports."""
        top = module.partition(".")[0]
        if top not in self._files:
            places = own_places(top)
            if not places:
                return []
            self._files[top] = dict(files_of(top, places))
        stem = module.replace(".", "/")
        files = self._files[top]
        source = files.get(f"{stem}/__init__.py") or files.get(f"{stem}.py")
        if source is None:
            return []
        package = module if source.name.endswith("/__init__.py") else module.rpartition(".")[0]
        following: list[str] = []
        for one in _imports_in(source, source.stamp()):
            absolute = _absolute(one.module, package)
            following += [absolute, *(f"{absolute}.{name}" for name in one.names)]
            if one.function == MODULE_LEVEL and one.top:
                self._imports.setdefault(top, []).append(one)
        return [name for name in following if name]


@lru_cache(maxsize=1024)
def _imports_in(file: File, _stamp: tuple[str, int, int]) -> tuple[Import, ...]:
    """The imports of a source file; none if it cannot be read or compiled."""
    try:
        code = compile(file.read(), file.path, "exec", dont_inherit=True)
    except (OSError, KeyError, SyntaxError, ValueError):
        return ()
    return imports_of(code)


def _absolute(name: str, package: str) -> str:
    """A dotted name as seen from ``package``; empty if it points above the top."""
    if not name.startswith("."):
        return name
    try:
        return importlib.util.resolve_name(name, package).rstrip(".") if package else ""
    except ImportError:
        return ""


def _with_parents(name: str) -> Iterator[str]:
    """``a``, ``a.b``, ``a.b.c`` of ``a.b.c``: importing the last runs them all."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        yield ".".join(parts[:count])


def _is_dotted(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _parents(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def _content(file: File) -> bytes:
    try:
        return file.read()
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise PayloadError(
            f"{file.path} is part of a module that the call needs, and cannot be read: {error}. "
            "Restore it, or restart Python if the module is gone on purpose."
        ) from error


def _size(files: Iterable[File]) -> int:
    return sum(max(file.stamp()[1], 0) for file in files if not file.member)


def _too_large(files: list[File]) -> PayloadError:
    largest = sorted(files, key=lambda file: -file.stamp()[1])[:3]
    shown = ", ".join(f"{file.path} ({file.stamp()[1] / 2**20:.1f} MiB)" for file in largest)
    modules = ", ".join(sorted({file.name.partition("/")[0] for file in files}))
    return PayloadError(
        f"The call needs modules of your own that are too large to ship ({modules}: "
        f"{len(files)} files, {_size(files) / 2**20:.1f} MiB; the limits are {MAX_FILES} files and "
        f"{MAX_BYTES // 2**20} MiB). The largest: {shown}. Move the data out of the package, or "
        "install the package in the image."
    )

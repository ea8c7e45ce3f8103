"""The user's own modules: where they live, and what they pull in.

A module is the user's own when it lives outside the standard library and outside every
``site-packages`` or ``dist-packages``: a file beside the script, a package on PYTHONPATH, an
editable install, a zip on ``sys.path``. What is installed is a matter for the image instead.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from ..errors import UsageError
from .archive import refuse_too_large
from .imports import absolute, imports_of
from .places import File, files_of, own_places, places_beside, places_of, walk
from .requirements import MODULE_LEVEL, Import
from .shipped import Shipped


@dataclass(frozen=True)
class Beside:
    """The folder of a program: its modules are found there before all others, never imported here.

    On this process's own ``sys.path`` a ``json.py`` of the user's would be taken for Python's.
    """

    folder: str


Include = str | os.PathLike[str] | ModuleType | Beside


def shippable(names: Iterable[str], include: Iterable[Include] = ()) -> tuple[Shipped, ...]:
    """The user's own modules among ``names`` (dotted), and those that they import in turn.

    ``include`` adds module names, module objects, files and folders whatever they are; and where
    else modules are looked for. Raises UsageError for one that does not exist, PayloadError if they
    are too large to ship.
    """
    items = tuple(include)
    found = _Collection([item.folder for item in items if isinstance(item, Beside)])
    for item in items:
        if not isinstance(item, Beside):
            found.include(item)
    for name in names:
        found.need(name)
    return found.close()


class _Collection:
    """The modules found so far; following imports may add more."""

    def __init__(self, beside: Iterable[str]) -> None:
        self._beside = tuple(beside)
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

    def include(self, item: str | os.PathLike[str] | ModuleType) -> None:
        """Add what a user named: a module's name or object, a file, a folder."""
        if isinstance(item, ModuleType):
            item = item.__name__
        text = os.fspath(item)
        name = text if isinstance(item, str) and _is_dotted(text) else ""
        top = name.partition(".")[0]
        places = (self._first(top) or places_of(top)) if name else []
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
        refuse_too_large(files)
        return tuple(
            Shipped(top, tuple(sorted(each.values())), tuple(self._imports.get(top, ())))
            for top, each in sorted(self._files.items())
        )

    def _include_path(self, path: Path) -> None:
        """A file by its name; a folder as a package, or what it holds if sys.path has it."""
        on_path = {Path(entry or ".").resolve() for entry in (*self._beside, *sys.path)}
        if path.is_dir() and path in on_path:
            for child in sorted(path.iterdir()):
                if not child.name.startswith((".", "__pycache__")):
                    self._include_path(child)
            return
        top = path.stem if path.suffix == ".py" else path.name
        own = walk(str(path), path.name) if path.is_dir() else [File(path.name, str(path))]
        self._files[top] = {file.name: file for file in own}
        self.need(top)

    def _first(self, top: str) -> list[str]:
        """Where a module is that comes before what ``sys.path`` has."""
        return next(filter(None, (places_beside(top, each) for each in self._beside)), [])

    def _follow(self, module: str) -> list[str]:
        """Note a module that is to travel; the names of the modules that it imports."""
        top = module.partition(".")[0]
        if top not in self._files:
            places = self._first(top) or own_places(top)
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
            whole = absolute(one.module, package)
            following += [whole, *(f"{whole}.{name}" for name in one.names)]
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


def _with_parents(name: str) -> Iterator[str]:
    """``a``, ``a.b``, ``a.b.c`` of ``a.b.c``: importing the last runs them all."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        yield ".".join(parts[:count])


def _is_dotted(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))

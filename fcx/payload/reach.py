"""The user's own functions that code imports when it runs, and so without their being loaded here.

Read from their source: nothing is imported to find out. Of a module, the functions and classes
count that are named by what is known to run; others may import what they like.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from types import CodeType

from .imports import absolute, imports_of, with_nested
from .places import own_places
from .requirements import MODULE_LEVEL, Import


def followed(codes: Iterable[CodeType]) -> list[CodeType]:
    """``codes``, and those of the user's own functions that imports in their bodies lead to."""
    reach = _Reach()
    for code in codes:
        reach.follow(code)
    return reach.codes


class _Reach:
    """The code that is known to run so far."""

    def __init__(self) -> None:
        self.codes: list[CodeType] = []
        self._seen: set[tuple[str, str]] = set()  # (module, name) of what was looked for

    def follow(self, code: CodeType, package: str = "") -> set[str]:
        """Add a function's code, and what it imports; the names that it mentions."""
        self.codes.append(code)
        names = {name for each in with_nested(code) for name in each.co_names}
        for one in imports_of(code):
            self._import(one, names, package)
        return names

    def _import(self, one: Import, names: set[str], package: str) -> None:
        """What a statement brings in, of all that is mentioned beside it."""
        module = absolute(one.module, package)
        self._look(module, names | set(one.names))
        for name in one.names:
            self._look(f"{module}.{name}", names)

    def _look(self, module: str, names: Iterable[str]) -> None:
        """Look for names in a module of the user's own, and for what those need of it."""
        found = _source(module) if module else None
        if found is None:
            return
        code, package = found
        todo, mentioned = set(names), set(names)
        while todo:
            fresh = {name for name in todo if (module, name) not in self._seen}
            self._seen.update((module, name) for name in fresh)
            todo = set()
            for inner in code.co_consts:
                if isinstance(inner, CodeType) and inner.co_name in fresh:
                    todo |= self.follow(inner, package)
            mentioned |= todo
        for one in imports_of(code):
            if one.function == MODULE_LEVEL and mentioned & (set(one.names) or {one.top}):
                self._import(one, mentioned, package)


def _source(module: str) -> tuple[CodeType, str] | None:
    """The code of a module of the user's own, and the package that it counts from."""
    top, _, inside = module.partition(".")
    for place in own_places(top):
        path = Path(place)
        if path.is_dir():
            path = path.joinpath(*inside.split(".")) if inside else path
            package, plain = path / "__init__.py", path.with_suffix(".py")
            if package.is_file():
                return _compiled(package, package.stat().st_mtime_ns, module)
            path = plain
        elif inside:
            continue
        if path.suffix == ".py" and path.is_file():
            return _compiled(path, path.stat().st_mtime_ns, module.rpartition(".")[0])
    return None


@lru_cache(maxsize=256)
def _compiled(path: Path, _changed: int, package: str) -> tuple[CodeType, str] | None:
    try:
        return compile(path.read_bytes(), str(path), "exec", dont_inherit=True), package
    except (OSError, SyntaxError, ValueError):
        return None

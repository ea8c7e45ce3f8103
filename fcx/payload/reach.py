"""The user's own functions that code imports when it runs, and so without their being loaded here.

Read from their source: nothing is imported to find out. Of a module, the functions and classes
count that are named by what is known to run; others may import what they like.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
    reach.finish()
    return reach.codes


class _Reach:
    """The code that is known to run so far, and the modules that are to be looked at for more."""

    def __init__(self) -> None:
        self.codes: list[CodeType] = []
        self._mentioned: dict[str, set[str]] = {}  # module -> what was looked for in it
        self._todo: list[tuple[str, set[str]]] = []

    def follow(self, code: CodeType, package: str = "") -> set[str]:
        """Add a function's code, and note what it imports; the names that it mentions."""
        self.codes.append(code)
        names = {name for each in with_nested(code) for name in each.co_names}
        for one in imports_of(code):
            self._import(one, names, package)
        return names

    def finish(self) -> None:
        """Look at all that is noted, and at what that leads to: modules may import one another."""
        while self._todo:
            module, names = self._todo.pop()
            known = self._mentioned.setdefault(module, set())
            fresh = names - known
            found = _source(module) if fresh else None
            known |= fresh
            if found:
                self._look(module, fresh, *found)

    def _import(self, one: Import, names: set[str], package: str) -> None:
        """What a statement brings in, of all that is mentioned beside it."""
        module = absolute(one.module, package)
        if module:
            self._todo.append((module, names | set(one.names)))
        self._todo += [(f"{module}.{name}", names) for name in one.names]

    def _look(self, module: str, names: set[str], code: CodeType, package: str) -> None:
        """Look for names in a module of the user's own, and note what those need of it."""
        known = self._mentioned[module]
        while names:
            inner = [each for each in _definitions(code) if each.co_name in names]
            names = {name for each in inner for name in self.follow(each, package)} - known
            known |= names
        for one in imports_of(code):
            if one.function == MODULE_LEVEL and known & (set(one.names) or {one.top}):
                self._import(one, set(known), package)


def _definitions(code: CodeType) -> Iterator[CodeType]:
    """The functions and classes that stand in it."""
    return (inner for inner in code.co_consts if isinstance(inner, CodeType))


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

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


class _Module:
    """A module of the user's own, what was looked for in it, and which imports were taken."""

    def __init__(self, code: CodeType, package: str) -> None:
        self.code, self.package = code, package
        self.mentioned: set[str] = set()
        self._open = [one for one in imports_of(code) if one.function == MODULE_LEVEL]
        self._taken: list[Import] = []

    def definitions(self, names: set[str]) -> list[CodeType]:
        """The functions and classes of these names."""
        inner = (each for each in self.code.co_consts if isinstance(each, CodeType))
        return [each for each in inner if each.co_name in names]

    def imports(self, fresh: set[str]) -> Iterator[tuple[Import, set[str]]]:
        """The imports that what was mentioned leads to, with what of it they were not told yet."""
        yield from ((one, fresh) for one in self._taken)
        led = [one for one in self._open if self.mentioned & (set(one.names) or {one.top})]
        if led:
            self._taken += led
            self._open = [one for one in self._open if one not in led]
            yield from ((one, self.mentioned) for one in led)


class _Reach:
    """The code that is known to run so far, and the modules that are to be looked at for more."""

    def __init__(self) -> None:
        self.codes: list[CodeType] = []
        self._modules: dict[str, _Module | None] = {}
        self._todo: dict[str, set[str]] = {}  # module -> what to look for in it

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
            name, wanted = self._todo.popitem()
            if name not in self._modules:
                found = _source(name)
                self._modules[name] = _Module(*found) if found else None
            module = self._modules[name]
            if module and not wanted <= module.mentioned:
                self._look(module, wanted)

    def _import(self, one: Import, names: set[str], package: str) -> None:
        """What a statement brings in, of all that is mentioned beside it."""
        module = absolute(one.module, package)
        if module:
            self._todo.setdefault(module, set()).update(names, one.names)
        for name in one.names:
            self._todo.setdefault(f"{module}.{name}", set()).update(names)

    def _look(self, module: _Module, wanted: set[str]) -> None:
        """Look for names in a module, and note what those need of it."""
        fresh = new = wanted - module.mentioned
        while new:
            module.mentioned |= new
            inner = module.definitions(new)
            named = {name for each in inner for name in self.follow(each, module.package)}
            new = named - module.mentioned
            fresh = fresh | new
        for one, names in module.imports(fresh):
            self._import(one, names, module.package)


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

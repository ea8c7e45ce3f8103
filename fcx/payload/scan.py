"""What a pickled task refers to and imports, seen without unpickling it.

The pickle is run over at C speed with an inert stand-in for every global; code objects that travel
by value are taken out of it. Functions of the user's own modules, which travel by reference, are
walked where they live, with the helpers that they reach.
"""

from __future__ import annotations

import io
import marshal
import pickle
import sys
from _compat_pickle import IMPORT_MAPPING
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from .imports import absolute, imports_of, with_nested
from .places import is_users_own
from .reach import followed
from .requirements import Requirements

_MAINS = {"__main__", "__mp_main__"}
_ALWAYS_THERE = _MAINS | {"builtins", "__builtin__", "__runtime__", "dill", "_fcx_pickling"}


class _Inert:
    """Stands for whatever a pickle would build: takes any treatment, does nothing. One object."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> _Inert:
        return _INERT

    def __call__(self, *_args: Any, **_kwargs: Any) -> _Inert:
        return self

    def __setitem__(self, _key: Any, _value: Any) -> None: ...

    def ignore(self, *_args: Any) -> None:
        """Answer to BUILD, APPEND, APPENDS and ADDITEMS."""

    __setstate__ = append = extend = add = ignore


_INERT = object.__new__(_Inert)
CODE = ("marshal", "loads")


class _Scanner(pickle.Unpickler):
    """Runs over a pickle at C speed with every global replaced, noting what it refers to."""

    def __init__(self, payload: bytes) -> None:
        super().__init__(io.BytesIO(payload))
        self._old = payload[:1] != b"\x80" or payload[1:2] < b"\x03"  # names of Python 2 are in use
        self.references: set[tuple[str, str]] = set()
        self.codes: list[bytes] = []  # marshalled: cheap to tell from others
        self.packages: set[str] = set()  # that relative imports in the codes count from

    def find_class(self, module: str, name: str) -> Any:
        """Nothing of the pickle's choosing is looked up: inert stand-ins only."""
        if module.startswith(("dill.", "_fcx_pickling")) or (module, name) == CODE:
            return self._by_helper(name)
        if self._old:
            module = IMPORT_MAPPING.get(module, module)
        self.references.add((module, name))
        return _Inert

    def persistent_load(self, _identity: Any) -> _Inert:
        return _INERT

    def _by_helper(self, name: str) -> Any:
        """Those functions of the serialiser whose arguments tell something."""
        return {
            "loads": self._code,
            "import_module": self._module,
            "make_space": self._space,
        }.get(name, _Inert)

    def _code(self, data: bytes) -> _Inert:
        self.codes.append(data)
        return _INERT

    def _space(self, _name: str, package: str | None = None) -> _Inert:
        if package:
            self.packages.add(package)
        return _INERT

    def _module(self, name: str, *_more: Any) -> _Inert:
        self.references.add((name, ""))
        return _INERT


class Scan:
    """One look at a task. ``key`` is cheap, and equal for tasks with equal requirements."""

    def __init__(self, fn: Callable[..., Any] | None, payload: bytes) -> None:
        scanner = _Scanner(payload)
        with suppress(Exception):  # an odd pickle: what was seen until there counts
            scanner.load()
        self._references = frozenset(scanner.references)
        self._codes = tuple(scanner.codes)
        self._packages = tuple(sorted(scanner.packages))
        self._live: tuple[CodeType, ...] = ()
        if not self._codes and not self._refers_to(fn):
            self._live = tuple(_codes_behind([fn]))
        self.key = (self._references, self._codes, self._packages, self._live)

    def requirements(self) -> Requirements:
        """The modules that the task refers to and imports."""
        own = [code for each in self._codes if (code := _loaded(each)) is not None]
        codes = [*own, *self._live, *_codes_behind(_resolved(self._references))]
        modules = {*(module for module, _ in self._references), *self._relative(own)}
        imports = imports_of(*followed(codes))
        return Requirements(
            frozenset(name for name in modules if name.partition(".")[0] not in _ALWAYS_THERE),
            tuple(one for one in imports if one.top not in _MAINS),
        )

    def _relative(self, codes: Iterable[CodeType]) -> Iterator[str]:
        """What functions of a script import that is a package's module: ``python -m a.b``."""
        for package in self._packages:
            yield package
            for one in imports_of(*codes):
                if not one.top:
                    whole = absolute(one.module, package)
                    yield from (whole, *(f"{whole}.{name}" for name in one.names))

    def _refers_to(self, fn: Any) -> bool:
        try:
            return (fn.__module__, fn.__qualname__) in self._references
        except Exception:  # noqa: BLE001 - a callable may answer to attributes as it likes
            return False


def _loaded(data: bytes) -> CodeType | None:
    """A code object of the pickle; None where it is damaged."""
    with suppress(EOFError, ValueError, TypeError):
        code = marshal.loads(data)  # noqa: S302 - made by this very process
        return code if isinstance(code, CodeType) else None
    return None


def _resolved(references: Iterable[tuple[str, str]]) -> Iterator[Any]:
    """The objects of the user's own modules that a pickle refers to by name."""
    for module, name in references:
        if name and module in sys.modules and is_users_own(module.partition(".")[0]):
            found: Any = sys.modules[module]
            for part in name.split("."):
                found = getattr(found, part, None)
            yield found


def _codes_behind(roots: Iterable[Any]) -> Iterator[CodeType]:
    """The code of callables and of the user's own helpers that they reach."""
    seen: set[int] = set()
    todo = list(roots)
    while todo:
        item = todo.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        with suppress(Exception):  # attributes of others' objects may do anything
            if isinstance(item, FunctionType):
                yield item.__code__
            todo += _behind(item)


def _behind(item: Any) -> Iterable[Any]:
    """What one callable leads to directly."""
    if isinstance(item, FunctionType):
        return [*_reached(item), *_wrapped(item)]
    if isinstance(item, (MethodType, staticmethod, classmethod)):
        return [item.__func__]
    if isinstance(item, partial):
        return [item.func, *item.args, *item.keywords.values()]
    if isinstance(item, property):
        return [item.fget]
    kind = item if isinstance(item, type) else type(item)
    own = [*vars(kind).values(), *kind.__bases__] if _is_own(kind) else []
    return [*own, *_wrapped(item)]


def _wrapped(item: Any) -> list[Any]:
    with suppress(Exception):  # as above
        return [item.__wrapped__]
    return []


def _reached(function: FunctionType) -> Iterator[Any]:
    """The user's own functions and classes that a function can name: globals and closure."""
    names = {name for code in with_nested(function.__code__) for name in code.co_names}
    for name in names & function.__globals__.keys():
        value = function.__globals__[name]
        if isinstance(value, ModuleType):
            if is_users_own(value.__name__.partition(".")[0]):
                inside = [vars(value).get(each) for each in names]
                yield from (each for each in inside if _is_own(each))
        elif _is_own(value):
            yield value
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # an empty cell
            yield cell.cell_contents


def _is_own(item: Any) -> bool:
    """Whether a function or class is of ``__main__`` or of one of the user's own modules."""
    module = getattr(item, "__module__", None)
    if not callable(item) or not isinstance(module, str):
        return False
    return module == "__main__" or is_users_own(module.partition(".")[0])

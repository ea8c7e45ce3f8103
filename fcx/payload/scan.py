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
from collections.abc import Set as AbstractSet
from contextlib import suppress
from functools import cached_property, partial
from itertools import islice, repeat
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from ..errors import PayloadError
from .imports import absolute, imports_of, with_nested
from .places import is_users_own
from .reach import followed
from .requirements import Requirements

_MAINS = {"__main__", "__mp_main__"}
_ALWAYS_THERE = _MAINS | {"builtins", "__builtin__", "__runtime__", "dill", "_fcx_pickling"}


class _Patient(type):
    """Of what is called, or given items."""

    def __call__(cls, *_args: Any, **_kwargs: Any) -> Any:
        return cls

    def __setitem__(cls, _key: Any, _value: Any) -> None: ...


class _Inert(metaclass=_Patient):
    """Stands for whatever a pickle would build: takes any treatment, does nothing. One object.

    It is a class, for a class that the pickle has made is made instances of.
    """

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Any:
        return cls

    @staticmethod
    def ignore(*_args: Any) -> None:
        """Answer to BUILD, APPEND, APPENDS and ADDITEMS."""

    __setstate__ = append = extend = add = ignore


CODE = ("marshal", "loads")
MANY = 1000  # items of a container that are looked at for functions


class _Scanner(pickle.Unpickler):
    """Runs over a pickle at C speed with every global replaced, noting what it refers to."""

    def __init__(self, payload: bytes) -> None:
        super().__init__(io.BytesIO(payload), buffers=repeat(bytearray()))  # elsewhere: no code
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

    def persistent_load(self, _identity: Any) -> type[_Inert]:
        return _Inert

    def _by_helper(self, name: str) -> Any:
        """Those functions of the serialiser whose arguments tell something."""
        return {
            "loads": self._code,
            "import_module": self._module,
            "make_space": self._space,
        }.get(name, _Inert)

    def _code(self, data: bytes) -> type[_Inert]:
        self.codes.append(data)
        return _Inert

    def _space(self, _name: str, package: str | None = None) -> type[_Inert]:
        if package:
            self.packages.add(package)
        return _Inert

    def _module(self, name: str, below: Iterable[str] = ()) -> type[_Inert]:
        self.references.update((each, "") for each in (name, *below))
        return _Inert


class Scan:
    """One look at a task. ``key`` is cheap, and equal for tasks with equal requirements."""

    def __init__(self, fn: Callable[..., Any] | None, payload: bytes) -> None:
        scanner = _Scanner(payload)
        self._trouble: Exception | None = None
        try:
            scanner.load()
        except Exception as error:  # noqa: BLE001 - whatever an odd pickle makes of its contents
            self._trouble = error
        self._references = frozenset(scanner.references)
        self._codes = tuple(scanner.codes)
        self._packages = tuple(sorted(scanner.packages))
        self.live: tuple[CodeType, ...] = ()  # that was found outside of the pickle
        if not self._codes and not self._refers_to(fn):
            self.live = tuple(_codes_behind([fn]))
        self.key = (self._references, self._codes, self._packages, self.live)

    def refuse_half(self) -> None:
        """Raise PayloadError where only a part could be looked at: the rest would go unjudged."""
        if self._trouble is not None:
            raise PayloadError(
                "It cannot be told which modules this task needs, so they would be neither "
                "compared nor shipped: an object among its arguments or globals has a pickle of an "
                f"unknown kind ({type(self._trouble).__name__}: {self._trouble}). Give its class a "
                "plain __reduce__, or pass what it is made of"
            ) from self._trouble

    def requirements(self) -> Requirements:
        """The modules that the task refers to and imports."""
        own = [code for each in self._codes if (code := _loaded(each)) is not None]
        behind = _codes_behind(_resolved(self._references, _names_in(own)))
        codes = [*own, *self.live, *behind]
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


def _resolved(references: Iterable[tuple[str, str]], names: AbstractSet[str]) -> Iterator[Any]:
    """The objects of the user's own modules that a pickle refers to, or its code by these names."""
    for module, name in references:
        if module in sys.modules and is_users_own(module.partition(".")[0]):
            found: Any = sys.modules[module]
            for part in name.split(".") if name else ():
                found = getattr(found, part, None)
            yield from [found] if name else _own_in(found, names)


def _names_in(codes: Iterable[CodeType]) -> AbstractSet[str]:
    return {name for code in codes for each in with_nested(code) for name in each.co_names}


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
        return [*_reached(item), *_wrapped(item), *vars(item).get("registry", {}).values()]
    if isinstance(item, (MethodType, staticmethod, classmethod)):
        return [item.__func__]
    if isinstance(item, partial):
        return [item.func, *item.args, *item.keywords.values()]
    if isinstance(item, property):
        return [item.fget, item.fset, item.fdel]
    if isinstance(item, cached_property):
        return [item.func]
    kind = item if isinstance(item, type) else type(item)
    own = [*vars(kind).values(), *kind.__bases__, type(kind)] if _is_own(kind) else []
    return [*own, *_wrapped(item)]


def _wrapped(item: Any) -> list[Any]:
    with suppress(Exception):  # as above
        return [item.__wrapped__]
    return []


def _reached(function: FunctionType) -> Iterator[Any]:
    """The user's own functions and classes that a function can get at: globals and closure."""
    names = _names_in([function.__code__])
    for name in names & function.__globals__.keys():
        yield from _own_in(function.__globals__[name], names - {name})
    for value in [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]:
        yield from _own_in(value, names)
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # an empty cell
            yield cell.cell_contents


def _own_in(value: Any, names: AbstractSet[str]) -> Iterator[Any]:
    """What of a value is the user's own code: itself, its class, or what it holds."""
    if isinstance(value, ModuleType):
        if is_users_own(value.__name__.partition(".")[0]):
            for name in ({*names, "__getattr__"}) & vars(value).keys():
                yield from _own_in(vars(value)[name], names - {name})
    elif type(value) in {dict, list, tuple, set, frozenset}:
        held = value.values() if isinstance(value, dict) else value
        yield from (each for each in islice(held, MANY) if callable(each) or _is_own(type(each)))
    elif isinstance(value, partial) or _is_own(value) or _is_own(type(value)):
        yield value


def _is_own(item: Any) -> bool:
    """Whether a function or class is of ``__main__`` or of one of the user's own modules."""
    module = getattr(item, "__module__", None)
    if not callable(item) or not isinstance(module, str):
        return False
    return module == "__main__" or is_users_own(module.partition(".")[0])

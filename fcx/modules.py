"""Which modules a call needs: those its pickle refers to, and those its code imports.

By reference means that unpickling imports them; the imports inside functions run later. Of both,
the user's own modules travel along (``modules_shipping``), the rest must be there (``parity``).

::

    payload ──> _Scanner ──> references, code objects ──> Requirements ──┬─> Needs.requirements
                                   │                                     └─> shipped, archive
                 functions of the user's own modules, walked live
"""

from __future__ import annotations

import io
import pickle
import sys
import threading
import time
from _compat_pickle import IMPORT_MAPPING
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from .modules_imports import imports_of, with_nested
from .modules_installed import here
from .modules_shipping import (
    Include,
    Shipped,
    archive,
    archive_name,
    is_users_own,
    needs_extraction,
    shippable,
)
from .parity_requirements import Import, Requirements

__all__ = [
    "Import",
    "Needs",
    "Requirements",
    "RequirementsCache",
    "Shipped",
    "archive",
    "archive_name",
    "needed",
    "needs_extraction",
    "shippable",
]

RECHECK_SECONDS = 0.5
"""Files of shipped modules are looked at again after this long: an edited one is sent anew."""

_ALWAYS_THERE = {
    "builtins",
    "__builtin__",
    "__main__",
    "__mp_main__",
    "__runtime__",
    "dill",
    "_fcx_pickling",
}


@dataclass(frozen=True, eq=False)
class Needs:
    """What one kind of call needs; the same object for each call of that kind."""

    requirements: Requirements  # of the far side
    shipped: tuple[Shipped, ...] = ()
    archive: bytes = b""  # a zip whose root belongs on sys.path; empty: nothing to ship
    archive_name: str = ""
    extract: bool = False  # the zip must be unpacked: it has data files or extension modules


def needed(fn: Callable[..., Any], payload: bytes) -> Requirements:
    """The modules that a pickled call needs. Never raises, whatever ``fn`` is.

    ``payload`` is the pickle of the call; ``fn`` is looked at only where the pickle has neither
    its code nor a reference to it.
    """
    return _with_here(_Scan(fn, payload).requirements())


class RequirementsCache:
    """``Needs`` of calls, worked out once per kind of call; for one executor, any thread."""

    def __init__(
        self, include: Iterable[Include] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._include = tuple(include)
        self._clock = clock
        self._lock = threading.Lock()
        self._looked = clock()
        self._known: dict[Any, Needs] = {}
        self._archives: dict[tuple[Shipped, ...], tuple[Any, bytes]] = {}

    def needs(self, fn: Callable[..., Any], payload: bytes) -> Needs:
        """What a pickled call needs. Raises PayloadError if its modules are too large to ship."""
        scan = _Scan(fn, payload)
        known = self._known.get(scan.key)
        if known is not None and not known.shipped:
            return known
        with self._lock:
            self._forget_edited()
            if scan.key not in self._known:
                self._known[scan.key] = self._work_out(scan.requirements())
            return self._known[scan.key]

    def _work_out(self, requirements: Requirements) -> Needs:
        shipped = shippable(sorted(requirements.names), self._include)
        if shipped not in self._archives:
            self._archives[shipped] = (_stamp(shipped), archive(shipped))
        data = self._archives[shipped][1]
        name = archive_name(data) if data else ""
        return Needs(_beyond(requirements, shipped), shipped, data, name, needs_extraction(shipped))

    def _forget_edited(self) -> None:
        """Drop what was worked out from files that have changed since."""
        now = self._clock()
        if now - self._looked < RECHECK_SECONDS:
            return
        self._looked = now
        stale = {one for one, (stamp, _) in self._archives.items() if _stamp(one) != stamp}
        if stale:
            self._archives = {one: had for one, had in self._archives.items() if one not in stale}
            self._known = {key: had for key, had in self._known.items() if had.shipped not in stale}


def _beyond(requirements: Requirements, shipped: Iterable[Shipped]) -> Requirements:
    """What the far side itself must have when ``shipped`` travel along."""
    shipped = tuple(shipped)
    imports = [each for one in shipped for each in one.imports]
    return _with_here(requirements.without({one.name for one in shipped}, imports))


def _with_here(requirements: Requirements) -> Requirements:
    tops = {name.partition(".")[0] for name in requirements.names}
    return replace(requirements, here=here(tops))


def _stamp(shipped: Iterable[Shipped]) -> tuple[tuple[str, int, int], ...]:
    return tuple(file.stamp() for one in shipped for file in one.files)


class _Inert:
    """Stands for whatever a pickle would build: takes any treatment, does nothing. One object."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> _Inert:  # noqa: PYI034 - there is one
        return _INERT

    def __call__(self, *_args: Any, **_kwargs: Any) -> _Inert:
        return self

    def __setitem__(self, _key: Any, _value: Any) -> None: ...

    def ignore(self, *_args: Any) -> None:
        """Answer to BUILD, APPEND, APPENDS and ADDITEMS."""

    __setstate__ = append = extend = add = ignore


_INERT = object.__new__(_Inert)


class _Scanner(pickle.Unpickler):
    """Runs over a pickle at C speed with every global replaced, noting what it refers to."""

    def __init__(self, payload: bytes) -> None:
        super().__init__(io.BytesIO(payload))
        self._old = payload[:1] != b"\x80" or payload[1:2] < b"\x03"  # names of Python 2 are in use
        self.references: set[tuple[str, str]] = set()
        self.codes: list[_Code] = []

    def find_class(self, module: str, name: str) -> Any:
        """Nothing of the pickle's choosing is looked up: inert stand-ins only."""
        if module.startswith("dill."):
            return self._of_dill(name)
        if self._old:
            module = IMPORT_MAPPING.get(module, module)
        self.references.add((module, name))
        return _Inert

    def persistent_load(self, _identity: Any) -> _Inert:
        return _INERT

    def _of_dill(self, name: str) -> Any:
        if name == "_create_code":
            return self._code
        return self._module if name == "_import_module" else _Inert

    def _code(self, *arguments: Any) -> _Code:
        self.codes.append(_Code(arguments))
        return self.codes[-1]

    def _module(self, name: str, *_safe: Any) -> _Inert:
        self.references.add((name, ""))
        return _INERT


@dataclass(frozen=True)
class _Code:
    """A code object of the pickle, as the arguments of dill's maker: cheap to tell from others."""

    arguments: tuple[Any, ...]

    def build(self) -> CodeType | None:
        """The code object; None where dill cannot make one of it."""
        from dill._dill import _create_code

        built = [
            tuple(_built(each) for each in part) if isinstance(part, tuple) else part
            for part in self.arguments
        ]
        try:
            code: CodeType = _create_code(*built)
        except (TypeError, ValueError, AttributeError, IndexError, SystemError):
            return None
        return code


def _built(constant: Any) -> Any:
    return constant.build() if isinstance(constant, _Code) else constant


class _Scan:
    """One look at a call. ``key`` is cheap, and equal for calls with equal requirements."""

    def __init__(self, fn: Callable[..., Any], payload: bytes) -> None:
        scanner = _Scanner(payload)
        with suppress(Exception):  # an odd pickle: what was seen until there counts
            scanner.load()
        self._references = frozenset(scanner.references)
        self._codes = tuple(scanner.codes)
        self._live: tuple[CodeType, ...] = ()
        if not self._codes and not self._refers_to(fn):
            self._live = tuple(_codes_behind([fn]))
        self.key = (self._references, self._codes, self._live)

    def requirements(self) -> Requirements:
        """The modules that the call refers to and imports."""
        built = [code.build() for code in self._codes]
        codes = [code for code in built if code is not None]
        codes += [*self._live, *_codes_behind(_resolved(self._references))]
        modules = {module for module, _ in self._references}
        return Requirements(
            frozenset(name for name in modules if name.partition(".")[0] not in _ALWAYS_THERE),
            imports_of(*codes),
        )

    def _refers_to(self, fn: Any) -> bool:
        try:
            return (fn.__module__, fn.__qualname__) in self._references
        except Exception:  # noqa: BLE001 - a callable may answer to attributes as it likes
            return False


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

"""Values -> a digest that is the same in every process, whatever the order of hashes.

::

    sets, dicts        by the sorted digests of what they hold
    arrays             dtype, shape, bytes
    functions          of the user's own: code (``code.py``), defaults, closure and the globals that
                       it names, by value; all others by name
    classes, modules   the same
    anything else      as it pickles: what makes it, and its state

Shared and equal values are not told apart; a value within itself is named by how far out it began.
"""

from __future__ import annotations

import copyreg
import functools
import hashlib
import importlib.util
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from .code import attributes_named, canonical_code, globals_named, modules_named
from .places import is_users_own

ATOMS = (type(None), bool, int, complex, str, bytes, type(Ellipsis), type(NotImplemented), range)
BY_REFERENCE = (
    *(types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType),
    *(types.ClassMethodDescriptorType, types.MethodWrapperType),
)
CACHED = type(functools.lru_cache(abs))
UNTOLD = frozenset(
    (
        *("__dict__", "__weakref__", "__module__", "__firstlineno__", "__static_attributes__"),
        *("__abstractmethods__", "_abc_impl", "__annotations_cache__", "__annotate_func__"),
    )
)
"""Attributes of a class that its process or its lines decide, or that follow from the others."""


class NoCanonicalForm(Exception):
    """A value of which two processes would not make the same."""


References = Mapping[type, Callable[[Any], str]]
"""What stands for something else in a call, by type: a name of that, the same in each process."""


class Canonical:
    """One walk. What it has seen is remembered by identity, and kept alive meanwhile."""

    def __init__(self, references: References = MappingProxyType({})) -> None:
        self._references = references
        self._known: dict[int, tuple[Any, bytes]] = {}
        self._within: dict[int, int] = {}  # what the walk is in, and how far in
        self._outermost = sys.maxsize  # that was met again inside of what is being walked
        self._kinds: tuple[tuple[Any, Callable[[Any], bytes]], ...] = (
            (float, lambda value: _made("float", value.hex().encode())),
            (ATOMS, lambda value: _made(type(value).__name__, repr(value).encode())),
            (bytearray, lambda value: _made("bytearray", bytes(value))),
            (types.MappingProxyType, lambda value: self._dict(dict(value))),
            (types.CodeType, lambda value: _made("code", canonical_code(value, self.digest))),
            (types.FunctionType, self._function),
            (types.MethodType, lambda v: self._all("method", (v.__func__, v.__self__))),
            (BY_REFERENCE, self._builtin),
            (types.ModuleType, lambda value: _made("module", value.__name__.encode())),
            (type, self._class),
            (CACHED, lambda v: self._all("cached", (v.__wrapped__,))),
            ((classmethod, staticmethod), lambda v: self._all(type(v).__name__, (v.__func__,))),
            (property, lambda v: self._all("property", (v.fget, v.fset, v.fdel))),
            (types.CellType, self._cell),
            (
                (types.MemberDescriptorType, types.GetSetDescriptorType),
                lambda v: _made("slot", v.__name__.encode()),
            ),
        )

    def digest(self, value: Any) -> bytes:
        """Its digest. Raises NoCanonicalForm."""
        known = self._known.get(id(value))
        if known is not None:
            return known[1]
        depth = self._within.get(id(value))
        if depth is not None:
            self._outermost = min(self._outermost, depth)
            return _made("itself", str(len(self._within) - depth).encode())
        return self._walk(value)

    def _walk(self, value: Any) -> bytes:
        depth = self._within[id(value)] = len(self._within)
        outer, self._outermost = self._outermost, sys.maxsize
        try:
            found = self._of(value)
        finally:
            del self._within[id(value)]
            closed = self._outermost >= depth  # nothing in it leads out of it
            self._outermost = outer if closed else min(outer, self._outermost)
        if closed:
            self._known[id(value)] = value, found
        return found

    def _of(self, value: Any) -> bytes:
        kind = type(value)
        if kind in (list, tuple):
            return self._all(kind.__name__, value)
        if kind in (set, frozenset):
            return _made(kind.__name__, *sorted(map(self.digest, value)))
        if kind is dict:
            return self._dict(value)
        for kinds, how in self._kinds:
            if kind is kinds or (kinds is type and isinstance(value, type)):
                return how(value)
            if isinstance(kinds, tuple) and kind in kinds:
                return how(value)
        return self._reference(value) or self._array(value) or self._object(value)

    def _all(self, tag: str, values: Iterable[Any]) -> bytes:
        return _made(tag, *map(self.digest, values))

    def _dict(self, value: dict[Any, Any]) -> bytes:
        pairs = sorted((self.digest(key), self.digest(each)) for key, each in value.items())
        return _made("dict", *(part for pair in pairs for part in pair))

    def _cell(self, cell: Any) -> bytes:
        try:
            return self._all("cell", (cell.cell_contents,))
        except ValueError:  # not filled yet
            return _made("cell")

    # -- code -------------------------------------------------------------------------------

    def _function(self, fn: types.FunctionType) -> bytes:
        """By value if it is the user's own."""
        if not _own(fn.__module__) and "<locals>" not in fn.__qualname__ and _is_there(fn):
            return _by_name(fn)
        return _made(
            "function",
            fn.__name__.encode(),
            canonical_code(fn.__code__, self.digest),
            self._all("defaults", (fn.__defaults__, fn.__kwdefaults__, fn.__closure__)),
            self._all("own", (dict(vars(fn)),)),
            *self._globals(fn),
        )

    def _globals(self, fn: types.FunctionType) -> Iterable[bytes]:
        attributes = attributes_named(fn.__code__)
        for name in globals_named(fn.__code__):
            if name not in fn.__globals__:
                continue
            value = fn.__globals__[name]
            yield _made("global", name.encode(), self.digest(value))
            if isinstance(value, types.ModuleType):
                yield from self._own_module(value, attributes)
        for name in modules_named(fn.__code__):
            yield from self._imported(name)

    def _own_module(self, module: types.ModuleType, names: tuple[str, ...]) -> Iterable[bytes]:
        """What code names of a module of the user's own."""
        if not _own(module.__name__):
            return
        for name in names:
            if name in vars(module):
                yield _made("of", module.__name__.encode(), name.encode())
                yield self.digest(vars(module)[name])

    def _imported(self, name: str) -> Iterable[bytes]:
        """A module of the user's own that code imports when it runs: all that stands in it."""
        if not _own(name) or name == "__main__":
            return
        try:
            spec = importlib.util.find_spec(name)
            code = spec.loader.get_code(name) if spec and spec.loader else None  # type: ignore[attr-defined]  # those of sources have it
        except (ImportError, AttributeError, ValueError, SyntaxError):
            return
        if code is not None:
            yield _made("import", name.encode(), self.digest(code))

    def _class(self, cls: type) -> bytes:
        if not _own(cls.__module__) and _is_there(cls):
            return _by_name(cls)
        own = {name: value for name, value in vars(cls).items() if name not in UNTOLD}
        bases = self._all("bases", (type(cls), *cls.__bases__))
        return _made("class", cls.__qualname__.encode(), bases, self.digest(own))

    def _builtin(self, value: Any) -> bytes:
        owner, module = None, ""
        if isinstance(value, (types.BuiltinFunctionType, types.MethodWrapperType)):
            owner = value.__self__
        if isinstance(value, types.BuiltinFunctionType):
            module = str(value.__module__)
        found = _made("builtin", module.encode(), value.__qualname__.encode())
        if owner is None or isinstance(owner, types.ModuleType):
            return found
        return _made("method", found, self.digest(owner))

    # -- the rest ---------------------------------------------------------------------------

    def _reference(self, value: Any) -> bytes | None:
        name = self._references.get(type(value))
        return _made("reference", name(value).encode()) if name else None

    def _array(self, value: Any) -> bytes | None:
        """A numpy array or scalar, if it is one."""
        numpy = sys.modules.get("numpy")
        if numpy is None or not isinstance(value, (numpy.ndarray, numpy.generic)):
            return None
        if isinstance(value, numpy.ndarray) and type(value) is not numpy.ndarray:
            return None  # a class of its own has more to it
        shape, kind = repr(value.shape).encode(), repr(value.dtype.descr).encode()
        if value.dtype.hasobject:
            return _made("array", kind, shape, self.digest(value.tolist()))
        return _made(type(value).__name__, kind, shape, value.tobytes())

    def _object(self, value: Any) -> bytes:
        """As it pickles: what makes it, of what, and what it is set to."""
        reduce = copyreg.dispatch_table.get(type(value))
        try:
            made = reduce(value) if reduce is not None else value.__reduce_ex__(4)
        except Exception as error:  # noqa: BLE001 - whatever a class's own __reduce__ raises
            raise NoCanonicalForm(f"a {_name(type(value))}: {error}") from None
        if isinstance(made, str):
            return _made("name", _name(type(value)).encode(), made.encode())
        maker, arguments, state, items, pairs = (*made, None, None, None)[:5]
        held = list(items) if items is not None else None
        mapped = dict(pairs) if pairs is not None else None
        return self._all(f"object {_name(type(value))}", (maker, arguments, state, held, mapped))


def _made(tag: str, *parts: bytes) -> bytes:
    """The digest of something of this kind, made of these parts."""
    found = hashlib.sha256(tag.encode())
    for part in parts:
        found.update(b"%d:" % len(part))
        found.update(part)
    return found.digest()


def _own(module: str | None) -> bool:
    """Whether what a module defines is the user's own, and so may change from start to start."""
    if module in {None, "__main__", "__mp_main__"} or module not in sys.modules:
        return True
    return is_users_own(str(module).partition(".")[0])


def _is_there(value: Any) -> bool:
    """Whether its module has it under its name."""
    found: Any = sys.modules.get(value.__module__)
    for part in value.__qualname__.split("."):
        found = vars(found).get(part) if isinstance(found, (types.ModuleType, type)) else None
    return found is value


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _by_name(value: Any) -> bytes:
    return _made("name", str(value.__module__).encode(), value.__qualname__.encode())

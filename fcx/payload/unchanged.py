"""Whether a function is as it was: told by what its pickle follows from, without pickling it.

That is its code, the globals that this names, closure, defaults and attributes; of these again,
where they are the script's own, what they are made of; of all others, that they are still to be
had under their names. What cannot change is known by being the same object, lists and the like by
their items. What may change in ways that cannot be seen so is not taken: an instance, say.
"""

from __future__ import annotations

import functools
import operator
import sys
import types
import typing
from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any

from ..protocol import pickling
from ..protocol.pickling import _found_in, _is_importable  # the pickler's own questions

MOST = 2000  # things that are looked at: with more of them, pickling is as quick

CONSTANT = frozenset(
    (
        *(type(None), bool, int, float, complex, str, bytes, range, types.CodeType),
        *(type(Ellipsis), type(NotImplemented)),
    )
)
ABSENT = b"".join((b"ab", b"sent"))  # stands for what a name does not have: no other is this one

Look = Callable[[Any], tuple[Any, ...]]
"""What there is to be seen of something; each item counts by its identity."""

_of_function: Look = operator.attrgetter(
    *("__globals__", "__code__", "__closure__", "__defaults__", "__kwdefaults__", "__dict__"),
    *("__name__", "__qualname__", "__module__", "__doc__", pickling.ANNOTATIONS),
    *(("__type_params__",) if sys.version_info >= (3, 12) else ()),
)


class Unprovable(Exception):
    """Something that may change unseen."""


class Proof:
    """What was seen of a function, to be looked at again. Raises Unprovable.

    ``own`` says of a module whether it is the user's own, as the pickler is told.
    """

    def __init__(self, function: Any, own: Callable[[str], bool]) -> None:
        self._own = own
        self._seen: dict[int, Any] = {}
        self._looks: list[tuple[Look, Any, tuple[Any, ...]]] = []
        self._count = 0
        todo = [function]
        while todo:
            each = todo.pop()
            if type(each) not in CONSTANT and id(each) not in self._seen:
                self._seen[id(each)] = each
                todo += self._walk(each)

    def holds(self) -> bool:
        """Whether all of it is as it was."""
        try:
            for look, thing, before in self._looks:
                now = look(thing)
                if len(now) != len(before) or not all(map(operator.is_, now, before)):
                    return False
        except Exception:  # noqa: BLE001 - whatever a module says that somebody has put there
            return False
        return True

    def _look(self, look: Look, thing: Any) -> tuple[Any, ...]:
        """See something, and note it."""
        seen = look(thing)
        self._looks.append((look, thing, seen))
        self._count += len(seen)
        if self._count > MOST:
            raise Unprovable
        return seen

    def _walk(self, thing: Any) -> Iterable[Any]:
        """Look at it; what it leads to."""
        kind = type(thing)
        if kind in CONTAINERS:
            return self._look(CONTAINERS[kind], thing)
        if kind in FIXED:
            return FIXED[kind](thing)
        if kind is types.FunctionType:
            return self._function(thing)
        if issubclass(kind, type):
            return self._class(thing)
        if kind is types.ModuleType:
            return self._module(thing)
        raise Unprovable

    # -- what has a name --------------------------------------------------------------------

    def _is_named(self, thing: Any) -> bool:
        """Whether it travels as the name that it has in a module: then it must go on to have it."""
        if thing.__module__ in pickling.MAINS or not _is_found(thing):
            return False
        self._look(_name_of, thing)
        return True

    def _module(self, module: types.ModuleType) -> Iterable[Any]:
        name = module.__name__
        if name != "__main__" and not _is_importable(name, module):
            raise Unprovable
        self._look(_of_module, module)
        return ()

    # -- code -------------------------------------------------------------------------------

    def _function(self, fn: types.FunctionType) -> Iterable[Any]:
        if self._is_named(fn):
            return ()
        space, code, *parts = self._look(_of_function, fn)
        if self._is_whole(space):
            return parts
        names = pickling.MENTIONS[code][1] | {fn.__name__, "__name__", "__package__"}
        return [*parts, *self._look(_in_space, (space, sorted(names - pickling.UNTOLD)))]

    def _is_whole(self, space: dict[str, Any]) -> bool:
        """Whether the globals are there, all of them: those of what is installed."""
        if space.get("__name__") in pickling.MAINS:
            return False
        return all(self._look(self._of_place, space)[1:])

    def _of_place(self, space: dict[str, Any]) -> tuple[Any, ...]:
        """The module that has these globals, and whether they are found in it there."""
        name = space.get("__name__")
        module = sys.modules.get(str(name))
        its = module is not None and vars(module) is space
        there = its and _is_importable(name, module)
        return module, its, there, there and not self._own(str(name))

    # -- classes ----------------------------------------------------------------------------

    def _class(self, cls: type) -> Iterable[Any]:
        if self._is_named(cls):
            return ()
        if type(cls) is not type or cls.__module__ not in pickling.MAINS:
            raise Unprovable
        self._look(_of_class, cls)
        inside = [value for value in vars(cls).values() if not isinstance(value, pickling.OF_SLOTS)]
        return [*cls.__bases__, *inside]


def _is_found(thing: Any) -> bool:
    """Whether a function or class is under its name in its module."""
    name = thing.__qualname__
    return pickling.LOCAL not in name and _found_in(thing.__module__, name) is thing


def _name_of(thing: Any) -> tuple[Any, ...]:
    """Where it is, and whether that is so."""
    return sys.intern(f"{thing.__module__}:{thing.__qualname__}"), _is_found(thing)


def _of_module(module: types.ModuleType) -> tuple[Any, ...]:
    """Its name, whether an import gives it, and which modules there are: it brings some along."""
    name, last = module.__name__, next(reversed(sys.modules))
    there = sys.intern(f"{len(sys.modules)} {last}")
    return name, _is_importable(name, module), there, sys.modules.get(last)


def _in_space(found: tuple[dict[str, Any], list[str]]) -> tuple[Any, ...]:
    """What globals have under some names."""
    space, names = found
    return tuple(map(space.get, names, repeat(ABSENT)))


def _of_class(cls: type) -> tuple[Any, ...]:
    """All that stands in a class of the script, and what it is called."""
    own, main = vars(cls), vars(sys.modules["__main__"])
    known = pickling.KNOWN.name(cls), main.get(cls.__name__) is cls
    return (cls.__name__, cls.__qualname__, cls.__bases__, *known, *own, *own.values())


def _in_cell(cell: types.CellType) -> tuple[Any, ...]:
    try:
        return (cell.cell_contents,)
    except ValueError:  # not filled yet
        return ()


CONTAINERS: dict[type, Look] = {
    list: tuple,
    set: tuple,
    dict: lambda held: (*held, *held.values()),
    types.CellType: _in_cell,
    property: operator.attrgetter("fget", "fset", "fdel", "__doc__"),
    functools.partial: lambda made: (made.func, made.args, made.keywords, vars(made) or None),
    type(typing.List[int]): lambda alias: tuple(vars(alias).values()),  # noqa: UP006 - that kind
}
"""What has changed where it holds others."""

FIXED: dict[type, Callable[[Any], Iterable[Any]]] = {
    tuple: iter,
    frozenset: iter,
    staticmethod: lambda method: [method.__func__],
    classmethod: lambda method: [method.__func__],
    types.GenericAlias: lambda alias: [alias.__origin__, *alias.__args__],
    types.UnionType: lambda union: union.__args__,
    types.BuiltinFunctionType: lambda function: [function.__self__],
    types.MethodDescriptorType: lambda method: [method.__objclass__],
}
"""What is always made of the same."""

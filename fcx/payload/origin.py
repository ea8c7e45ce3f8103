"""Where the value of a task comes from, for tasks that take it: the same modules, the same classes.

A value refers to classes of the caller's ``__main__`` by name, as the caller has them. A task that
takes it finds them there if what may have made them came along: the code of the other task's
function, without what that holds, and the classes of its arguments.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any

from .needs import Needs
from .requirements import Requirements

MAINS = ("__main__", "__mp_main__")
HOLD = (list, tuple, dict)
MOST = 100  # tasks, one before the other, of which it is told


@dataclass(frozen=True, eq=False)
class Origin:
    """Of one task's value."""

    needs: Needs
    codes: tuple[CodeType, ...] = ()  # of functions of the script
    spaces: tuple[Any, ...] = ()  # their globals
    kinds: tuple[type, ...] = ()
    before: tuple[Origin, ...] = ()  # of the values that it took

    @property
    def key(self) -> Needs:
        """Equal for those that need the same."""
        return self.needs

    def requirements(self) -> Requirements:
        """What is needed to load it."""
        return self.needs.asked

    def like(self, other: Origin) -> bool:
        """Whether the other will do in its place."""
        mine = (self.needs, self.codes, self.kinds, self.before)
        return mine == (other.needs, other.codes, other.kinds, other.before)

    def all(self) -> list[Origin]:
        """Itself, and those before it."""
        found: dict[int, Origin] = {}
        todo = [self]
        while todo and len(found) < MOST:
            each = todo.pop()
            if id(each) not in found:
                found[id(each)] = each
                todo += each.before
        return list(found.values())

    def brought(self) -> list[Any]:
        """What makes the classes: it is pickled before the value."""
        found: dict[Any, Any] = {}
        for each in self.all():
            found.update((kind, kind) for kind in each.kinds)
            for code, space in zip(each.codes, each.spaces, strict=True):
                if code not in found:
                    cells = tuple(CellType() for _ in code.co_freevars)
                    found[code] = FunctionType(code, space, None, None, cells)
        return list(found.values())


class Origins:
    """Those of one run's tasks: one for all of a kind that follow each other."""

    def __init__(self) -> None:
        self._last: tuple[tuple[Any, ...], Origin] = ((), Origin(Needs(Requirements())))
        self._plain: tuple[object, Origin] = (None, self._last[1])

    def of(
        self, fn: Any, values: Iterable[Any], needs: Needs, before: tuple[Origin, ...]
    ) -> Origin:
        """That of a call's value."""
        given = [*_called(fn), *values]
        functions = [each for each in given if type(each) is FunctionType]
        codes = tuple(each.__code__ for each in functions if each.__module__ in MAINS)
        kinds = _kinds(given)
        seen, last = self._last
        looked = (needs, codes, kinds, before)
        if seen != looked:
            mine = tuple({kind: None for kind in kinds if kind.__module__ in MAINS})
            spaces = tuple(each.__globals__ for each in functions if each.__module__ in MAINS)
            made = Origin(needs, codes, spaces, mine, before)
            last = last if made.like(last) else made
            self._last = looked, last
        return last

    def of_plain(self, fn: Any, kept: object, needs: Needs) -> Origin:
        """That of a call with values of nobody's classes; ``kept``: the function, as it is."""
        known, last = self._plain
        if known is not kept or last.needs is not needs:
            last = self.of(fn, (), needs, ())
            self._plain = kept, last
        return last


def _called(fn: Any) -> list[Any]:
    """What a call goes to: a function, a class, an object; and what is given with it."""
    given: list[Any] = []
    while isinstance(fn, (functools.partial, MethodType)):
        if isinstance(fn, MethodType):
            given.append(fn.__self__)
            fn = fn.__func__
        else:
            given += [*fn.args, *fn.keywords.values()]
            fn = fn.func
    return [fn, *given]


def _kinds(values: Iterable[Any]) -> list[type]:
    """Of arguments, and of the first of what these hold; a class is meant itself."""
    kinds = []
    for value in values:
        kind = value if isinstance(value, type) else type(value)
        kinds.append(kind)
        if kind in HOLD and value:
            kinds.append(type(next(iter(value.values() if kind is dict else value))))
    return kinds

"""What makes the classes of a value: it comes along with whatever takes that value."""

from __future__ import annotations

import functools
import types

import pytest

from fcx.payload.needs import Needs
from fcx.payload.origin import Origins
from fcx.payload.requirements import Requirements

SCRIPT = """
class Point:
    def __init__(self, x=0): self.x = x
    def twice(self): return Point(2 * self.x)
    @classmethod
    def zero(cls): return cls()
    def __call__(self): return self
def make(x): return Point(x)
def call(f, *args): return f(*args)
"""


@pytest.fixture
def main():
    """A script's namespace."""
    made = types.ModuleType("__main__")
    exec(SCRIPT, vars(made))
    return made


def brought(fn, *values):
    """By their names."""
    found = Origins().of(fn, values, Needs(Requirements()), ()).brought()
    return {each.__name__ for each in found}


def test_of_a_function(main):
    """Its code has the names of what it makes."""
    assert brought(main.make, 1) == {"make"}
    assert brought(functools.partial(main.make, 1)) == {"make"}


def test_of_a_class(main):
    """It makes itself, whichever way it is called."""
    assert brought(main.Point, 1) == {"Point"}
    assert brought(functools.partial(functools.partial(main.Point), 1)) == {"Point"}
    assert brought(main.Point.zero) == {"zero", "Point"}
    assert brought(main.Point(1).twice) == {"twice", "Point"}
    assert brought(main.Point(1)) == {"Point"}


def test_of_what_is_called_by_another(main):
    """Functions and classes among the arguments, also those of a partial."""
    assert brought(main.call, main.make, 1) == {"call", "make"}
    assert brought(main.call, main.Point, 1) == {"call", "Point"}
    assert brought(functools.partial(main.call, main.make), 1) == {"call", "make"}
    assert brought(map, main.make, [1]) == {"make"}


def test_of_what_arguments_hold(main):
    """The first of a list is as good as all."""
    assert brought(len, [main.Point(1)]) == {"Point"}
    assert brought(len, {"a": main.Point(1)}) == {"Point"}
    assert brought(len, [1]) == set()


def test_is_one_for_all_of_a_kind(main):
    """However many tasks there are."""
    origins, needs = Origins(), Needs(Requirements())
    first = origins.of(main.call, [main.make, 1], needs, ())
    assert origins.of(main.call, [main.make, 2], needs, ()) is first
    assert origins.of(main.call, [main.Point, 2], needs, ()) is not first

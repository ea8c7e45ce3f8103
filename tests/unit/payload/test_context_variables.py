"""Context variables of tasks."""

from __future__ import annotations

import contextvars
import decimal
import pickle
import types

import pytest

from fcx.payload.contents import Contents
from fcx.payload.dump import dump
from fcx.payload.sharing import Sharing

OF_A_MODULE = contextvars.ContextVar("of_a_module", default=1)


def through(*values):
    """What the remote side makes of them."""
    _, args, _ = pickle.loads(dump(print, values, {}, Sharing(Contents(), {})).payload())
    return args


def test_made_anew_once_for_a_task():
    """With its name and its default, without what it is set to; one object."""
    variable = contextvars.ContextVar("depth", default=3)
    variable.set(4)
    first, second = through(variable, [variable])
    assert first is second[0] is not variable
    assert (first.name, first.get()) == ("depth", 3)


def test_without_a_default():
    """It has none there, either."""
    with pytest.raises(LookupError):
        through(contextvars.ContextVar("bare"))[0].get()


def test_that_of_a_module_is_the_modules_own():
    """Else its functions would look at another one."""
    assert through(OF_A_MODULE) == (OF_A_MODULE,)


def test_a_global_of_the_script():
    """What names it can be sent."""
    variable = contextvars.ContextVar("of_main", default=[5])
    space = {"__name__": "__main__", "variable": variable, "decimal": decimal}
    exec("def f(): return variable.get(), decimal.Decimal(1)", space)  # noqa: S102 - a script's own
    assert isinstance(space["f"], types.FunctionType)
    (made,) = through(space["f"])
    assert made()[0] == [5]

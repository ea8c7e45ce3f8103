"""Short names: what a source does stays the same."""

from __future__ import annotations

import re
import sys
import textwrap
from types import ModuleType

import pytest

from fcx.jobscript.shorten import shorten

SOURCE = textwrap.dedent(
    """
    import os
    TOTAL = 3
    class Tool:
        first = 1
        def __init__(self, number, by_name=0):
            self.number, self._hidden = number, by_name
        def _grow(self, step):
            for index in range(step):
                self._hidden += index
            return [self._hidden for index in range(TOTAL)]
        def told(self, kind, **fields):
            return kind, fields
    def outer(value):
        def inner(_more):
            return value + _more + len(os.sep)
        try:
            raise ValueError(value)
        except ValueError as error:
            return inner(1), str(error), Tool(value, by_name=2)._grow(2), (lambda value: -value)(5)
    def changes(step):
        global TOTAL
        TOTAL = step
        class Local:
            step = 7
            def get(self):
                return self.step
        return Local().get()
    RESULT = outer(4), Tool(1).told("x", a=1, b=2, self_=3), changes(5), TOTAL
    """
)


def test_what_it_does_stays():
    """Names of arguments that are given, of classes, of globals, of handlers; lines."""
    (short,) = shorten([SOURCE], {"RESULT"})
    results = []
    for text in (SOURCE, short):
        space = {}
        exec(compile(text, "x", "exec"), space)
        results.append(space["RESULT"])
    assert results[0] == results[1]
    assert short.count("\n") == SOURCE.count("\n")
    for gone in ("number", "index", "value", "_hidden", "_grow", "_more", "told", "outer"):
        assert gone not in short
    assert "by_name" in short


@pytest.mark.parametrize("line", ["def f(_x, _long):\n return _x, _long", "class _Own:\n _at = 1"])
def test_sources_agree_on_names(line):
    """What one calls by a name with an underscore has that name in the other."""
    other = "def g(it):\n it._grow = it._grow or it._at"
    one, two = shorten([f"{line}\nclass A:\n def _grow(self): pass", other])
    name = one.rpartition("def ")[2].partition("(")[0]
    assert name != "_grow"
    assert f".{name}=" in two.replace(" ", "")
    assert ("._at" in two) == ("_at" not in line or "_at" in one)


def test_one_imports_what_another_has_under_a_shorter_name():
    """Functions, classes and constants; modules of ours are called as their files are."""
    source = (
        "LIMIT = 3\nclass Thing:\n def grow(self): self.grown = LIMIT\ndef made(): return Thing()"
    )
    user = (
        "from .one import LIMIT as MOST, made\nfrom . import one\n"
        "def f():\n it = made()\n it.grow()\n return it.grown, MOST, one.LIMIT, one.Thing"
    )
    texts = shorten([source, user], {"one", "f"})
    space = {"__package__": "own"}
    with pytest.MonkeyPatch.context() as patched:
        package, one = ModuleType("own"), ModuleType("own.one")
        package.one = one
        patched.setitem(sys.modules, "own", package)
        patched.setitem(sys.modules, "own.one", one)
        exec(texts[0], vars(one))
        exec(texts[1], space)
    assert space["f"]()[:3] == (3, 3, 3)
    for gone in ("LIMIT", "Thing", "grow", "grown", "made"):
        assert not re.search(rf"\b{gone}\b", "\n".join(texts))


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("def known(): pass", "known"),
        ("class A:\n def asked(self): return getattr(self, 'asked')", "asked"),
        ("def f(a): return f\ndef given(): pass\nf(given=1)", "given"),
        ("class A:\n field: int = 0", "field"),
        ("class A:\n def append(self): pass", "append"),
        ("import subprocess\nclass A:\n def __init__(self): self.returncode = 0", "returncode"),
        ("import selectors\ndef register(): pass", "register"),
        ("def _f(): pass\ndef g():\n try: pass\n except OSError as _f: pass", "_f"),
        ("long = 1\ndef g():\n global long\n long = 2", "long"),
    ],
)
def test_what_may_be_met_from_outside_keeps_its_name(line, name):
    """It is known, in a text, given, a field; a builtin, a module or an object has it, too."""
    (short,) = shorten([line], {"known"})
    assert len(re.findall(rf"\b{name}\b", short)) == len(re.findall(rf"\b{name}\b", line))


def test_what_a_module_of_pythons_has_keeps_its_name():
    """Though one of our own is called so, too."""
    source = "import os\nclass A:\n def _exit(self): self._wait()\n def _wait(self): os._exit(0)"
    (short,) = shorten([source])
    assert "os._exit(0)" in short
    assert "_wait" not in short

"""A function that was pickled once: its tasks are what they would be if it were pickled anew."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import pickle
import subprocess
import sys
import textwrap
import types

import hypothesis
import pytest
from hypothesis import strategies

from fcx.payload.contents import Contents
from fcx.payload.dump import dump
from fcx.payload.key import Keys
from fcx.payload.repeated import Repeated
from fcx.payload.scan import Scan
from fcx.payload.sharing import Sharing

THERE = """
import pickle, sys
sys.path.insert(0, {root!r})
from fcx.protocol import pickling
main = pickling.Main()
said = []
for data in pickle.load(sys.stdin.buffer):
    fn, args, kwargs = pickling.loads(data)
    said.append(repr(fn(*args, **kwargs)))
sys.stdout.buffer.write(pickle.dumps(said))
"""

SOURCE = """
    import functools, json, math, os.path, collections

    LIST, SET, TABLE, NUMBER, TEXT, NOTHING = [1, [2]], {1}, {"a": {"b": 1}}, 5, "text", None
    PAIR, CUT = (1, [2]), functools.partial(max, 3)

    class Base:
        known = 1
        held = [1]
        def told(self): return self.known, LIST
        @staticmethod
        def still(): return 1
        @classmethod
        def which(cls): return cls.__name__
        @property
        def seen(self): return 1

    class Thing(Base):
        own = {}

    def helper(): return NUMBER, inner()
    def inner(): return TEXT
    def noted(): return noted.count
    noted.count = 1

    def make():
        count, rows = 0, [1]
        def f(x=0, *rest, base=(1,), **named):
            made = Thing()
            calls = made.told(), made.still(), made.which(), made.seen, helper(), noted(), CUT(1)
            space = LIST, sorted(SET), TABLE, PAIR, NOTHING, Thing.own, Base.held, count, rows
            own = f.limit, f.tags, f.__doc__, f.__name__, f.__defaults__, sorted(f.__annotations__)
            try:
                late = LATE
            except NameError:
                late = None
            plain = math.sqrt(4), json.dumps([1]), os.path.basename("a/b"), collections.Counter
            return x, rest, base, sorted(named), calls, space, own, late, plain, x is LIST
        def change(**to):
            nonlocal count, rows
            count, rows = to.get("count", count), to.get("rows", rows)
        f.limit, f.tags, f.change = 1, [], None
        return f, change

    f, change = make()
"""

CHANGES = {
    "item of a global list": "LIST[0] += 1",
    "nested list": "LIST[1].append(3)",
    "list in a tuple": "PAIR[1].append(3)",
    "list grows": "LIST.append(7)",
    "list is turned": "LIST.reverse()",
    "set": "SET.add(9)",
    "nested dictionary": "TABLE['a']['b'] = 2",
    "order of a dictionary": "TABLE['b'] = TABLE.pop('a'); TABLE['a'] = 1",
    "number": "NUMBER = 6",
    "number becomes a truth": "NUMBER = True",
    "equal number of another type": "NUMBER = 5.0",
    "text": "TEXT = 'other'",
    "nothing": "NOTHING = 0",
    "name that there was none of": "LATE = 1",
    "name goes": "LATE = 1; del LATE",
    "helper": "def inner(): return 'new'",
    "code of a helper": "def other(): return 'code'\ninner.__code__ = other.__code__",
    "attribute of a function": "f.limit = 2",
    "new attribute of a helper": "noted.count = [noted.count]",
    "list in an attribute": "f.tags.append(1)",
    "default": "f.__defaults__ = (8,)",
    "default of a keyword": "f.__kwdefaults__['base'] = (2,)",
    "documentation": "f.__doc__ = 'Said.'",
    "annotation": "f.__annotations__['x'] = int",
    "name of the function": "f.__name__ = 'g'",
    "cell": "change(count=5)",
    "list in a cell": "change(rows=[3])",
    "class state": "Thing.own['a'] = 1",
    "class state of a base": "Base.held.append(2)",
    "class attribute": "Base.known = 2",
    "new class attribute": "Thing.known = 3",
    "method": "Base.told = lambda self: 'told'",
    "property": "Base.seen = property(lambda self: 2)",
    "partial": "CUT = functools.partial(max, 4)",
    "class is another": "class Thing(Base):\n    own = {'another': 1}",
    "module for another": "import cmath as math",
    "shadows a builtin": "def repr(x): return 'mine'\ndef sorted(x): return 'mine'",
}


@pytest.fixture
def repeated():
    """As an executor has it."""
    return Repeated(Sharing(Contents(), {}))


def anew(fn, args, kwargs):
    """The slow way."""
    return dump(fn, args, kwargs, Sharing(Contents(), {})).data


def said(*tasks):
    """What tasks give in another process."""
    root = str(__import__("pathlib").Path(__file__).parents[3])
    told = subprocess.run(
        [sys.executable, "-c", THERE.format(root=root)],
        input=pickle.dumps(tasks),
        capture_output=True,
        timeout=120,
        check=True,
    )
    return pickle.loads(told.stdout)


def made(source):
    """A script that was run, as its module."""
    found = types.ModuleType("__main__")
    exec(compile(textwrap.dedent(source), "script.py", "exec"), vars(found))
    return found


def known(repeated, fn, *args):
    """Submit until it is remembered; the last one."""
    for _ in range(3):
        last = repeated.dump(fn, args, {})
    return last


def test_changes_are_seen():
    """Whatever a function is made of may change between two submits; most may go back, too."""
    tasks, wanted = [], []
    for name, change in CHANGES.items():
        space = vars(made(SOURCE))
        repeated = Repeated(Sharing(Contents(), {}))
        fn = space["f"]
        assert known(repeated, fn).kept is not None, name
        exec(change, space)
        for args in ((), (space["LIST"], 2)):
            tasks.append(repeated.dump(fn, args, {"named": 1}).parcel.data)
            wanted.append(anew(fn, args, {"named": 1}))
    assert said(*tasks) == said(*wanted)


@pytest.mark.parametrize("name", [name for name in CHANGES if name != "name goes"])
def test_a_change_is_not_taken_for_none(name):
    """What changed is not taken from what is kept: a wrong guess would send the old."""
    space = vars(made(SOURCE))
    repeated = Repeated(Sharing(Contents(), {}))
    fn = space["f"]
    before = known(repeated, fn).kept
    exec(CHANGES[name], space)
    assert repeated.dump(fn, (), {}).kept is not before is not None


def test_what_is_kept_is_used(repeated):
    """Neither a first task nor one that changed: these share what was found of the function."""
    fn = vars(made(SOURCE))["f"]
    first, second, third, fourth = (repeated.dump(fn, (number,), {}) for number in range(4))
    assert first.kept is None
    assert second.kept is third.kept is fourth.kept is not None
    assert third.plain


def test_changes_at_each_submit_cost_little(repeated):
    """A function that is never as it was is not looked at more closely each time."""
    space = vars(made("N = 0\ndef f(): return N"))
    kept = 0
    for number in range(200):
        space["N"] = number
        kept += repeated.dump(space["f"], (), {}).kept is not None
    assert 0 < kept < 10


UNPROVABLE = {
    "instance": "class T:\n    n = 0\nHELD = T()\ndef f(): return HELD.n\n",
    "queue": "import collections\nHELD = collections.deque([1])\ndef f(): return HELD[0]",
    "ordered dictionary": "import collections\nHELD = collections.OrderedDict(a=1)\ndef f(): return HELD['a']",
    "bytearray": "HELD = bytearray(b'a')\ndef f(): return HELD[0]",
    "array": "import array\nHELD = array.array('i', [1])\ndef f(): return HELD[0]",
    "many": "HELD = list(range(5000))\ndef f(): return HELD[0]",
}


@pytest.mark.parametrize("source", UNPROVABLE.values(), ids=UNPROVABLE)
def test_what_may_change_unseen_is_pickled_anew(repeated, source):
    """An instance may do anything: its function is pickled each time."""
    assert known(repeated, vars(made(source))["f"]).kept is None


def test_shared_objects_are_shared(repeated):
    """An argument that the function has, too, is one object on the other end."""
    space = vars(made("HELD, OTHER = [1], [1]\ndef f(x): return x is HELD, x is OTHER"))
    known(repeated, space["f"], 0)
    for name, told in ("HELD", "(True, False)"), ("OTHER", "(False, True)"):
        task = repeated.dump(space["f"], (space[name],), {})
        assert task.kept is not None
        assert said(task.parcel.data) == said(anew(space["f"], (space[name],), {})) == [told]


ARGUMENTS = {
    "lambda": "lambda: NUMBER",
    "function that the function has": "helper",
    "class": "Thing",
    "instance": "Thing()",
    "itself": "f",
    "method": "Thing().told",
    "module": "os.path",
    "exception": "ValueError(1)",
    "odd": "functools.partial(helper)",
    "type": "int",
    "nested": "[1, (2.5, 'x'), {'a': {1}}, None, b'x', bytearray(b'y')]",
    "ellipsis": "[...]",
    "recursive": "[LIST.append(LIST), LIST, LIST.pop()]",
}


PLAIN = {ARGUMENTS["nested"], ARGUMENTS["recursive"], "helper", "Thing", "f"}
"""The function has brought the last three."""


@pytest.mark.parametrize("argument", ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments(repeated, argument):
    """What needs dill is pickled by it, with what it shares with the function."""
    space = vars(made(SOURCE))
    exec("def f(x): return type(x).__name__, helper(), Thing.own, getattr(x, '__name__', 0)", space)
    fn = space["f"]
    known(repeated, fn, 0)
    task = repeated.dump(fn, (eval(argument, space),), {})
    slow = anew(fn, (eval(argument, space),), {})
    assert task.kept is not None
    assert said(task.parcel.data) == said(slow)
    assert Scan(fn, task.parcel.data).key == Scan(fn, slow).key
    assert task.plain == (argument in PLAIN)


def test_submodules_that_an_argument_names(repeated):
    """A module comes with the submodules that code names, be it the code of an argument."""
    space = vars(made("import xml\nimport xml.dom.minidom\ndef f(g): return g()"))
    exec("def also(): return xml.__name__\ndef f(g): return xml.__name__, g()", space)
    exec("def deep(): return xml.dom.minidom.__name__", space)
    known(repeated, space["f"], space["also"])
    task = repeated.dump(space["f"], (space["deep"],), {})
    assert said(task.parcel.data) == ["('xml', 'xml.dom.minidom')"]


def test_module_that_is_replaced(repeated, project):
    """A function of a module is there under its name, or else it goes along."""
    project({"tool.py": "def f(): return 'old'\n"})
    import tool

    fn = tool.f
    before = known(repeated, fn).kept
    assert b"old" not in before.stream
    tool.f = lambda: "new"
    after = known(repeated, fn).kept
    assert b"old" in after.stream


@pytest.mark.parametrize("fn", [len, max, functools.partial(max, 1), int, math.sqrt, json.dumps])
def test_functions_of_others(repeated, fn):
    """What has a name, and partials of it."""
    task = known(repeated, fn, 3)
    assert task.kept is not None
    assert pickle.loads(task.parcel.data)[1:] == pickle.loads(anew(fn, (3,), {}))[1:]


steps = strategies.lists(strategies.sampled_from(list(CHANGES.values())), min_size=1, max_size=8)
values = strategies.recursive(
    strategies.none() | strategies.integers() | strategies.text() | strategies.binary(),
    lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.text(), inner),
    max_leaves=8,
)


@hypothesis.given(steps, strategies.lists(values, max_size=3))
@hypothesis.settings(max_examples=60, deadline=None)
def test_any_changes(changes, args):
    """Whatever was changed in whatever order: what is sent does what the slow way's does."""
    space = vars(made(SOURCE))
    fn = space["f"]
    repeated = Repeated(Sharing(Contents(), {}))
    for change in ["", *changes]:
        with contextlib.suppress(Exception):  # a change may not be possible any more
            exec(change, space)
        for _ in range(2):
            fast, slow = repeated.dump(fn, tuple(args), {}).parcel.data, anew(fn, tuple(args), {})
            assert called(fast) == called(slow)


def called(data):
    """What a task gives, as text."""
    fn, args, kwargs = pickle.loads(data)
    told = fn(*args, **kwargs)
    return Keys().of(len, (told,), {}), repr(told)

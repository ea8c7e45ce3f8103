"""What a pickled task refers to and imports, told without unpickling it."""

from __future__ import annotations

import functools
import importlib
import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import dill
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pickled import by_value, dump

from fcx.errors import PayloadError
from fcx.payload.needs import RequirementsCache, needed
from fcx.payload.scan import Scan
from fcx.protocol import pickling


def test_imports_of_helpers_and_nested_functions():
    """Code that travels by value: the function, its helpers, nested functions, methods."""
    fn = by_value(
        """
        def helper():
            import in_helper
        class Tool:
            def work(self):
                import in_method
        def f():
            helper()
            Tool()
            def g():
                import in_nested
            return [(lambda: __import__("in_text")), (lambda name: __import__(name)), g]
        """
    )
    found = needed(fn, dump(fn))
    wanted = {"in_helper", "in_method", "in_nested", "in_text"}
    assert {one.module for one in found.imports} == wanted


@pytest.mark.parametrize("protocol", range(6))
def test_references_under_every_protocol(protocol):
    """Modules that unpickling imports, however the protocol spells a global."""
    from fractions import Fraction

    call = pickle.dumps((len, Fraction(1, 2), {json.JSONDecoder}), protocol)
    assert {"fractions", "json.decoder"} <= needed(len, call).references


def test_modules_as_globals():
    """A module that a function of ``__main__`` names is a reference."""
    fn = by_value("import numpy as np, json\ndef f(x):\n    return np.sin(x), json")
    found = needed(fn, dump(fn))
    assert {"numpy", "json"} <= found.references
    assert "__main__" not in found.references
    assert found.installed["numpy"] == {"numpy": importlib.metadata.version("numpy")}


def test_modules_travel_by_name(project, monkeypatch):
    """The user's own module that a function names: neither its contents nor what they refer to."""
    from fcx.protocol import pickling

    project({"own.py": "import numpy\nGEN = (i for i in range(3))\ndef g():\n    import wave\n"})
    fn = by_value("import own\ndef f():\n    return own.g()")
    call = pickling.dumps((fn, (), {}))
    assert needed(fn, call).references == {"own"}


def test_submodules_that_code_names(project, tmp_path):
    """`import a.b` binds a; the far side imports a.b as well, whichever helper names it."""
    fn = by_value(
        """
        import xml, xml.etree.ElementTree, xml.dom.minidom
        def helper():
            return xml.dom.minidom.__name__
        def f():
            return xml.etree.ElementTree.__name__, helper()
        """
    )
    (tmp_path / "call").write_bytes(pickling.dumps((fn, (), {})))
    folder = Path(pickling.__file__).parent
    shutil.copy(folder / "pickling.py", tmp_path / "_fcx_pickling.py")
    shutil.copytree(Path(dill.__file__).parent, tmp_path / "dill")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import _fcx_pickling; "
        "fn, args, kwargs = _fcx_pickling.loads(open(sys.argv[1], 'rb').read()); print(fn())"
    )
    command = [sys.executable, "-I", "-S", "-c", script, str(tmp_path / "call")]  # without fcx
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "('xml.etree.ElementTree', 'xml.dom.minidom')\n", done.stderr


def test_memoised_names():
    """A module's name that the pickle has already used for something else."""
    import fractions

    call = pickle.dumps((("fractions", "Fraction"), fractions.Fraction), 5)
    assert "fractions" in needed(len, call).references


class Odd:
    """A callable whose attributes answer with an error."""

    def __call__(self):  # noqa: D102
        import of_the_instance  # noqa: F401

    def __getattr__(self, name):
        raise ZeroDivisionError(name)


def odd_callables():
    """Callables of every kind."""
    import numpy as np

    def plain():
        import of_the_function  # noqa: F401

    @functools.wraps(plain)
    def wrapper():
        return plain()

    return {
        "builtin": len,
        "method of a builtin": [].append,
        "ufunc": np.sin,
        "partial": functools.partial(plain),
        "partial of partial": functools.partial(functools.partial(plain, 1), 2),
        "wrapped": wrapper,
        "class": Odd,
        "lru_cache": functools.lru_cache(plain),
        "type": int,
        "lambda": lambda: None,
        "instance": object.__new__(Odd),
        "bound method": Path().exists,
        "class method": dict.fromkeys,
        "generator function": (lambda: (yield)),
        "no callable": None,
    }


@pytest.mark.parametrize("name", odd_callables())
@pytest.mark.parametrize(
    "payload", [b"", b"\x80\x05.", b"\x80\x05cos\nsystem\n(X\x02\x00\x00\x00lsR."]
)
def test_never_raises(name, payload):
    """Odd callables and damaged pickles get an answer."""
    fn = odd_callables()[name]
    found = needed(fn, payload)
    if name in {"partial", "partial of partial", "wrapped", "lru_cache"} and not payload:
        assert "of_the_function" in {one.module for one in found.imports}
    if name in {"class", "instance"} and not payload:
        assert "of_the_instance" in {one.module for one in found.imports}


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(payload):
    """No payload makes it raise."""
    with little_memory():
        needed(len, payload)


@contextmanager
def little_memory():
    """Bytes that are no pickle may name the 2,000,000,000th memo: C would take room for all before."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    room = pages * resource.getpagesize() + (256 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (room if soft < 0 else min(soft, room), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def test_nothing_of_the_pickle_runs(tmp_path):
    """Looking at a pickle calls nothing that it names."""
    target = tmp_path / "touched"

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(target),)

    call = pickle.dumps((len, (Trap(),), {}))
    assert "posix" in needed(len, call).references
    assert not target.exists()


def test_functions_of_the_users_own_modules(project):
    """A function by reference is looked at where it lives, with the helpers that it reaches."""
    project(
        {
            "own/__init__.py": "",
            "own/a.py": """
                from . import b
                def f():
                    import wanted_by_f
                    return b.g()
                def unrelated():
                    import wanted_by_nobody
                """,
            "own/b.py": "def g():\n    import wanted_by_g\n",
        }
    )
    own = importlib.import_module("own.a")
    found = needed(own.f, dump(own.f))
    assert found.references == {"own.a"}
    assert {one.module for one in found.imports} == {"wanted_by_f", "wanted_by_g"}


REACHED = {
    "in a dictionary": "table = {'a': helper}\ndef f(): return table['a']()",
    "in a list": "table = [1, helper]\ndef f(): return table[1]()",
    "by default": "def f(g=helper): return g()",
    "by default of a keyword": "def f(*, g=helper): return g()",
    "in a partial": "import functools\ng = functools.partial(helper)\ndef f(): return g()",
    "of an instance": "class C:\n    def m(self): return helper()\nc = C()\ndef f(): return c.m()",
    "by a setter": (
        "class C:\n    def g(self): pass\n    def s(self, v): helper()\n    x = property(g, s)\n"
        "def f():\n    C().x = 1"
    ),
    "by a cached property": (
        "import functools\nclass C:\n    @functools.cached_property\n    def x(self): return helper()\n"
        "def f(): return C().x"
    ),
    "of a metaclass": (
        "class M(type):\n    def __call__(cls): return helper()\n"
        "class C(metaclass=M): pass\ndef f(): return C()"
    ),
    "by dispatch": (
        "import functools\n@functools.singledispatch\ndef g(x): pass\n"
        "@g.register\ndef _(x: int): return helper()\ndef f(): return g(1)"
    ),
    "by a module's getattr": "from own import lazy\ndef f(): return lazy.anything",
    "by a dotted name": "import own.deep.tool\ndef f(): return own.deep.tool.g()",
}


@pytest.mark.parametrize("way", REACHED)
@pytest.mark.parametrize("by_name", [True, False])
def test_the_users_own_code_is_followed(project, way, by_name):
    """However a function gets at it; of a module, or of a script that names the module."""
    helper = "def helper():\n    import wanted\n"
    project(
        {
            "own/__init__.py": "",
            "own/lazy.py": "def __getattr__(name):\n    import wanted\n    return wanted\n",
            "own/deep/__init__.py": "",
            "own/deep/tool.py": "def g():\n    import wanted\n",
            "own/a.py": helper + REACHED[way],
        }
    )
    if by_name:
        fn = importlib.import_module("own.a").f
    else:
        fn = by_value(helper + REACHED[way])
    assert "wanted" in {one.module for one in needed(fn, dump(fn)).imports}


BEFORE = {
    "an instance": "class C: pass\na = C()",
    "a dataclass's": "import dataclasses\n@dataclasses.dataclass\nclass C:\n    x: int = 1\na = C()",
    "of slots": "class C:\n    __slots__ = ('x',)\na = C()\na.x = 1",
    "of a dict": "class C(dict): pass\na = C(x=1)",
    "of a list": "class C(list): pass\na = C([1])",
    "a tuple with names": "import collections\nC = collections.namedtuple('C', 'x')\na = C(1)",
    "keys": "class C: pass\na = {C(): 1, C(): 2}",
    "a set": "class C: pass\na = {C(), C()}",
    "an error": "class C(Exception): pass\na = C('x')",
    "made with words": (
        "class C:\n    def __new__(cls, *, k): return object.__new__(cls)\n"
        "    def __getnewargs_ex__(self): return (), {'k': 1}\na = C(k=1)"
    ),
    "of a metaclass": "class M(type): pass\nclass C(metaclass=M): pass\na = C()",
}


@pytest.mark.parametrize("kind", BEFORE)
def test_nothing_hides_what_comes_after_it(project, kind):
    """The look at a pickle does not end at an instance of a class that travels by value."""
    project({"own/__init__.py": "class K: pass\n"})
    own = importlib.import_module("own")
    fn = by_value(f"{BEFORE[kind]}\ndef f(b):\n    return a, b")
    payload = dump(fn, own.K())
    assert "own" in needed(fn, payload).references
    Scan(fn, payload).refuse_half()


def test_half_a_look_is_refused():
    """What is behind it would be neither judged nor shipped."""
    odd = b"\x80\x04]\x8c\x01aK\x01s."  # an item of a list that is named by a text
    with pytest.raises(PayloadError, match="cannot be told which modules this task needs"):
        RequirementsCache().needs(len, odd)
    with pytest.raises(PayloadError, match="cannot be told"):
        RequirementsCache(first=odd)

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

from fcx.payload.needs import needed
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

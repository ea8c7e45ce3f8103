"""Modules that no import statement has found: loaded from a file under any name, or made in memory."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import textwrap
import types

import pytest
from pickled import names_in
from unpacked import unpacked

from fcx.payload.contents import Contents
from fcx.payload.dump import dump
from fcx.payload.needs import RequirementsCache
from fcx.payload.places import is_made_by_hand, places_of
from fcx.payload.sharing import Sharing

WORKER = """
import pickle, sys
sys.path.insert(0, sys.argv[1])
from _fcx.protocol import pickling
del sys.path[0]
sys.path[:0] = sys.argv[3:]
pickling.Main()
with open(sys.argv[2], "rb") as file:
    fn, args, kwargs = pickling.loads(file.read())
print(fn(*args, **kwargs))
"""


@pytest.fixture
def remotely(tmp_path):
    """What a call prints in a process that has nothing but what is sent."""

    def run(fn, *args):
        (tmp_path / "task").write_bytes(data := dump(fn, args, {}, Sharing(Contents(), {})).data)
        needs = RequirementsCache().needs(fn, data)
        (tmp_path / "modules.zip").write_bytes(needs.archive)
        paths = [str(tmp_path / "modules.zip")] if needs.archive else []
        command = [
            sys.executable,
            "-c",
            WORKER,
            str(unpacked(tmp_path / "programs")),
            str(tmp_path / "task"),
        ]
        done = subprocess.run(
            [*command, *paths], capture_output=True, text=True, cwd="/", check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip(), needs

    return run


@pytest.mark.parametrize("registered", [True, False])
def test_one_loaded_from_a_file_of_another_name(tmp_path, monkeypatch, remotely, registered):
    """Its source travels under the name that it has; or its functions do, where nobody can import it."""
    (tmp_path / "plug.py").write_text(
        "X = 4\ndef helper(x):\n    return x * 10\ndef work(x):\n    return helper(x) + X\n"
    )
    spec = importlib.util.spec_from_file_location("fcx_loaded", tmp_path / "plug.py")
    module = importlib.util.module_from_spec(spec)
    if registered:
        monkeypatch.setitem(sys.modules, "fcx_loaded", module)
    spec.loader.exec_module(module)
    told, needs = remotely(module.work, 2)
    assert told == "24"
    assert (names_in(needs.archive) if needs.archive else []) == ["fcx_loaded.py"] * registered


def test_one_made_in_memory(monkeypatch, remotely):
    """It travels with all that is in it."""
    module = types.ModuleType("fcx_by_hand")
    exec("X = 2\ndef double(y):\n    return X * y", vars(module))
    monkeypatch.setitem(sys.modules, "fcx_by_hand", module)
    assert is_made_by_hand("fcx_by_hand")
    assert not is_made_by_hand("sys")
    assert not is_made_by_hand("fcx_nobody")
    assert remotely(module.double, 4)[0] == "8"


def test_one_that_has_something_for_every_name(monkeypatch):
    """As stand-ins for what is not installed have: it is none of a file's name."""
    module = types.ModuleType("fcx_any_name")
    module.__getattr__ = lambda name: lambda *_: name
    monkeypatch.setitem(sys.modules, "fcx_any_name", module)
    assert is_made_by_hand("fcx_any_name")
    assert places_of("fcx_any_name") == []


def test_a_script_of_a_package(tmp_path, remotely, monkeypatch):
    """`python -m parcel.main`: what it imports relatively travels, and __main__ is what it is at home."""
    parcel = tmp_path / "fcx_parcel"
    parcel.mkdir()
    (parcel / "__init__.py").touch()
    (parcel / "a.py").write_text("import wave\ndef x():\n    return 'of a'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    source = """
        CONSTANT = 5
        def f():
            import __main__
            from .a import x
            return x(), __package__, __main__.CONSTANT, __main__.f is f
        """
    space = {"__name__": "__main__", "__package__": "fcx_parcel"}
    exec(compile(textwrap.dedent(source), "main.py", "exec"), space)
    told, needs = remotely(space["f"])
    assert told == "('of a', 'fcx_parcel', 5, True)"
    assert "fcx_parcel/a.py" in names_in(needs.archive)
    assert [one.module for one in needs.requirements.imports if one.top] == ["wave"]

"""What is to be run is found here; a slip is told before anything is sent, and nothing is run."""

from __future__ import annotations

import io
import sys
import zipfile
from importlib.util import spec_from_file_location

import pytest

from fcx.errors import UsageError
from fcx.launch.target import find, find_module


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "__init__.py").write_text("raise SystemExit('imported')")
    (tmp_path / "theirs" / "work.py").write_text("from math import sqrt\ndef f(): ...\n")
    (tmp_path / "bad.py").write_text("x = 1\nif x\n")
    (tmp_path / "a script.py").write_text("import theirs.work")
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as packed:
        packed.writestr("zipped/__init__.py", "def f(): ...")
        packed.writestr("zipped/sub.py", "def f(): ...")
    monkeypatch.syspath_prepend(str(tmp_path / "some.zip"))
    with zipfile.ZipFile(tmp_path / "some.zip") as packed, (tmp_path / "app").open("wb") as app:
        app.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(app, "w") as runs:
            runs.writestr("__main__.py", "import inner, theirs")
            runs.writestr("inner.py", packed.read("zipped/sub.py"))
    (tmp_path / "theirs" / "step.py").write_text("import sys\nfrom . import work\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "hooked.py").write_text("def f(): ...")
    (tmp_path / "space" / "part").mkdir(parents=True)
    (tmp_path / "space" / "part" / "code.py").write_text("def f(): ...")
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Hook(tmp_path / "src" / "hooked.py")])
    return tmp_path


class Hook:
    """As editable installs of setuptools put one into ``sys.meta_path``."""

    def __init__(self, file):
        self.file = file

    def find_spec(self, name, path=None, target=None):
        """Of the one module that it maps."""
        return spec_from_file_location(name, self.file) if name == "hooked" else None


@pytest.mark.parametrize(
    "what",
    ["zipped:f", "zipped.sub:f", "hooked:f", "space.part.code:f", "sys:exit", "os:getcwd"],
)
def test_wherever_python_finds_modules(folder, what):
    """In a zip, by the finder of an editable install, in a namespace, built in, or frozen."""
    assert find(what, []).name == what


def test_a_script(folder):
    """By its path; what it imports is looked for beside it, and told by its code."""
    found = find(str(folder / "a script.py"), ["-x"])
    assert (found.name, found.file, found.arguments) == ("a script.py", "a script.py", ["-x"])
    assert found.content == b"import theirs.work"
    assert "theirs.work" in found.needs.co_names
    assert found.beside == str(folder)
    assert str(folder) not in sys.path


def test_a_function(folder):
    """Of a module that is not imported to be found; names that it imports itself are its own."""
    for name in ("f", "sqrt", "f.__call__"):
        found = find(f"theirs.work:{name}", ["1"])
        assert found.arguments == [f"theirs.work:{name}", "1"]
    assert found.needs.co_names[:1] == ("theirs.work",)
    assert "theirs" not in sys.modules
    assert find("math:sqrt", []).name == "math:sqrt"


@pytest.mark.parametrize("what", ["space", "space/", "."])
def test_a_folder_with_a_main(folder, monkeypatch, what):
    """As Python runs one: its own modules lie in it."""
    (folder / "space" / "__main__.py").write_text("import part.code")
    monkeypatch.chdir(folder / "space" if what == "." else folder)
    found = find(what, ["-x"])
    assert (found.name, found.file, found.arguments) == ("space", "__main__.py", ["-x"])
    assert (found.content, found.beside) == (b"import part.code", str(folder / "space"))


def test_a_script_in_standard_input(folder, monkeypatch):
    """Its modules lie in the current folder."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"import theirs")))
    found = find("-", ["-x"])
    assert (found.name, found.file, found.arguments) == ("-", "-", ["-x"])
    assert (found.content, found.beside) == (b"import theirs", str(folder))


def test_a_zip_application(folder):
    """Whole, with what stands before the zip; what it imports from elsewhere is told by its code."""
    found = find("app", ["-x"])
    assert (found.name, found.file, found.arguments) == ("app", "app", ["-x"])
    assert found.content == (folder / "app").read_bytes()
    assert "theirs" in found.needs.co_names


def test_a_module_as_python_runs_one(folder):
    """A package by its ``__main__``, which has a package then: what it imports from it is found."""
    assert find_module("theirs.step", ["-x"]).arguments == ["theirs.step", "-x"]
    (folder / "theirs" / "__main__.py").write_text("from . import work")
    found = find_module("theirs", [])
    assert found.needs.co_names == ("theirs.__main__", "theirs")
    assert "theirs" not in sys.modules


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("nothing", "no module 'nothing'"),
        ("theirs.nothing", "no module 'theirs.nothing'"),
        ("theirs", "'theirs' is a package without a __main__.py: name one of its modules"),
    ],
)
def test_modules_that_cannot_be_run(folder, what, told):
    """As of functions."""
    with pytest.raises(UsageError) as raised:
        find_module(what, [])
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("theirs/step.py", "(line 2), which Python refuses of a script"),
        ("theirs/step.py", "`fcx run -m theirs.step`"),
        ("some.zip", "is a zip without a __main__.py"),
        ("nothing.py", "'nothing.py' is no file: give the path"),
        ("nothing", "'nothing' is no file: give the path"),
        ("theirs", "'theirs' is a folder without a __main__.py: give the path"),
        ("bad.py", "line 2\n    if x\n"),
        ("bad:f", "line 2\n    if x\n"),
        ("nothing:f", "no module 'nothing'"),
        ("theirs.nothing:f", "no module 'theirs.nothing'"),
        ("theirs.work:sqrr", "Did you mean theirs.work:sqrt?"),
        ("zipped:g", "no 'g' in module 'zipped'"),
        ("hooked:g", "no 'g' in module 'hooked'"),
        ("theirs.work:g", "no 'g' in module 'theirs.work'"),
        ("theirs.work:", "give the path of a script, a function as module:function, or a module"),
    ],
)
def test_what_cannot_be_run(folder, what, told):
    """Each says what it is that is not there."""
    with pytest.raises(UsageError) as raised:
        find(what, [])
    assert told in str(raised.value)

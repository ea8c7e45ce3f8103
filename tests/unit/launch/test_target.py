"""What is to be run is found here; a slip is told before anything is sent, and nothing is run."""

from __future__ import annotations

import sys

import pytest

from fcx.errors import UsageError
from fcx.launch.target import find


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "__init__.py").write_text("raise SystemExit('imported')")
    (tmp_path / "theirs" / "work.py").write_text("from math import sqrt\ndef f(): ...\n")
    (tmp_path / "bad.py").write_text("x = 1\nif x\n")
    (tmp_path / "a script.py").write_text("import theirs.work")
    return tmp_path


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


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("nothing.py", "'nothing.py' is no file: give the path"),
        ("nothing", "'nothing' is no file: give the path"),
        ("theirs", "'theirs' is a folder: give the path"),
        ("bad.py", "line 2\n    if x\n"),
        ("bad:f", "line 2\n    if x\n"),
        ("nothing:f", "no module 'nothing'"),
        ("theirs.nothing:f", "no module 'theirs.nothing'"),
        ("theirs.work:g", "no 'g' in module 'theirs.work'"),
        ("theirs.work:", "give the path of a script, or a function as module:function"),
    ],
)
def test_what_cannot_be_run(folder, what, told):
    """Each says what it is that is not there."""
    with pytest.raises(UsageError) as raised:
        find(what, [])
    assert told in str(raised.value)

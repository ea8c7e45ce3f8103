"""A function called as a program, by the file that does so on the cluster."""

from __future__ import annotations

import subprocess
import sys
from importlib import resources

import pytest

CALL = str(resources.files("fcx.launch") / "call.py")
MODULE = """
import sys
class Told:
    @staticmethod
    def back(*words): return words
def silent(*words): print(sys.argv, __name__)
def fails(): raise KeyError("no")
class Adder:
    def __call__(self, number): return number + 1
adder = Adder()
SIZE = 3
def leaves(code): sys.exit(code)
"""


@pytest.fixture
def call(tmp_path):
    """Call one of the functions above."""
    (tmp_path / "their.py").write_text(MODULE)

    def run(*words):
        return subprocess.run(
            [sys.executable, CALL, *words],
            env={"PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_literals_are_values_and_all_else_is_text(call):
    """A result that is not None is printed."""
    words = ("3", "[1, 'a']", "None", "007", "--n", "a=b", "'3'", "")
    done = call("their:Told.back", *words)
    assert done.stdout == f"{(3, [1, 'a'], None, '007', '--n', 'a=b', '3', '')}\n"
    assert done.returncode == 0


def test_none_is_not_printed(call):
    """The function finds its own arguments in ``sys.argv``, as a script does."""
    assert call("their:silent", "x").stdout == "['their:silent', 'x'] their\n"


def test_a_traceback_begins_in_the_module(call):
    """It has no frame of ours; exit codes are those of any script."""
    done = call("their:fails")
    assert done.returncode == 1
    assert done.stderr.count("  File ") == 1
    assert done.stderr.endswith("KeyError: 'no'\n")
    assert call("their:leaves", "3").returncode == 3


def test_what_cannot_be_called_is_told_in_a_line(call):
    """What is not there, with what was meant; an object that is called as a function is one."""
    assert call("their:adder", "2").stdout == "3\n"
    for what, told in {
        "their:silnt": "There is no 'silnt' in 'their'. Did you mean 'silent'?",
        "their:Told.bakc": "There is no 'bakc' in 'their.Told'. Did you mean 'back'?",
        "their:SIZE": "'their.SIZE' cannot be called: it is of 'int'.",
    }.items():
        done = call(what)
        assert (done.returncode, done.stderr) == (1, f"{told}\n")


def test_a_module_without_a_function_is_run(call, tmp_path):
    """As its package's own, with relative imports; ours is not in the way of a module's name."""
    (tmp_path / "call").mkdir()
    (tmp_path / "call" / "__init__.py").write_text("")
    (tmp_path / "call" / "one.py").write_text("def f(): raise KeyError(1)\nNAME = 'one'")
    run = "import sys\nfrom . import one\nprint(one.NAME, __name__, sys.argv[1:])\none.f()\n"
    (tmp_path / "call" / "__main__.py").write_text(run)
    for name in "call", "call.__main__":
        done = call(name, "3", "-x")
        assert done.stdout == "one __main__ ['3', '-x']\n"
        assert done.stderr.splitlines()[1].endswith('__main__.py", line 4, in <module>')
        assert done.stderr.endswith("KeyError: 1\n")


def test_a_module_that_raises_at_import(call, tmp_path):
    """The traceback is of its own lines."""
    (tmp_path / "raises.py").write_text("import their\n1 / 0\n")
    done = call("raises:f")
    assert done.returncode == 1
    assert done.stderr.count("  File ") == 1
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")

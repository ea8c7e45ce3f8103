"""Aliases of Python 3.12's ``type`` statement, from a script to another process."""

from __future__ import annotations

import os
import subprocess
import textwrap
from pathlib import Path

import pytest
from interpreters import found, with_dill

from fcx.protocol import pickling

ROOM = Path(pickling.__file__).parent
PYTHONS = {version: python for version, python in found().items() if version >= (3, 12)}
SCRIPT = """
import pickle, subprocess, sys, typing
sys.path.insert(0, sys.argv[1])
import pickling

type Vec[T] = list[T]
type Tree[T] = T | list[Tree[T]]
type Plain = int | list[Plain]
type Call[*Ts, **P] = typing.Callable[P, tuple[*Ts]]
type Left[T] = list[Right[T]]
type Right[U] = U | Left[U]
Name = typing.NewType("Name", int)

def own(alias):
    return [each in alias.__value__.__parameters__ for each in alias.__type_params__]

def told(x: Vec[int], y: Tree[str] = 3, z: Call[int, [str]] = None):
    inner = Tree.__value__.__args__[1].__args__[0]
    return (
        [str(each) for each in told.__annotations__.values()], Vec.__module__, Name(3),
        [own(each) for each in (Vec, Tree, Call, Left, Right)],
        inner.__origin__ is Tree, Tree[int].__args__, Call[int, [str]].__args__,
        Plain.__value__.__args__[1].__args__[0] is Plain,
        Right.__value__.__args__[1].__origin__ is Left,
        Left.__value__.__args__[0].__origin__ is Right,
    )

WORKER = '''
import pickle, sys
sys.path.insert(0, sys.argv[1])
sys.modules["_fcx_pickling"] = pickling = __import__("pickling")
for task in pickle.load(sys.stdin.buffer):
    main = pickling.Main()
    found = pickling.loads(task)
    (fn,) = (each for each in found if hasattr(each, "__code__"))
    print(fn([1]))
sys.stdout.flush()
sys.stdout.buffer.write(pickling.dumps(main.Tree, home=False))
'''
held = [told], [told, Tree], [Vec[int], told], [told, Tree.__value__]
tasks = pickle.dumps([pickling.dumps(each) for each in held])
done = subprocess.run(
    [sys.executable, "-c", WORKER, sys.argv[1]], input=tasks, stdout=subprocess.PIPE, check=True
)
*lines, back = done.stdout.split(b"\\n", len(held))
assert lines == [str(told([1])).encode()] * len(held), lines
assert pickling.loads(back) is Tree
assert all(told([1])[3]) and told([1])[4] is True
"""


@pytest.mark.parametrize("version", PYTHONS, ids=lambda version: "{}.{}".format(*version))
def test_generic_aliases(version, tmp_path):
    """With parameters of each kind, of themselves, and of each other."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    done = subprocess.run(
        [PYTHONS[version], str(script), str(ROOM)],
        env={**os.environ, "PYTHONPATH": with_dill(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr

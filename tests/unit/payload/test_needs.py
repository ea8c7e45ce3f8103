"""What a task needs, worked out once for each kind of task."""

from __future__ import annotations

import gc
import importlib
import sys

from pickled import by_value, dump, names_in

from fcx.payload.dump import dump_initializer
from fcx.payload.needs import RequirementsCache


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):  # noqa: D102
        return self.now


def test_cache_gives_the_same_object():
    """Calls of one kind share their needs, whatever the arguments."""
    fn = by_value("def f(x):\n    import json\n    return x")
    cache = RequirementsCache()
    assert cache.needs(fn, dump(fn, 1)) is cache.needs(fn, dump(fn, 2))
    assert cache.needs(fn, dump(fn, 1)).archive == b""


def test_cache_sees_edits(project):
    """A module that was edited since is sent anew; one that was not is not even read."""
    folder = project({"own.py": "def f(): return 1\n"})
    own = importlib.import_module("own")
    clock = Clock()
    cache = RequirementsCache(clock=clock)
    first = cache.needs(own.f, dump(own.f))
    assert names_in(first.archive) == ["own.py"]
    clock.now = 10.0
    assert cache.needs(own.f, dump(own.f)) is first
    (folder / "own.py").write_text("def f(): return 2000\n")
    clock.now = 20.0
    second = cache.needs(own.f, dump(own.f))
    assert second.archive_name != first.archive_name
    assert first.shipped == second.shipped


def test_requirements_beyond_what_is_shipped(project):
    """What travels need not be there; what it imports on top must be."""
    project(
        {
            "own.py": """
                import numpy
                import json
                def f():
                    import scipy
                def g():
                    import wave
                """
        }
    )
    own = importlib.import_module("own")
    needs = RequirementsCache().needs(own.f, dump(own.f))
    assert needs.requirements.references == frozenset()
    tops = [one.top for one in needs.requirements.imports]
    assert tops == ["scipy", "numpy", "json"]
    assert set(needs.requirements.installed) == {"scipy", "numpy", "json"}


def test_include_travels_with_every_call(project):
    """What a user includes is shipped although the call does not mention it."""
    project({"extra.py": ""})
    cache = RequirementsCache(include=["extra"])
    assert names_in(cache.needs(len, dump(len)).archive) == ["extra.py"]


def python_calls(work) -> int:
    """How many functions, of Python and of C, a piece of work calls."""
    count = 0

    def note(_frame, event, _argument):
        nonlocal count
        count += event in {"call", "c_call"}

    gc.disable()  # what a collection calls is not the work's
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


def test_cost_of_a_submit():
    """The cached look at a small task is far below what pickling it costs."""
    fn = by_value("def f(x):\n    return x * x")
    cache = RequirementsCache()
    tasks = [dump(fn, number) for number in range(3)]
    cache.needs(fn, tasks[0])
    looking = python_calls(lambda: cache.needs(fn, tasks[1]))
    assert looking == python_calls(lambda: cache.needs(fn, tasks[2]))
    assert looking < python_calls(lambda: dump(fn, 3)) / 2


def test_each_task_needs_what_the_initializer_needs(project):
    """Its modules travel with the task, as no worker runs a task before it; its imports are judged."""
    project(
        {
            "prepares.py": """
                def prepare():
                    import wave
                """
        }
    )
    prepare = importlib.import_module("prepares").prepare
    needs = RequirementsCache(first=dump_initializer(prepare, ())).needs(len, dump(len))
    assert names_in(needs.archive) == ["prepares.py"]
    assert [one.top for one in needs.requirements.imports] == ["wave"]

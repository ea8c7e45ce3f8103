"""Futures as arguments: a task takes the value of another, wherever that was computed."""

from __future__ import annotations

import asyncio
import functools
import importlib
import time
from concurrent.futures import CancelledError, Future, as_completed
from pathlib import Path

import numpy as np
import pytest
from executors.deadline import WAIT, eventually
from executors.script import run_script

from fcx import errors
from fcx.executor.effects.files import FileEffects
from fcx.executor.effects.left import ValueFiles


def add(a, b=1):
    """Something small."""
    return a + b


def array(size):
    """Something large."""
    return np.arange(float(size))


def fail(value):
    """Nothing."""
    raise ValueError(f"no {value}")


class TestValues:
    """What the task finds."""

    def test_by_position_and_keyword(self, ex):
        """The value itself."""
        one, two = ex.submit(add, 1), ex.submit(add, 10)
        assert ex.submit(add, one, b=two).result(WAIT) == 13

    def test_at_any_depth(self, ex):
        """In containers, partials and closures."""
        one = ex.submit(add, 1)
        task = ex.submit(
            functools.partial(lambda a, b, c: (a[0]["x"], b, c, one), [{"x": one}]), (one,), c=one
        )
        assert task.result(WAIT) == (2, (2,), 2, 2)

    def test_of_a_task_that_has_ended(self, ex):
        """Small or large, known or not yet."""
        small, large = ex.submit(add, 1), ex.submit(array, 200_000)
        small.result(WAIT), large.result(WAIT)
        assert ex.submit(add, small).result(WAIT) == 3
        assert ex.submit(lambda a: float(a.sum()), large).result(WAIT) == np.arange(200_000.0).sum()

    def test_a_large_one_does_not_come_back(self, make, site):
        """It is read where it lies: nothing of it is uploaded."""
        executor = make()
        large = executor.submit(array, 200_000)
        tasks = [executor.submit(lambda a, n: float(a[n]), large, n) for n in range(3)]
        assert [task.result(WAIT) for task in tasks] == [0.0, 1.0, 2.0]
        mine = executor.run_directory
        sent = [each for each in site.uploads() if each["path"].startswith(mine)]
        assert sum(each["size"] for each in sent if "/modules/" not in each["path"]) < 100_000

    def test_a_chain(self, make):
        """Submitted at once, with one worker: nothing waits for ever."""
        executor = make(max_workers=1)
        task = executor.submit(add, 0)
        for _ in range(5):
            task = executor.submit(add, task)
        assert task.result(WAIT) == 6

    def test_a_tree(self, make):
        """Several of several."""
        executor = make()
        leaves = [executor.submit(add, n, 0) for n in range(8)]
        while len(leaves) > 1:
            pairs = zip(leaves[::2], leaves[1::2], strict=True)
            leaves = [executor.submit(add, a, b) for a, b in pairs]
        assert leaves[0].result(WAIT) == sum(range(8))

    def test_each_has_its_own(self, ex):
        """Who changes it changes nobody else's."""
        first = ex.submit(lambda: [1])

        def change(found):
            found.append(2)
            return found

        tasks = [ex.submit(change, first) for _ in range(2)]
        assert [task.result(WAIT) for task in tasks] == [[1, 2], [1, 2]]

    def test_classes_of_the_script(self, site, tmp_path):
        """Which the second function does not name."""
        script = """
        import os
        from fcx import FirecrestExecutor
        class Point:
            def __init__(self, x): self.x = x
            def twice(self): return Point(2 * self.x)
        def make(x): return Point(x)
        def same(point): return point
        def double(point): return point.twice()
        with FirecrestExecutor(os.environ["WORKING_DIR"], ["--time=00:05:00"], sleep_interval=1,
                               idle_timeout=3, max_workers=2, max_tasks_per_child=1) as executor:
            point = executor.submit(make, 5)
            again = executor.submit(same, executor.submit(same, point))
            given = executor.submit(same, Point(1))
            results = executor.submit(double, again), executor.submit(double, given)
            print([each.result().x for each in results], type(results[0].result()) is Point)
        """
        assert run_script(tmp_path, script, site).stdout.strip() == "[10, 2] True"

    def test_classes_of_a_module_of_ones_own(self, make, tmp_path, monkeypatch):
        """Which goes where its instances go."""
        text = "class Thing:\n    n = 7\ndef give(): return Thing()\n"
        (tmp_path / "ofourown.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        executor = make(max_tasks_per_child=1)
        thing = executor.submit(importlib.import_module("ofourown").give)
        assert executor.submit(lambda given: given.n, thing).result(WAIT) == 7


class TestEnds:
    """What has no value."""

    def test_a_failure_is_that_of_both(self, ex, tmp_path):
        """And of those that follow; none of them runs."""
        first = ex.submit(fail, "luck")
        second = ex.submit(lambda _: (tmp_path / "ran").touch(), first)
        third = ex.submit(add, second)
        for task in second, third:
            error = task.exception(WAIT)
            assert type(error) is ValueError
            assert str(error) == "no luck"
            assert "This is how fail ended" in str(error.__notes__).replace(f"{__name__}.", "")
        assert not hasattr(first.exception(WAIT), "__notes__")
        assert not (tmp_path / "ran").exists()

    def test_a_failure_that_is_known(self, ex):
        """When it is submitted."""
        first = ex.submit(fail, "luck")
        first.exception(WAIT)
        second = ex.submit(add, first)
        assert second.done()
        assert str(second.exception()) == "no luck"
        assert "fail" in second.exception().__notes__[0]
        assert not hasattr(first.exception(), "__notes__")

    def test_cancelled(self, make):
        """As the other."""
        executor = make(max_workers=1)
        busy = executor.submit(time.sleep, 2)
        first = executor.submit(add, 1)
        second = executor.submit(add, first)
        assert first.cancel()
        with pytest.raises(CancelledError):
            second.result(WAIT)
        third = executor.submit(add, first)
        assert third.cancelled()
        assert busy.result(WAIT) is None

    def test_one_that_waits_is_cancelled(self, make):
        """The other goes on."""
        executor = make()
        first = executor.submit(lambda: time.sleep(1) or 1)
        second = executor.submit(add, first)
        assert second.cancel()
        assert first.result(WAIT) == 1

    def test_of_another_run(self, make):
        """Refused."""
        other = make().submit(add, 1)
        with pytest.raises(errors.PayloadError, match="a future of another executor"):
            make().submit(add, other)

    def test_of_another_kind(self, ex):
        """Refused, in words."""
        with pytest.raises(errors.PayloadError, match="a future of this process"):
            ex.submit(add, Future())

        async def within():
            return ex.submit(add, asyncio.get_running_loop().create_future())

        with pytest.raises(errors.PayloadError, match="a future of this process"):
            asyncio.run(within())


class TestRemote:
    """What is handed on stays where it lies until somebody asks for it."""

    def test_a_large_one_is_not_fetched(self, make, monkeypatch):
        """By nobody; the tasks that take it have it."""
        fetched = fetches(monkeypatch)
        executor = make()
        large = executor.submit(array, 200_000)
        value = large.remote()
        assert "RemoteValue of <FirecrestFuture" in repr(value)
        ends = [
            executor.submit(lambda a, n: float(a[n]), given, n)
            for n, given in enumerate([value, large, [value][0]])
        ]
        assert [task.result(WAIT) for task in ends] == [0.0, 1.0, 2.0]
        assert large.done()
        assert not fetched
        assert float(large.result(WAIT)[-1]) == 199_999.0
        assert len(fetched) == 1
        assert large.result(WAIT) is large.result(WAIT)
        assert len(fetched) == 1

    def test_what_it_printed_too(self, make):
        """Comes with it."""

        def speaks():
            print("a word")
            return bytes(500_000)

        executor = make()
        task = executor.submit(speaks)
        length = executor.submit(len, task.remote())
        assert length.result(WAIT) == 500_000
        assert task.stdout() == "a word\n"
        assert task.exception() is None

    def test_small_ones_come_as_ever(self, make, monkeypatch):
        """They are in the log."""
        fetched = fetches(monkeypatch)
        task = make().submit(add, 1)
        task.remote()
        assert task.result(WAIT) == 2
        assert not fetched

    def test_an_exception_comes_as_ever(self, make):
        """It is no value."""
        task = make().submit(fail, "x" * 400_000)
        task.remote()
        assert isinstance(task.exception(WAIT), ValueError)

    def test_callbacks_and_as_completed(self, make):
        """When it has ended; they may ask for it."""
        executor, heard = make(), []
        task = executor.submit(array, 200_000)
        task.remote()
        task.add_done_callback(lambda future: heard.append(len(future.result())))
        assert list(as_completed([task], WAIT)) == [task]
        eventually(lambda: heard == [200_000])

    def test_awaited(self, make):
        """Beside the event loop; and cancelled."""
        executor = make(max_workers=1)

        async def main():
            task = executor.submit(array, 200_000)
            task.remote()
            found = len(await task)
            slow = executor.submit(time.sleep, 60)
            slow.remote()
            waits = asyncio.ensure_future(_wait(slow))
            await asyncio.sleep(0.1)
            waits.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waits
            return found, slow.cancelled()

        assert asyncio.run(main()) == (200_000, True)

    def test_an_argument_is_there_after_the_end(self, make):
        """It was never said that nobody wants it."""
        with make() as executor:
            large = executor.submit(array, 200_000)
            task = executor.submit(len, large)
        assert task.result() == 200_000
        assert len(large.result()) == 200_000

    def test_what_was_left_is_gone_after_the_end(self, make):
        """In words."""
        with make() as executor:
            large = executor.submit(array, 200_000)
            task = executor.submit(len, large.remote())
        assert task.result() == 200_000
        with pytest.raises(errors.ResultError, match="Call result\\(\\) before it is shut down"):
            large.result()


async def _wait(task):
    return await task


def fetches(monkeypatch):
    """Outcomes that are fetched from now on."""
    found = []
    fetch, later = FileEffects.fetch, ValueFiles.fetch

    async def at_once(self, action):
        found.append(action.task)
        return await fetch(self, action)

    async def asked(self, task, *rest):
        found.append(task)
        return await later(self, task, *rest)

    monkeypatch.setattr(FileEffects, "fetch", at_once)
    monkeypatch.setattr(ValueFiles, "fetch", asked)
    return found


def test_no_pilot_for_what_waits(make):
    """A chain needs one worker."""
    executor = make(max_workers=4)
    task = executor.submit(lambda: time.sleep(2) or 0)
    for _ in range(6):
        task = executor.submit(add, task)
    assert task.result(WAIT) == 6
    assert len(executor._run.pilots) == 1


def test_lies_where_the_task_left_it(make):
    """And is verified there."""
    executor = make()
    large = executor.submit(array, 200_000)
    large.result(WAIT)
    part = next(Path(executor.run_directory, "parts").iterdir())
    part.write_bytes(b"A" * part.stat().st_size)
    error = executor.submit(len, large).exception(WAIT)
    assert "not what was put there" in str(error)

"""What the executor promises of ordinary tasks: what travels, what comes back, and in which form."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import importlib
import itertools
import logging
import operator
import os
import sys
import textwrap
import time
import traceback
from concurrent.futures import BrokenExecutor, CancelledError
from concurrent.futures import TimeoutError as FutureTimeout

import pytest
from executors.deadline import WAIT, eventually, gone, within
from executors.fixtures import TIME
from executors.script import run_script

from fcx import errors
from fcx.local import cluster
from fcx.payload.outcome import RemoteTraceback

MEGABYTES = int(os.environ.get("FCX_TEST_MEGABYTES", "30"))


def result(executor, fn, /, *args, **kwargs):
    """The result of one task, in bounded time."""
    return executor.submit(fn, *args, **kwargs).result(WAIT)


def failure(executor, fn, /, *args, **kwargs):
    """The exception of one task, in bounded time."""
    return executor.submit(fn, *args, **kwargs).exception(WAIT)


def job_id():
    """The job that a task runs in."""
    return os.environ["SLURM_JOB_ID"]


class TestWhatTravels:
    """Any callable that dill can take apart."""

    def test_a_lambda_with_its_closure(self, ex):
        """A lambda brings the variables that it refers to."""
        offset = {"by": [10]}
        assert result(ex, lambda x: x + offset["by"][0], 5) == 15

    def test_nested_functions_recursion_and_generators_inside(self, ex):
        """A local function may call itself and others."""

        def fibonacci(n):
            return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

        def total(n):
            return sum(fibonacci(i) for i in range(n))

        assert result(ex, total, 10) == 88

    @pytest.mark.parametrize(
        ("fn", "args", "expected"),
        [
            (functools.partial(int, base=2), ("101",), 5),
            (operator.methodcaller("upper"), ("abc",), "ABC"),
            ("{}-{}".format, (1, 2), "1-2"),
            (divmod, (7, 3), (2, 1)),
            (str.join, ("+", ["a", "b"]), "a+b"),
        ],
        ids=["partial", "methodcaller", "bound method", "builtin", "method of a type"],
    )
    def test_callables_that_are_no_functions(self, ex, fn, args, expected):
        """Partials, methods and builtins are callables too."""
        assert result(ex, fn, *args) == expected

    def test_an_object_with_call(self, ex):
        """An instance of a class that only this test knows."""

        class Adder:
            def __init__(self, by):
                self.by = by

            def __call__(self, x):
                return self.by + x

        assert result(ex, Adder(3), 4) == 7

    def test_keywords_named_self_and_fn(self, ex):
        """submit takes its own parameters by position only."""
        assert result(ex, lambda **named: named, self=1, fn=2, args=3) == {
            "self": 1,
            "fn": 2,
            "args": 3,
        }

    def test_values_that_refer_to_each_other(self, ex):
        """Identity inside one task's arguments is kept."""
        shared = [1]

        def same(a, b):
            return a is b

        assert result(ex, same, shared, shared) is True

    def test_arguments_are_taken_when_submit_is_called(self, ex):
        """What the caller changes afterwards does not change the task."""
        values = [1, 2]
        future = ex.submit(sum, values)
        values.append(100)
        assert future.result(WAIT) == 3

    def test_what_a_script_defines(self, site, tmp_path):
        """Functions of `__main__` that call helpers, its classes and enums, there and back."""
        script = """
        import enum, os
        from dataclasses import dataclass
        from fcx import FirecrestExecutor

        SCALE = 3

        class Colour(enum.Enum):
            RED = 1
            BLUE = 2
            def other(self):
                return Colour.BLUE if self is Colour.RED else Colour.RED

        class Level(enum.IntFlag):
            LOW = 1
            HIGH = 2

        @dataclass
        class Point:
            x: int
            y: int = 0
            def moved(self, by):
                return Point(self.x + by, self.y)

        class Own(Exception):
            def __init__(self, code, why):
                super().__init__(code, why)
                self.code = code

        def helper(x):
            return deeper(x) * SCALE

        def deeper(x):
            return x + 1

        def call(x):
            return helper(x)

        def paint(colour):
            return colour.other(), Colour.RED, Level.LOW | Level.HIGH

        def move(point):
            return [point.moved(2)]

        def fail():
            raise Own(7, "because")

        def even(n):
            return n == 0 or odd(n - 1)

        def odd(n):
            return n > 0 and even(n - 1)

        if __name__ == "__main__":
            with FirecrestExecutor(os.environ["WORKING_DIR"], ["--time=00:05:00"], sleep_interval=1) as ex:
                e = ex.submit(even, 10)
                a, b, c, d = ex.submit(call, 4), ex.submit(paint, Colour.RED), ex.submit(move, Point(1)), ex.submit(fail)
                assert a.result(60) == 15, a.result()
                assert e.result(60) is True
                assert b.result(60) == (Colour.BLUE, Colour.RED, Level.LOW | Level.HIGH), b.result()
                assert b.result()[0] is Colour.BLUE
                assert c.result(60) == [Point(3)] and type(c.result()[0]) is Point
                try:
                    d.result(60)
                except Own as error:
                    assert error.code == 7 and "in fail" in str(error.__cause__), error.__cause__
                else:
                    raise SystemExit("no exception")
            print("all well")
        """
        assert run_script(tmp_path, script, site).stdout == "all well\n"


class TestModulesOfTheUser:
    """Functions of modules that only the caller has."""

    @pytest.fixture
    def package(self, tmp_path, monkeypatch):
        """A package on the path of this process alone."""
        home = tmp_path / "code" / "physics_of_test"
        home.mkdir(parents=True)
        (home / "__init__.py").write_text("")
        (home / "constants.py").write_text("G = 9.81\n")
        (home / "fall.py").write_text(
            textwrap.dedent(
                """
                from physics_of_test.constants import G
                from .errors_of_fall import TooDeep

                def depth(seconds):
                    if seconds > 10:
                        raise TooDeep(seconds)
                    return G * seconds**2 / 2
                """
            )
        )
        (home / "errors_of_fall.py").write_text("class TooDeep(Exception): pass\n")
        monkeypatch.syspath_prepend(str(home.parent))
        yield home
        for name in [name for name in sys.modules if name.startswith("physics_of_test")]:
            del sys.modules[name]

    def test_are_found_by_themselves(self, ex, package):
        """The package of the function travels along, with what it imports."""
        from physics_of_test.fall import depth

        assert result(ex, depth, 2) == pytest.approx(19.62)

    def test_their_exceptions_are_their_own(self, ex, package):
        """An exception of the user's module is that module's class at the client."""
        from physics_of_test.errors_of_fall import TooDeep
        from physics_of_test.fall import depth

        error = failure(ex, depth, 11)
        assert type(error) is TooDeep
        assert error.args == (11,)

    def test_are_named_where_nothing_refers_to_them(self, make, package, tmp_path):
        """`include=` brings what a call imports by a name in a string."""

        def call():
            import importlib

            return importlib.import_module("physics_of_test.constants").G

        with make(include=["physics_of_test"]) as executor:
            assert result(executor, call) == 9.81


class TestExceptions:
    """The user's exception comes back as itself."""

    def test_with_the_remote_traceback_as_its_cause(self, ex):
        """Type, arguments and the line that raised it."""

        def fail(x):
            raise ValueError("no", x)  # the line in question

        error = failure(ex, fail, 3)
        assert type(error) is ValueError
        assert error.args == ("no", 3)
        assert isinstance(error.__cause__, RemoteTraceback)
        assert 'raise ValueError("no", x)  # the line in question' in str(error.__cause__)
        assert "worker.py" not in str(error.__cause__)
        shown = "".join(traceback.format_exception(error))
        assert "the direct cause of the following exception" in shown

    def test_a_chain_is_told_in_full(self, ex):
        """`raise ... from ...` shows both."""

        def fail():
            try:
                {}["missing"]
            except KeyError as error:
                raise RuntimeError("second") from error

        told = str(failure(ex, fail).__cause__.__cause__)  # after the cause that it has at home
        assert "KeyError: 'missing'" in told
        assert "RuntimeError: second" in told

    def test_one_that_cannot_be_pickled_has_a_stand_in(self, ex):
        """An open file inside it: type, text and traceback travel."""

        def fail():
            error = OSError("it has a lock")
            error.lock = __import__("threading").Lock()
            error.socket = __import__("socket").socket()
            error.frame = __import__("sys")._getframe()
            raise error

        error = failure(ex, fail)
        assert type(error) is errors.RemoteError
        assert (error.type_name, error.text) == ("OSError", "it has a lock")
        assert "in fail" in error.remote_traceback
        assert isinstance(error.__cause__, RemoteTraceback)

    def test_one_whose_init_takes_more_than_it_keeps(self, ex):
        """Many libraries have these: it is not called again."""

        def fail():
            class Picky(Exception):
                def __init__(self, a, b):
                    super().__init__(a)
                    self.b = b

            raise Picky(1, 2)

        error = failure(ex, fail)
        assert type(error).__name__ == "Picky"
        assert (error.args, error.b) == ((1,), 2)

    def test_one_that_pickles_but_does_not_load_has_a_stand_in(self, ex):
        """It says itself how it is made, and is wrong."""

        def fail():
            class Picky(Exception):
                def __init__(self, a, b):
                    super().__init__(a)

                def __reduce__(self):
                    return type(self), self.args

            raise Picky(1, 2)

        error = failure(ex, fail)
        assert isinstance(error, errors.RemoteError)
        assert "Picky" in error.type_name

    def test_what_it_was_raised_from_comes_along(self, ex):
        """Its cause, and what was handled meanwhile; the remote traceback stands at their end."""

        def fail():
            try:
                {}["key"]
            except KeyError as missing:
                raise ValueError("cause") from missing

        def clumsy():
            try:
                {}["key"]
            except KeyError:
                raise LookupError("context")

        error = failure(ex, fail)
        assert repr(error.__cause__) == "KeyError('key')"
        assert isinstance(error.__cause__.__cause__, RemoteTraceback)
        error = failure(ex, clumsy)
        assert repr(error.__context__) == "KeyError('key')"
        assert isinstance(error.__cause__, RemoteTraceback)

    def test_a_skipped_test(self, ex):
        """pytest's outcomes say that they are of another module than they are."""

        def skip():
            import pytest

            pytest.skip("no licence")

        error = failure(ex, skip)
        assert type(error) is pytest.skip.Exception
        assert error.msg == "no licence"

    def test_one_whose_str_raises(self, ex):
        """Even an exception without a text has a traceback."""

        def fail():
            class Silent(Exception):
                def __str__(self):
                    raise ZeroDivisionError

                def __reduce__(self):
                    raise TypeError("never")

            raise Silent

        error = failure(ex, fail)
        assert isinstance(error, errors.RemoteError)
        assert "Silent" in str(error)

    @pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
    def test_those_that_are_no_exceptions(self, ex, kind):
        """sys.exit() in a task ends the task, not the worker nor the caller."""

        def leave(kind):
            raise kind(3)

        error = failure(ex, leave, kind)
        assert type(error) is kind
        assert error.args == (3,)
        assert result(ex, abs, -1) == 1

    def test_an_unloadable_task_says_what_is_missing(self, ex):
        """A task whose loading raises remotely fails alone, with what it raised."""

        class Trap:
            def __reduce__(self):
                return exec, ("raise RuntimeError('sprung')",)

        error = failure(ex, id, Trap())
        assert "sprung" in str(error)
        assert result(ex, abs, -1) == 1


class TestOutput:
    """What a task writes is that task's."""

    def test_stdout_and_stderr(self, ex):
        """print, sys.stderr, the file descriptor and a child process."""

        def write():
            import os
            import subprocess
            import sys

            print("printed ü")
            print("warned", file=sys.stderr)
            os.write(1, b"raw\n")
            subprocess.run(["echo", "child"], check=True)
            sys.stdout.write("no newline")

        future = ex.submit(write)
        future.result(WAIT)
        assert future.stdout() == "printed ü\nraw\nchild\nno newline"
        assert future.stderr() == "warned\n"

    def test_of_two_tasks_is_not_mixed(self, ex):
        """Each future has its own, in whatever order they end."""
        futures = [ex.submit(print, f"call {i}") for i in range(20)]
        for i, future in enumerate(futures):
            future.result(WAIT)
            assert future.stdout() == f"call {i}\n"
            assert future.stderr() == ""

    def test_of_a_task_that_fails(self, ex):
        """What it wrote before it failed is there."""

        def fail():
            print("before")
            raise ValueError

        future = ex.submit(fail)
        assert isinstance(future.exception(WAIT), ValueError)
        assert future.stdout() == "before\n"

    def test_while_the_task_runs(self, ex, tmp_path):
        """stdout() of a running task is what it has written so far."""
        go = tmp_path / "go"

        def work(path):
            import os
            import time

            print("half way", flush=True)
            while not os.path.exists(path):
                time.sleep(0.01)

        future = ex.submit(work, str(go))
        eventually(lambda: future.running() and future.stdout() == "half way\n")
        assert not future.done()
        go.touch()
        future.result(WAIT)

    def test_bytes_that_are_no_text(self, ex):
        """What is not UTF-8 is shown as well as it can be."""
        future = ex.submit(os.write, 1, b"\xff\xfe ok")
        assert future.result(WAIT) == 5
        assert future.stdout().endswith(" ok")

    def test_goes_where_the_jobs_output_always_went(self, make, tmp_path):
        """slurm-<jobid>.out lies in the working directory and has what the tasks printed."""
        with make() as executor:
            future = executor.submit(print, "for the record")
            future.result(WAIT)
            path = tmp_path / f"slurm-{future.job_id}.out"
            eventually(lambda: path.exists() and "for the record" in path.read_text())

    def test_goes_where_output_says(self, make, tmp_path):
        """--output is the user's."""
        with make(tmp_path, [TIME, "--output=mine-%j.txt"]) as executor:
            future = executor.submit(print, "for the record")
            future.result(WAIT)
            path = tmp_path / f"mine-{future.job_id}.txt"
            eventually(lambda: path.exists() and "for the record" in path.read_text())


class TestSize:
    """Payloads and results of any size that memory holds."""

    def test_large_there_and_back(self, make):
        """Numbers that do not compress, through chunks, unchanged."""
        data = os.urandom(MEGABYTES << 20)

        def turn(data):
            return data[::-1]

        with make() as executor:
            back = executor.submit(turn, data).result(180)
        assert hashlib.sha256(back[::-1]).digest() == hashlib.sha256(data).digest()

    @pytest.mark.parametrize("size", [0, 1, 100_000, 262_144, 3_600_000, 4_500_000, 5_300_000])
    def test_around_the_limits_of_one_request(self, ex, size):
        """Each size near an upload's, a record's and a read's limit comes back whole."""
        data = os.urandom(size)
        assert result(ex, lambda d: d, data) == data

    def test_a_large_output(self, ex):
        """More output than a record takes."""
        future = ex.submit(lambda: print("x" * 2_000_000))
        future.result(WAIT)
        assert len(future.stdout()) == 2_000_001

    def test_many_small_tasks(self, ex):
        """A thousand tasks keep their order and their values."""
        assert list(ex.map(operator.neg, range(1000), timeout=WAIT)) == list(range(0, -1000, -1))


class TestFutures:
    """FirecrestFuture: a standard future that can be cancelled and knows its job."""

    def test_knows_its_task_and_job(self, ex):
        """task_id at once, job_id once it ran."""
        future = ex.submit(job_id)
        assert future.task_id
        assert future.result(WAIT) == future.job_id

    def test_a_pending_task_is_cancelled_at_once(self, make, tmp_path):
        """One that waits behind others never runs."""
        go, mark = tmp_path / "go", tmp_path / "mark"

        def wait(path):
            import os
            import time

            while not os.path.exists(path):
                time.sleep(0.01)

        def touch(path):
            open(path, "w").close()

        with make(max_workers=2, workers_per_node=2) as executor:
            first, other = (executor.submit(wait, str(path)) for path in (go, tmp_path / "never"))
            eventually(lambda: first.running() and other.running())
            second = executor.submit(touch, str(mark))
            assert second.cancel()
            assert second.cancelled()
            with pytest.raises(CancelledError):
                second.result(0)
            third = executor.submit(abs, -3)
            assert other.cancel()  # its order follows the second's: a worker is free after both
            assert third.result(WAIT) == 3
            go.touch()
            assert first.result(WAIT) is None
        assert not mark.exists()

    def test_a_running_task_loses_its_worker(self, ex, tmp_path):
        """cancel() of a running task ends it remotely; the next task finds a worker."""
        mark = tmp_path / "mark"

        def work(path):
            import os
            import time

            with open(path, "w") as file:
                print(os.getpid(), file=file)
            time.sleep(3600)

        future = ex.submit(work, str(mark))
        eventually(lambda: future.running() and mark.exists() and mark.read_text().endswith("\n"))
        assert not gone(int(mark.read_text()))
        assert future.cancel()
        assert future.cancelled()
        assert result(ex, abs, -3) == 3
        eventually(lambda: gone(int(mark.read_text())))

    def test_a_finished_task_cannot_be_cancelled(self, ex):
        """As the standard library has it."""
        future = ex.submit(abs, -3)
        future.result(WAIT)
        assert not future.cancel()
        assert future.result() == 3

    def test_callbacks_run_once_even_if_one_fails(self, ex, caplog):
        """A callback that raises is logged and hurts nobody."""
        future, seen = ex.submit(abs, -3), []
        future.add_done_callback(lambda f: 1 / 0)
        future.add_done_callback(lambda f: seen.append(f.result()))
        future.result(WAIT)
        eventually(lambda: seen)
        assert seen == [3]
        assert result(ex, abs, -4) == 4

    def test_a_callback_may_submit(self, ex):
        """Work that makes work does not lock up."""
        seen = []

        def again(future):
            ex.submit(abs, future.result()).add_done_callback(lambda f: seen.append(f.result()))

        ex.submit(operator.neg, 3).add_done_callback(again)
        eventually(lambda: seen == [3])

    def test_cancelling_from_a_callback(self, ex):
        """Neither does work that takes work back."""
        last = []
        first = ex.submit(abs, -1)
        first.add_done_callback(lambda f: last.append(ex.submit(time.sleep, 60).cancel()))
        eventually(lambda: last == [True])


class TestMap:
    """map, as the standard library documents it."""

    def test_submits_before_anybody_iterates(self, ex, tmp_path):
        """It is eager: the side effects come without a next()."""
        paths = [str(tmp_path / str(i)) for i in range(3)]
        ex.map(os.mkdir, paths)
        eventually(lambda: all(os.path.isdir(path) for path in paths))

    @pytest.mark.slow
    def test_the_timeout_is_for_all_of_them(self, ex):
        """Counted from the call of map, not from each next(): what is late is not waited for."""
        results = ex.map(time.sleep, [0, 0, 3600], timeout=3)
        with pytest.raises(FutureTimeout):
            within(WAIT, list, results)

    @pytest.mark.parametrize("chunksize", [0, -1])
    def test_a_chunksize_below_one_is_refused(self, ex, chunksize):
        """With the standard library's words."""
        with pytest.raises(ValueError, match="chunksize must be >= 1"):
            ex.map(abs, [1], chunksize=chunksize)

    @pytest.mark.parametrize("chunksize", [1, 3, 7, 1000])
    def test_chunks_change_nothing(self, ex, chunksize):
        """Same values, same order, whatever travels together; the shortest iterable ends it."""
        found = list(ex.map(pow, range(2, 10), range(100), chunksize=chunksize, timeout=WAIT))
        assert found == list(map(pow, range(2, 10), range(100)))

    def test_an_exception_comes_where_its_task_stands(self, ex):
        """The results before it are there."""
        results = ex.map(lambda x: 1 / x, [1, 0, 1], timeout=WAIT)
        assert next(results) == 1
        with pytest.raises(ZeroDivisionError):
            next(results)

    def test_of_nothing(self, ex):
        """No task, no result, no wait."""
        assert list(ex.map(abs, [])) == []

    @pytest.mark.parametrize("chunksize", [1, 4])
    def test_of_a_source_without_an_end(self, ex, chunksize):
        """With a buffer, as in Python 3.14."""
        results = ex.map(abs, itertools.count(), buffersize=2, chunksize=chunksize, timeout=WAIT)
        assert list(itertools.islice(results, 9)) == list(range(9))


class TestWords:
    """What executor and future say of themselves, and to an event loop."""

    def test_a_future_is_awaited(self, ex):
        """Its result, or its exception."""

        async def both():
            assert await ex.submit(abs, -3) == 3
            with pytest.raises(ZeroDivisionError):
                await ex.submit(divmod, 1, 0)

        asyncio.run(asyncio.wait_for(both(), WAIT))

    def test_a_future_names_task_state_and_job(self, ex):
        """As soon as they are known."""
        future = ex.submit(abs, -3)
        assert "task=abs" in repr(future)
        future.result(WAIT)
        assert "state=finished" in repr(future)
        assert f"in job {future.job_id}>" in repr(future)

    def test_an_executor_says_where_it_is_and_how(self, make, tmp_path):
        """Before it has begun, and after."""
        executor = make(tmp_path, [TIME], max_workers=1)
        assert f"{tmp_path} on fcx-local: open, 0 task(s) pending>" in repr(executor)
        executor.submit(abs, -3).result(WAIT)
        assert f"in {executor.run_directory}: open, 0" in repr(executor)
        executor.terminate_workers()
        assert ": shut down, " in repr(executor)


class TestWorkers:
    """initializer, max_tasks_per_child, max_workers."""

    def test_the_initializer_runs_before_the_tasks(self, make):
        """Once in each worker, with its arguments."""

        def prepare(name, value):
            import builtins

            assert not hasattr(builtins, name)
            setattr(builtins, name, value)

        def read(_):
            import builtins
            import os

            return builtins.fcx_prepared, os.getpid()

        with make(max_workers=1, initializer=prepare, initargs=("fcx_prepared", 7)) as executor:
            found = set(executor.map(read, range(5), timeout=WAIT))
        assert len(found) == 1
        assert found.pop()[0] == 7

    def test_the_initializer_brings_its_modules(self, make, tmp_path, monkeypatch):
        """One of the user's own, which no task mentions."""
        (tmp_path / "prepares.py").write_text(
            "import builtins\ndef prepare():\n    builtins.fcx_prepared = 8\n"
        )
        monkeypatch.syspath_prepend(str(tmp_path))
        prepare = importlib.import_module("prepares").prepare

        def read():
            import builtins

            return builtins.fcx_prepared

        with make(max_workers=1, initializer=prepare) as executor:
            assert executor.submit(read).result(WAIT) == 8

    def test_an_initializer_that_fails_breaks_the_executor(self, make):
        """All its tasks fail with the reason; so does the next submit."""

        def fail():
            raise LookupError("no licence")

        executor = make(initializer=fail)
        futures = [executor.submit(abs, -1) for _ in range(3)]
        for future in futures:
            error = future.exception(WAIT)
            assert isinstance(error, errors.InitializerFailed)
            assert isinstance(error, BrokenExecutor)
            assert "LookupError: no licence" in str(error)
        with pytest.raises(BrokenExecutor, match="no licence"):
            executor.submit(abs, -1)

    def test_each_task_has_a_process_of_its_own(self, make):
        """max_tasks_per_child=1."""
        with make(max_workers=1, max_tasks_per_child=1) as executor:
            pids = [executor.submit(os.getpid) for _ in range(4)]
            assert len({pid.result(WAIT) for pid in pids}) == 4

    def test_tasks_share_a_process_otherwise(self, ex):
        """A worker is started once."""
        assert len(set(ex.map(lambda _: __import__("os").getpid(), range(10), timeout=WAIT))) == 1

    def test_no_more_than_max_workers_at_a_time(self, make, tmp_path):
        """And as many as that, where there is work for them."""

        def meet(number, folder=str(tmp_path)):
            import os
            import time

            mine = os.path.join(folder, f"running-{number}")
            open(mine, "w").close()
            most, deadline = 0, time.monotonic() + 120
            while most < 2 and time.monotonic() < deadline:
                running = [name for name in os.listdir(folder) if name.startswith("running-")]
                met = os.path.exists(os.path.join(folder, "met"))
                most = max(most, len(running))
                if met:
                    break
                time.sleep(0.02)
            if most >= 2:
                open(os.path.join(folder, "met"), "w").close()
            os.unlink(mine)
            return most

        with make(max_workers=2) as executor:
            seen = list(executor.map(meet, range(6), timeout=WAIT))
        assert max(seen) == 2


class TestSurroundings:
    """A task finds the worker as if it were new."""

    @pytest.mark.slow
    def test_what_a_task_changes_is_gone_for_the_next(self, ex):
        """environ, cwd, umask, signal handlers, the path, the standard streams, an alarm."""

        def spoil():
            import os
            import signal
            import sys

            os.environ["FCX_SPOILT"] = "1"
            os.environ.pop("HOME", None)
            os.chdir("/")
            os.umask(0o777)
            sys.path.insert(0, "/nowhere")
            sys.stdout.close()
            sys.stderr = None
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.alarm(1)

        def look():
            import os
            import signal
            import sys
            import time

            umask = os.umask(0)
            os.umask(umask)
            time.sleep(1.1)
            print("heard")
            return (
                os.environ.get("FCX_SPOILT"),
                "HOME" in os.environ,
                os.getcwd(),
                umask,
                "/nowhere" in sys.path,
                signal.getsignal(signal.SIGTERM),
                signal.getsignal(signal.SIGINT),
                os.getpid(),
            )

        before = result(ex, look)
        result(ex, spoil)
        after = ex.submit(look)
        assert after.result(WAIT) == before
        assert after.stdout() == "heard\n"

    def test_a_task_that_leaks_memory_does_not_pass_it_on(self, ex):
        """Its process is replaced."""

        def leak():
            import builtins
            import os

            builtins.fcx_leak = bytearray(400 << 20)
            builtins.fcx_leak[::4096] = b"x" * len(builtins.fcx_leak[::4096])
            return os.getpid()

        def look():
            import builtins
            import os

            return hasattr(builtins, "fcx_leak"), os.getpid()

        leaky = result(ex, leak)
        found, pid = result(ex, look)
        assert not found
        assert pid != leaky


class TestTheCluster:
    """Credentials, several clusters, faults of the API, logging."""

    def test_env_replaces_the_environment(self, site, make, monkeypatch):
        """With env= given, the process environment is not looked at."""
        for name in site:
            monkeypatch.setenv(name, "wrong")
        with make() as executor:
            assert result(executor, abs, -5) == 5

    def test_without_env_the_environment_counts(self, site, make, monkeypatch):
        """As in the seed."""
        for name, value in site.items():
            monkeypatch.setenv(name, value)
        with make(env=None) as executor:
            assert result(executor, abs, -5) == 5

    def test_several_executors_for_several_clusters(self, site, make, tmp_path):
        """At once, in one process; each task runs where it was sent."""

        def there():
            import os

            return os.getcwd()

        folders = [tmp_path / "one", tmp_path / "two"]
        for folder in folders:
            folder.mkdir()
        with cluster() as other:
            site.reset_counts()
            with (
                make(folders[0], [TIME], env=site) as one,
                make(folders[1], [TIME], env=other) as two,
            ):
                futures = [executor.submit(there) for executor in (one, two) * 3]
                found = [future.result(WAIT) for future in futures]
            assert found == [str(folder) for folder in folders * 3]
            assert site.counts()["submit"] >= 1
            assert other.counts()["submit"] >= 1

    def test_two_executors_on_one_cluster_do_not_mix(self, make, tmp_path):
        """Same working directory, same time."""
        with make() as one, make() as two:
            calls = [(executor, i) for i in range(20) for executor in (one, two)]
            futures = [executor.submit(operator.mul, i, 2) for executor, i in calls]
            assert [f.result(WAIT) for f in futures] == [i * 2 for _, i in calls]

    def test_a_script_of_the_seed(self, site, tmp_path):
        """Positional arguments, logger and level as firecrest_executor had them; its import changed."""
        script = """
        import logging, os
        from fcx import FirecrestExecutor

        def square_number(x):
            from math import pow
            return pow(x, 2)

        logging.basicConfig(level=logging.INFO)
        with FirecrestExecutor(
            os.environ["WORKING_DIR"],
            ["--time=00:10:00 --nodes=1", "--job-name=Mine"],
            [],
            logging.getLogger("mine"),
            logging.INFO,
            4,
            1,
            2,
        ) as executor:
            print(executor.submit(os.path.basename, "a/b").result())
            print(list(executor.map(square_number, range(2, 5))))
        """
        done = run_script(tmp_path, script, site)
        assert done.stdout == "b\n[4.0, 9.0, 16.0]\n"
        assert "INFO:mine:" in done.stderr

    def test_the_callers_logger_gets_the_states(self, make, caplog):
        """The logger that was given, at its own level, with no handler added anywhere."""
        own = logging.getLogger("tests.own")
        with caplog.at_level(logging.INFO, "tests.own"):
            with make(logger=own) as executor:
                job = executor.submit(job_id).result(WAIT)
        told = [r.getMessage() for r in caplog.records if r.name == "tests.own"]
        assert any(job in message for message in told)
        assert not [r for r in caplog.records if r.name.startswith("fcx")]
        assert own.handlers == []
        assert logging.getLogger("fcx").handlers == []
        assert own.propagate
        assert logging.getLogger("fcx").propagate

    def test_logger_level_quietens(self, make, caplog):
        """logger_level=WARNING: a run without trouble says nothing."""
        with make(logger_level=logging.WARNING) as executor:
            result(executor, abs, -1)
        assert not [r for r in caplog.records if r.name == "fcx" and r.levelno < logging.WARNING]


class TestShutdown:
    """The end of an executor."""

    def test_with_waits(self, make):
        """Leaving the block waits for what was submitted."""
        with make() as executor:
            future = executor.submit(time.sleep, 1)
        assert future.done()
        assert future.result() is None

    def test_an_exception_in_the_block_cancels(self, make):
        """And passes on."""

        class Own(Exception):
            pass

        def leave():
            with make() as executor:
                futures.extend(executor.submit(time.sleep, 300) for _ in range(3))
                raise Own

        futures = []
        with pytest.raises(Own):
            within(WAIT, leave)
        assert all(future.cancelled() for future in futures)

    def test_nothing_is_left_behind(self, make, tmp_path):
        """After the block, only fcx's own folder: an output file in which nothing stands goes."""
        with make() as executor:
            executor.submit(job_id).result(WAIT)
            run = executor._run.directory
        eventually(lambda: not os.path.exists(run))
        eventually(lambda: os.listdir(tmp_path) == [os.path.basename(os.path.dirname(run))])

    def test_unused_costs_nothing(self, site, make):
        """An executor that is never used sends no request."""
        site.reset_counts()
        with make():
            pass
        assert site.counts().get("submit", 0) == 0

    def test_shutdown_twice(self, make):
        """The second one is harmless."""
        executor = make()
        result(executor, abs, -1)
        within(WAIT, executor.shutdown)
        within(WAIT, executor.shutdown)
        with pytest.raises(RuntimeError, match="after shutdown"):
            executor.submit(abs, -1)


class TestConsumers:
    """Libraries that take any executor."""

    def test_asyncio(self, ex):
        """run_in_executor and wrap_future, several at once."""

        async def main():
            loop = asyncio.get_running_loop()
            one = loop.run_in_executor(ex, pow, 2, 5)
            two = asyncio.wrap_future(ex.submit(divmod, 7, 2))
            return await asyncio.wait_for(asyncio.gather(one, two), WAIT)

        assert asyncio.run(main()) == [32, (3, 1)]

    @pytest.mark.filterwarnings("ignore:Ignoring since timer:UserWarning")  # nevergrad's own clock
    @pytest.mark.slow
    def test_nevergrad(self, ex):
        """minimize(executor=...)."""
        nevergrad = pytest.importorskip("nevergrad")

        def bowl(x):
            return float(((x - 0.5) ** 2).sum())

        optimizer = nevergrad.optimizers.OnePlusOne(parametrization=2, budget=20, num_workers=4)
        best = within(120, optimizer.minimize, bowl, executor=ex, batch_mode=True)
        assert bowl(best.value) < 2.0

    def test_scipy(self, ex):
        """differential_evolution(workers=ex.map)."""
        optimize = pytest.importorskip("scipy.optimize")

        def bowl(x):
            return float(((x - 0.5) ** 2).sum())

        found = within(
            120,
            optimize.differential_evolution,
            bowl,
            [(-2, 2)] * 2,
            workers=ex.map,
            updating="deferred",
            maxiter=5,
            popsize=5,
            polish=False,
            rng=1,
        )
        assert found.fun < 0.5

"""What is wrong is said clearly, at once or in the future; it never hangs and costs no other task."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import BrokenExecutor
from pathlib import Path
from pickle import PicklingError

import pytest
from executors.deadline import WAIT, eventually, within
from executors.fixtures import TIME, making
from executors.nobody import hanging_up, refusing

import fcx
from fcx import errors
from fcx.config import VARIABLES
from fcx.local import cluster


def failure(executor, fn, /, *args, **kwargs):
    """The exception of one task, in bounded time."""
    return executor.submit(fn, *args, **kwargs).exception(WAIT)


def wait_for(path):
    """Run until a file exists."""
    while not os.path.exists(path):
        time.sleep(0.01)


class TestCredentials:
    """Who asks, and where."""

    @pytest.mark.parametrize("empty", [None, "", "  "])
    def test_all_that_are_missing_stand_in_one_message(self, site, tmp_path, empty):
        """Two missing names: both are told, before anything is sent."""
        env = {**site, "FIRECREST_SYSTEM": empty, "AUTH_TOKEN_URL": empty}
        with pytest.raises(errors.ConfigError, match="AUTH_TOKEN_URL, FIRECREST_SYSTEM"):
            fcx.FirecrestExecutor(tmp_path, env=env)

    def test_none_at_all(self, tmp_path, monkeypatch):
        """Without env=, the six names of the environment."""
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        with pytest.raises(errors.ConfigError) as caught:
            fcx.FirecrestExecutor(tmp_path)
        assert all(name in str(caught.value) for name in VARIABLES)

    def test_a_wrong_secret_is_not_tried_for_ever(self, site, make):
        """A refusal is final, and names the variables to look at."""
        with make(env={**site, "FIRECREST_CLIENT_SECRET": "wrong"}) as executor:
            error = failure(executor, abs, -1)
        assert isinstance(error, errors.CredentialsRefused)
        assert "FIRECREST_CLIENT_SECRET" in str(error)
        assert "wrong" not in str(error)

    def test_an_unknown_system(self, site, make):
        """The message has the systems that there are."""
        with make(env={**site, "FIRECREST_SYSTEM": "atlantis"}) as executor:
            error = failure(executor, abs, -1)
        assert isinstance(error, errors.ConfigError)
        assert "'atlantis'" in str(error)
        assert site["FIRECREST_SYSTEM"] in str(error)

    @pytest.mark.slow
    def test_a_server_that_is_not_there(self, site, make, monkeypatch):
        """An error once patience is over, with the address."""
        monkeypatch.setattr("fcx.executor.run.DOOR_PATIENCE", 0.5)
        monkeypatch.setattr("fcx.executor.core.requests.FIRST_CONTACT", 2.0)
        with refusing() as url:
            executor = make(env={**site, "FIRECREST_URL": url})
            error = failure(executor, abs, -1)
        assert isinstance(error, errors.Unreachable)
        assert url in str(error)

    def test_secrets_are_in_no_error_and_no_repr(self, site, make):
        """Neither the executor nor its settings show them."""
        executor = make()
        shown = repr(executor) + repr(executor._intake.settings) + repr(vars(executor))
        assert site["FIRECREST_CLIENT_SECRET"] not in shown


class TestWorkingDir:
    """Where the run directory goes."""

    @pytest.mark.parametrize("path", ["relative", "", "./here", "~", b"/tmp"])
    def test_a_relative_one_is_refused_at_once(self, site, path):
        """It is a remote path: nothing at the client could complete it."""
        with pytest.raises(errors.ConfigError, match="absolute path"):
            fcx.FirecrestExecutor(path, env=site)

    @pytest.mark.parametrize("path", ["/tmp/it's", "/tmp/two\nlines", "/tmp/nul\0"])
    def test_one_that_the_api_cannot_name_is_refused_at_once(self, site, path):
        """A quote (') breaks the server's own quoting."""
        with pytest.raises(errors.ConfigError):
            fcx.FirecrestExecutor(path, env=site)

    def test_one_that_does_not_exist(self, make, tmp_path):
        """No job is made for it."""
        with make(tmp_path / "missing", [TIME]) as executor:
            error = failure(executor, abs, -1)
        assert isinstance(error, errors.ConfigError)
        assert str(tmp_path / "missing") in str(error)
        assert "does not exist" in str(error)

    def test_one_that_is_a_file(self, make, tmp_path):
        """Said before anything is submitted."""
        (tmp_path / "file").touch()
        with make(tmp_path / "file", [TIME]) as executor:
            error = failure(executor, abs, -1)
        assert isinstance(error, errors.ConfigError)
        assert str(tmp_path / "file") in str(error)

    def test_one_that_cannot_be_written_to(self, tmp_path):
        """The reason is the server's, the advice ours."""
        with cluster(filesystems=["/sys", str(tmp_path)]) as env:
            with making(env, tmp_path) as build, build("/sys/kernel", [TIME]) as executor:
                error = failure(executor, abs, -1)
        assert isinstance(error, errors.ConfigError)
        assert "/sys/kernel" in str(error)

    def test_one_outside_of_what_the_api_shows(self, make):
        """Not every directory of the machine is reachable."""
        with make("/var/nowhere", [TIME]) as executor:
            error = failure(executor, abs, -1)
        assert isinstance(error, errors.FcxError)
        assert "/var/nowhere" in str(error)

    @pytest.mark.parametrize(
        "name", ["two words", 'in "quotes"', "$HOME `x` $(y)", "üñï;&|<>*?", "-dash", "a\\b"]
    )
    def test_names_that_shells_stumble_over(self, make, tmp_path, name):
        """Spaces, quotes and the shell's own characters are only names."""
        folder = tmp_path / name
        folder.mkdir()
        with make(folder, [TIME]) as executor:
            future = executor.submit(os.getcwd)
            assert future.result(WAIT) == str(folder)
            assert (folder / f"slurm-{future.job_id}.out").exists()

    @pytest.mark.slow
    def test_one_that_vanished_since_it_was_last_used(self, make, tmp_path):
        """What is remembered of it is not believed for ever."""
        folder = tmp_path / "fleeting"
        folder.mkdir()
        with make(folder, [TIME]) as executor:
            assert executor.submit(abs, -1).result(WAIT) == 1
        subprocess.run(["rm", "-rf", str(folder)], check=True)
        with make(folder, [TIME], task_retries=0) as executor:
            error = failure(executor, abs, -1)
        assert isinstance(error, errors.FcxError)
        assert str(folder) in str(error)
        folder.mkdir()
        with make(folder, [TIME]) as executor:
            assert executor.submit(abs, -1).result(WAIT) == 1


class TestOptions:
    """What sbatch gets; each refused option is in test_script.py."""

    @pytest.mark.parametrize(
        ("options", "why"),
        [
            ("--time=5", "must be a list"),
            ([5], "must be strings"),
            (["--time=5\n#SBATCH --wrap=x"], "newline"),
            (["--comment='open"], "cannot be split"),
            (["--array=1-3"], "--array"),
        ],
    )
    def test_are_refused_by_the_constructor(self, site, tmp_path, options, why):
        """Before anything is sent."""
        with pytest.raises(errors.OptionError, match=why):
            fcx.FirecrestExecutor(tmp_path, options, env=site)

    def test_what_sbatch_refuses_is_told_in_its_own_words(self, make, tmp_path):
        """And is not tried again."""
        with make(tmp_path, [TIME, "--partition=atlantis"]) as executor:
            error = failure(executor, abs, -1)
        assert isinstance(error, errors.JobRefused)
        assert "invalid partition" in str(error)

    @pytest.mark.parametrize("name", ["max_workers", "workers_per_node", "max_tasks_per_child"])
    @pytest.mark.parametrize("value", [0, -1, 1.5, "2", True])
    def test_counts_that_are_none(self, site, tmp_path, name, value):
        """A ValueError, as of the standard library."""
        with pytest.raises(ValueError, match=name):
            fcx.FirecrestExecutor(tmp_path, env=site, **{name: value})

    def test_an_unknown_policy(self, site, tmp_path):
        """The known ones are named."""
        with pytest.raises(errors.UsageError, match="strict"):
            fcx.FirecrestExecutor(tmp_path, env=site, parity="loose")

    @pytest.mark.slow
    def test_an_interpreter_that_is_not_there(self, make):
        """The remote side's own words, and no retries."""
        with make(python="/no/such/python3") as executor:
            error = failure(executor, abs, -1)
        assert isinstance(error, errors.ParityError)
        assert "/no/such/python3" in str(error)


class TestArguments:
    """What cannot travel."""

    @pytest.mark.parametrize(
        ("value", "kind"), [(memoryview(b""), "memoryview"), ((i for i in "ab"), "generator")]
    )
    def test_an_unpicklable_one_raises_in_submit(self, ex, value, kind):
        """In the caller's own thread, naming the argument; the executor goes on."""
        with pytest.raises(errors.PayloadError, match="argument 1 of divmod") as caught:
            ex.submit(divmod, 1, value)
        assert kind in str(caught.value)
        assert isinstance(caught.value, (PicklingError, TypeError))
        assert caught.value.__cause__ is not None
        assert ex.submit(abs, -1).result(WAIT) == 1

    def test_an_unpicklable_keyword_and_function(self, ex):
        """The culprit is named, whichever it is."""
        view = memoryview(b"")
        with pytest.raises(errors.PayloadError, match="argument 'key'"):
            ex.submit(sorted, [], key=view)
        with pytest.raises(errors.PayloadError, match="the function"):
            ex.submit(lambda: view)

    def test_one_whose_reduce_raises(self, ex):
        """Whatever its own code says is the cause."""

        class Stubborn:
            def __reduce__(self):
                raise LookupError("not me")

        with pytest.raises(errors.PayloadError, match="not me"):
            ex.submit(id, Stubborn())

    @pytest.mark.parametrize("thing", [None, 3, "abs"])
    def test_what_cannot_be_called(self, ex, thing):
        """A TypeError, at once, which says how it is meant."""
        with pytest.raises(TypeError, match=r"not callable. .* submit\(f, x\)"):
            ex.submit(thing)

    def test_a_task_that_would_submit_by_itself(self, ex):
        """As an argument, or as a global of the script: the executor stays."""

        def nested():
            return ex.submit(abs, -1).result()

        for call in ((abs, ex), (nested,)):
            with pytest.raises(errors.PayloadError, match="stays with the process that made it"):
                ex.submit(*call)

    def test_map_with_one_that_cannot_travel(self, ex):
        """map raises as submit does, and nothing is left behind."""
        with pytest.raises(errors.PayloadError):
            ex.map(abs, [1, memoryview(b"")])
        assert ex.submit(abs, -1).result(WAIT) == 1

    def test_an_initializer_that_cannot_travel(self, make):
        """Refused by the constructor."""
        with pytest.raises(errors.PayloadError, match="initializer"):
            make(initializer=print, initargs=(memoryview(b""),))


class TestResults:
    """What cannot travel back."""

    def test_one_that_cannot_be_pickled(self, ex):
        """The type is named; the task's output is there."""

        def work():
            print("worked")
            return memoryview(b"")

        future = ex.submit(work)
        error = future.exception(WAIT)
        assert isinstance(error, errors.ResultError)
        assert "memoryview" in str(error)
        assert future.stdout() == "worked\n"

    def test_one_that_cannot_be_loaded_here(self, ex, tmp_path, monkeypatch):
        """The missing module is named; the bytes are kept and load once it is there."""
        folder = tmp_path / "there"
        folder.mkdir()
        (folder / "only_over_there.py").write_text("class Thing:\n    value = 42\n")

        def work(folder):
            import importlib
            import sys

            sys.path.insert(0, folder)
            return importlib.import_module("only_over_there").Thing()

        error = failure(ex, work, str(folder))
        assert isinstance(error, errors.ResultError)
        assert "'only_over_there'" in str(error)
        assert isinstance(error.__cause__, ModuleNotFoundError)
        monkeypatch.syspath_prepend(str(folder))
        try:
            assert fcx.load_result(error.data).value == 42
        finally:
            sys.modules.pop("only_over_there", None)

    def test_an_exception_that_cannot_be_loaded_here(self, ex, tmp_path):
        """Its name, text and traceback come all the same."""
        folder = tmp_path / "there"
        folder.mkdir()
        (folder / "foreign_errors.py").write_text("class Foreign(Exception):\n    pass\n")

        def work(folder):
            import importlib
            import sys

            sys.path.insert(0, folder)
            raise importlib.import_module("foreign_errors").Foreign("far away")

        error = failure(ex, work, str(folder))
        assert isinstance(error, errors.RemoteError)
        assert str(error) == "foreign_errors.Foreign: far away"
        assert "in work" in str(error.__cause__)
        assert error.data

    def test_one_whose_loading_raises(self, ex):
        """Code of the user's that runs while a result is loaded may fail: only its task does."""

        class Trap:
            def __reduce__(self):
                return eval, ("1/0 if __import__('sys').modules.get('pytest') else None",)

        error = failure(ex, lambda make: make(), Trap)
        assert isinstance(error, errors.ResultError)
        assert "ZeroDivisionError" in str(error)
        assert ex.submit(abs, -1).result(WAIT) == 1


class TestWorkersThatDie:
    """The task says how; the others go on."""

    @pytest.mark.parametrize(
        ("ending", "told"),
        [
            ("os._exit(3)", "exited with code 3"),
            ("os._exit(0)", "exited with code 0"),
            ("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
            ("ctypes.string_at(0)", "SIGSEGV"),
            ("os.abort()", "SIGABRT"),
        ],
    )
    def test_by_their_own_hand(self, ex, ending, told):
        """Not tried again: it would end in the same way."""

        def end(ending):
            import ctypes
            import os
            import resource
            import signal

            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            print("last words", flush=True)
            exec(ending, {"os": os, "signal": signal, "ctypes": ctypes})

        before, future, after = (
            ex.submit(abs, -1), ex.submit(end, ending), ex.submit(abs, -2),
        )  # fmt: skip
        error = future.exception(WAIT)
        assert isinstance(error, errors.WorkerDied)
        assert isinstance(error, BrokenExecutor)
        assert told in str(error)
        assert future.job_id in str(error)
        assert future.stdout() == "last words\n"
        assert (before.result(WAIT), after.result(WAIT)) == (1, 2)

    def test_by_somebody_elses(self, make, tmp_path):
        """A worker that is killed from outside is infrastructure: its task runs again."""
        mark = tmp_path / "mark"

        def once(path):
            import os
            import time

            first = not os.path.exists(path)
            with open(path, "a") as file:
                print(os.getpid(), file=file)
            time.sleep(600 if first else 0)
            return "second time"

        with make(max_workers=1) as executor:
            future = executor.submit(once, str(mark))
            eventually(lambda: mark.exists() and mark.read_text().endswith("\n"))
            eventually(future.running)
            os.kill(int(mark.read_text()), signal.SIGKILL)
            assert future.result(WAIT) == "second time"
        assert len(mark.read_text().split()) == 2

    def test_every_time(self, make, tmp_path):
        """No more than task_retries times; then it is the task's error."""
        mark = tmp_path / "mark"

        def always(path):
            import os
            import signal

            with open(path, "a") as file:
                file.write("x")
            os.kill(os.getpid(), signal.SIGKILL)

        with make(max_workers=1, task_retries=2) as executor:
            error = failure(executor, always, str(mark))
        assert isinstance(error, errors.WorkerDied)
        assert "SIGKILL" in str(error)
        assert mark.read_text() == "xxx"

    def test_a_task_that_forks(self, ex):
        """The child that returns from the task is not a second worker."""

        def fork():
            import os

            pid = os.fork()
            return "child" if pid == 0 else "parent"

        forked = ex.submit(fork)
        assert (forked.result(WAIT), forked.stderr()) == ("parent", "")
        assert list(ex.map(abs, range(5), timeout=WAIT)) == list(range(5))

    def test_a_task_that_leaves_a_child_behind(self, ex):
        """A process that lives on does not hold up the task."""

        def spawn():
            import subprocess

            return subprocess.Popen(["sleep", "3600"]).pid

        pid = ex.submit(spawn).result(WAIT)
        os.kill(pid, signal.SIGKILL)  # it lives

    def test_a_task_that_closes_every_descriptor(self, make):
        """The worker has nothing left to answer with: it is told as dead."""
        with make(max_workers=1, task_retries=0) as executor:
            error = failure(executor, os.closerange, 3, 1000)
            assert isinstance(error, errors.WorkerDied)
            assert executor.submit(abs, -1).result(WAIT) == 1


class TestTheRunDirectory:
    """The place where both sides meet."""

    def test_is_deleted_under_way(self, make, tmp_path):
        """The tasks that are lost say so."""
        with make(max_workers=1) as executor:
            assert executor.submit(abs, -1).result(WAIT) == 1
            future = executor.submit(time.sleep, 120)
            eventually(future.running)
            subprocess.run(["rm", "-rf", executor._run.directory], check=True)
            error = future.exception(WAIT)
            assert isinstance(error, errors.RunLost)
            assert executor._run.directory in str(error)
            with pytest.raises(BrokenExecutor):
                executor.submit(abs, -1)

    @pytest.mark.skipif(os.geteuid() != 0, reason="a small disk takes root to mount")
    def test_on_a_disk_that_is_full(self, make, tmp_path):
        """A result that does not fit is an error that says why; small ones still arrive."""
        disk = tmp_path / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0777", "tmpfs", str(disk)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("mounting is not allowed here")
        try:
            with make(disk, [TIME], max_workers=1, task_retries=1) as executor:
                assert executor.submit(abs, -1).result(WAIT) == 1
                error = failure(executor, os.urandom, 8 << 20)
                assert isinstance(error, errors.TaskError)
                assert "No space left" in str(error)
                assert executor.submit(abs, -2).result(WAIT) == 2
        finally:
            eventually(lambda: not subprocess.run(["umount", str(disk)], check=False).returncode)

    def test_of_another_run_is_not_believed(self, make, tmp_path):
        """An outcome that was not made with this run's key is not unpickled."""
        from fcx.protocol.record import inline, line

        trap = tmp_path / "sprung"
        with make(max_workers=1) as executor:
            future = executor.submit(wait_for, str(tmp_path / "go"))
            eventually(future.running)
            logs = Path(executor._run.directory) / "logs"
            (log,) = [p for p in logs.iterdir() if p.name.endswith(".0.0.0")]
            forged = b"cposix\nsystem\n(S'touch %s'\ntR." % os.fsencode(trap)
            record = {
                "k": "done", "t": future.task_id, "a": 0, "o": "value", "s": 0.1,
                "n": [len(forged), 0, 0], **inline(forged),
            }  # fmt: skip
            with log.open("ab") as file:
                file.write(line(record, b"of another run"))
            (tmp_path / "go").touch()
            assert future.result(WAIT) is None
        assert not trap.exists()

    def test_is_private(self, make):
        """Nobody else reads what travels."""
        with make(max_workers=1) as executor:
            assert executor.submit(abs, -1).result(WAIT) == 1
            run = Path(executor._run.directory)
            assert run.stat().st_mode & 0o777 == 0o700


class TestManyAtOnce:
    """A bad task among good ones costs only itself."""

    def test_every_kind_of_trouble_in_one_map(self, make):
        """Each result in its place, whatever its neighbours did."""

        def work(i):
            import os
            import sys

            if i % 7 == 1:
                raise ValueError(i)
            if i % 7 == 2:
                os._exit(i)
            if i % 7 == 3:
                return memoryview(b"")
            if i % 7 == 4:
                sys.exit(i)
            return i

        expected = {
            1: ValueError, 2: errors.WorkerDied, 3: errors.ResultError, 4: SystemExit,
        }  # fmt: skip
        with make(max_workers=2) as executor:
            futures = [executor.submit(work, i) for i in range(28)]
            for i, future in enumerate(futures):
                error = future.exception(WAIT)
                assert type(error) is expected.get(i % 7, type(None)), (i, error)
                if error is None:
                    assert future.result() == i

    def test_submitting_from_many_threads(self, ex):
        """submit may be called from anywhere."""
        found = []

        def some(start):
            futures = [ex.submit(abs, -i) for i in range(start, start + 25)]
            found.extend(future.result(WAIT) for future in futures)

        threads = [threading.Thread(target=some, args=(i * 25,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            within(WAIT, thread.join)
        assert sorted(found) == list(range(200))


@pytest.mark.slow
def test_leaving_does_not_wait_for_a_server_that_is_gone(site, make):
    """Ctrl-C in the block while nothing answers: out long before patience is over."""

    def leave(url, called):
        with make(env={**site, "FIRECREST_URL": url}) as executor:
            futures.append(executor.submit(abs, -1))
            assert called.wait(WAIT)
            raise KeyboardInterrupt

    futures = []
    with hanging_up() as (url, called), pytest.raises(KeyboardInterrupt):
        within(WAIT, leave, url, called)
    assert futures[0].done()

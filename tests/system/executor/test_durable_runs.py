"""Runs that outlive their process: killed at any step, attached to, or gone on with by name."""

from __future__ import annotations

import json
import re

import pytest
from executors.deadline import WAIT, eventually
from executors.mortal import Mortal

SETTINGS = """["--time=00:05:00"], max_workers=4, sleep_interval=1, idle_timeout=3, parity="off\""""

UNNAMED = f"""
import time
from fcx import FirecrestExecutor
with FirecrestExecutor(FOLDER, {SETTINGS}) as executor:
    futures = []
    for burst in range(3):
        futures += [executor.submit(work, FOLDER, 10 * burst + n + 100) for n in range(10)]
        time.sleep(0.4)
    print(sum(future.result() for future in futures), flush=True)
"""

ATTACH = """
import fcx, json, logging
logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
found = fcx.runs()
told = {"runs": len(found)}
if found:
    with fcx.attach(found[0].id) as run:
        futures = list(run.futures.values())
    errors = [type(future.exception()).__name__ for future in futures if future.exception()]
    values = [future.result() for future in futures if not future.exception()]
    told.update(errors=errors, values=values, names=sorted(run.by_name), left=len(fcx.runs()))
print(json.dumps(told))
"""

NAMED = f"""
import glob, json, logging, sys, time
from fcx import FirecrestExecutor
logging.basicConfig(level=logging.INFO, format="%(message)s")
with FirecrestExecutor(FOLDER, {SETTINGS}, run="sweep") as executor:
    futures = [executor.submit(work, FOLDER, n, SECONDS) for n in range(COUNT)]
    while DIES_AT:
        time.sleep(0.05)
        if len(glob.glob(FOLDER + "/ran-*")) >= DIES_AT:
            os.kill(os.getpid(), signal.SIGKILL)
    errors = [str(future.exception()) for future in futures if future.exception()]
    values = [future.result() for future in futures if not future.exception()]
    runs = [len(future.attempts) for future in futures]
print(json.dumps(dict(errors=errors, values=values, runs=runs)))
"""


def named(count: int, seconds: float = 0.0, dies_at: int = 0, text: str = NAMED) -> str:
    """The script that gives its run a name; with ``dies_at`` it dies when so many tasks began."""
    return f"COUNT, SECONDS, DIES_AT = {count}, {seconds}, {dies_at}\n{text}"


@pytest.fixture
def mortal(tmp_path, site):
    """A script's folder, on the local cluster."""
    return Mortal(tmp_path, site)


def last(done) -> dict:
    """What a script has printed last."""
    return json.loads(done.stdout.splitlines()[-1])


class TestKilledAtEachStep:
    """What was sent comes back, what was not says so; nothing runs twice."""

    @pytest.mark.lasts(15)
    @pytest.mark.slow
    @pytest.mark.parametrize("at", [1, 5, 7, 9, 11, 12, 13, 16, 19, 22, 25, 28, 31, 34, 37, 41])
    def test_and_attached_to(self, mortal, at):
        """The journal first, then the request: whichever was the last."""
        done = mortal.run(UNNAMED, at)
        told = last(mortal.run(ATTACH, prelude=False))
        ran = mortal.ran()
        if done.stdout or not told["runs"]:  # it died with all its results, or before it began
            assert len(ran) == (30 if done.stdout else 0)
            return
        assert all(often == 1 for often in ran.values())
        assert sorted(told.get("values", [])) == sorted(n * n for n in ran)
        assert set(told.get("errors", [])) <= {"RunLost"}
        assert told.get("names", []) in ([], ["work"])

    def test_before_anything_was_sent(self, mortal):
        """Such a run has no tasks: collecting it forgets it."""
        mortal.run(UNNAMED, "before add_tasks")
        told = last(mortal.run(ATTACH, prelude=False))
        assert told == {"runs": 1, "errors": [], "values": [], "names": [], "left": 0}

    @pytest.mark.lasts(15)
    @pytest.mark.slow
    @pytest.mark.parametrize("at", [4, 8, 10, 12, 15, 20, 26])
    def test_and_run_again(self, mortal, at):
        """The same script, with a name: every task comes back, and runs once."""
        mortal.run(named(20), at)
        told = last(mortal.run(named(20)))
        assert told["values"] == [n * n for n in range(20) if n != 7]
        assert told["errors"] == ["seven"]
        assert set(mortal.ran().values()) == {1}


class TestByName:
    """Running the script again continues with what is queued, running and done."""

    @pytest.mark.slow
    def test_killed_in_the_middle_twice(self, mortal):
        """What ran twice is known."""
        for begun in (10, 30):
            done = mortal.run(named(60, 0.1, begun), 1_000_000)
            assert done.returncode < 0
        told = last(mortal.run(named(60, 0.1)))
        assert told["values"] == [n * n for n in range(60) if n != 7]
        ran = mortal.ran()
        assert sorted(ran) == list(range(60))
        assert [ran[n] for n in range(60)] == told["runs"]

    @pytest.mark.slow
    def test_done_work_is_not_done_again(self, mortal):
        """A user's exception is an outcome; a longer sweep adds what is new; no job is needed."""
        first = mortal.run(named(10))
        again = mortal.run(named(10))
        assert last(first) == last(again)
        assert "submitted" not in again.stderr
        assert re.search(r"Run sweep goes on: 10 task\(s\) .* just now; [0-9.]+ kB", again.stderr)
        assert len(last(mortal.run(named(12)))["values"]) == 11
        assert set(mortal.ran().values()) == {1}

    def test_what_is_not_asked_for_is_said(self, mortal):
        """It stays, and is there for the next start."""
        mortal.run(named(10))
        fewer = mortal.run(named(4))
        assert "6 task(s) of run sweep were not asked for again, 0 of them without" in fewer.stderr
        mortal.run(named(10))
        assert set(mortal.ran().values()) == {1}

    @pytest.mark.slow
    def test_other_code_is_another_task(self, mortal):
        """A comment is not."""
        mortal.run(named(3))
        mortal.run(named(3, text="# said before\n" + NAMED))
        assert set(mortal.ran().values()) == {1}
        changed = "def work(folder, n, s, old=work):\n    return old(folder, n, s) + 1\n"
        assert last(mortal.run(named(3, text=changed + NAMED)))["values"] == [1, 2, 5]

    def test_keys_of_the_callers(self, mortal):
        """By them a task is found whatever its arguments; a function's own ``key`` is its own."""
        text = f"""
        from fcx import FirecrestExecutor
        import random
        with FirecrestExecutor(FOLDER, {SETTINGS}, run="keys") as executor:
            one = executor.submit(work, FOLDER, random.randrange(100, 1000), key="one")
            assert executor.submit(work, FOLDER, 5, key="one") is one
            same = [executor.submit_as("same", max, 5.0, 6.0) for _ in range(4)]
            also = [executor.submit(work, FOLDER, 6, key="also") for _ in range(4)]
            assert len(set(same)) == len(set(also)) == 1
            for wrong in ("", "~x"):
                try:
                    executor.submit_as(wrong, work, FOLDER, 5)
                except ValueError as error:
                    assert "printable" in str(error)
                else:
                    raise AssertionError(wrong)
            two = executor.submit_as("two", sorted, [3, 1, 2], key=lambda n: -n)
            print([one.result(), two.result(), one.key, two.name])
        """
        starts = [mortal.run(text) for _ in range(2)]
        first, again = (start.stdout for start in starts)
        assert first == again
        for start in starts:
            assert start.stderr.count("key='one' was given to another call before") == 1
            assert start.stderr.count("was given to another call before") == 1
        assert "[3, 2, 1], 'one', 'sorted'" in first
        assert sum(mortal.ran().values()) == 2

    def test_what_has_no_key_is_said_once(self, mortal):
        """It runs at each start."""
        text = f"""
        import random
        from fcx import FirecrestExecutor
        class Odd:
            def __reduce_ex__(self, protocol):
                if protocol == 4 and sys._getframe(1).f_code.co_name == "_object":
                    raise TypeError("of this process only")
                return (Odd, ())
        with FirecrestExecutor(FOLDER, {SETTINGS}, run="none") as executor:
            futures = [executor.submit(work, FOLDER, n, Odd() and 0.0 or 0.0) for n in range(2)]
            futures += [executor.submit(type, Odd()) for n in range(3)]
            [future.result() for future in futures]
        """
        done = mortal.run(text)
        assert done.stderr.count("type has no key of its own (a __main__.Odd: of this proc") == 1

    @pytest.mark.parametrize("name", ["a/b", "", "programs-x"])
    def test_names_that_cannot_be(self, mortal, name):
        """Said at once."""
        text = f"""
        import fcx
        try:
            fcx.FirecrestExecutor(FOLDER, run={name!r})
        except fcx.errors.UsageError as error:
            print(error)
        """
        assert "cannot name a run" in mortal.run(text).stdout


class TestFromAnotherMachine:
    """With the run's directory and key."""

    KEY = """
    import fcx
    print(fcx.runs()[0].directory, fcx.runs()[0].key.hex())
    """

    def attach(self, directory: str, key: str) -> str:
        """A script that collects the run, and asks for one task more."""
        return f"""
        import fcx, json
        with fcx.attach(directory={directory!r}, key={key!r}) as run:
            more = run.submit_as("more", pow, 2, 10)
            assert run.by_key["more"] is more
            futures = list(run.futures.values())
        values = [future.result() for future in futures if not future.exception()]
        print(json.dumps([len(values), more.result(), run.name]))
        """

    @pytest.mark.slow
    def test_everything_is_there(self, mortal):
        """And the script goes on there, too."""
        mortal.run(named(30, 0.1, 5), 1_000_000)
        directory, key = mortal.run(self.KEY, prelude=False).stdout.split()
        elsewhere = Mortal(mortal.folder, mortal.env, state="another")
        assert json.loads(elsewhere.run(self.attach(directory, key)).stdout) == [30, 1024, "sweep"]
        told = last(elsewhere.run(named(30, 0.1)))
        assert told["values"] == [n * n for n in range(30) if n != 7]
        ran = mortal.ran()
        assert [ran[n] for n in range(30)] == told["runs"]

    def test_a_wrong_key_is_refused_at_once(self, mortal, site):
        """In words, and no pilot is submitted."""
        mortal.run(named(3))
        directory, key = mortal.run(self.KEY, prelude=False).stdout.split()
        before = len(site.submissions())
        elsewhere = Mortal(mortal.folder, mortal.env, state="another")
        wrong = f"{(int(key, 16) ^ 1):064x}"
        text = f"""
        import fcx
        try:
            fcx.attach(directory={directory!r}, key={wrong!r})
        except fcx.errors.UsageError as error:
            print(error)
        """
        told = elsewhere.run(text, prelude=False).stdout
        assert "The key does not fit the run in" in told
        assert len(site.submissions()) == before

    def test_a_name_without_its_key_is_refused(self, mortal, site):
        """The directory is somebody else's start: it is left as it is."""
        mortal.run(named(3))
        elsewhere = Mortal(mortal.folder, mortal.env, state="another")
        text = f"""
        import fcx
        executor = fcx.FirecrestExecutor(FOLDER, {SETTINGS}, run="sweep")
        print(executor.submit(pow, 2, 2).exception())
        executor.shutdown()
        print(fcx.runs())
        """
        told = elsewhere.run(text).stdout
        assert "this machine does not have its key" in told
        assert "fcx runs show sweep --key" in told
        assert told.splitlines()[-1] == "[]"
        assert last(mortal.run(named(3)))["values"] == [0, 1, 4]

    def test_a_name_whose_run_has_not_begun_yet_is_taken(self, mortal, site):
        """Its first job may wait for days, in a directory that is empty but for its owner's mark."""
        mortal.run(named(3), "before submit")
        before = len(site.submissions())
        elsewhere = Mortal(mortal.folder, mortal.env, state="another")
        told = last(elsewhere.run(named(3)))
        assert "this machine does not have its key" in told["errors"][0]
        assert len(site.submissions()) == before
        assert last(mortal.run(named(3)))["values"] == [0, 1, 4]
        assert set(mortal.ran().values()) == {1}


class TestWhatThisMachineRemembers:
    """Whatever becomes of it while the run lives, at the end it has the run's key."""

    SPOILED = f"""
    import sqlite3, threading
    from fcx import FirecrestExecutor
    from fcx.state import memory
    folder = os.environ["FCX_STATE_DIR"]
    with FirecrestExecutor(FOLDER, {SETTINGS}, run="sweep") as executor:
        DO
        executor.submit(work, FOLDER, 1, 0.0).result()
    """
    REMOVED = "executor.submit(work, FOLDER, 0, 0.0).result(); os.rename(folder, f'{folder}-gone')"
    LOCKED = """other = sqlite3.connect(f"{folder}/journal.sqlite3", isolation_level=None,
                                check_same_thread=False)
        other.execute("BEGIN EXCLUSIVE")
        memory.Memory.complete, complete = None, memory.Memory.complete
        def late(*rest):
            threading.Timer(1.5, other.close).start()
            complete(*rest)
        memory.Memory.complete = late"""

    @pytest.mark.slow
    @pytest.mark.parametrize("do", [REMOVED, LOCKED])
    def test_a_run_with_a_name_goes_on(self, mortal, do):
        """Without the key nobody could."""
        mortal.run("import fcx; print(fcx.runs())", prelude=False)
        mortal.run(self.SPOILED.replace("DO", do))
        again = mortal.run(self.SPOILED.replace("DO", "pass"))
        assert again.returncode == 0
        assert mortal.ran()[1] == 1


class TestTwoClients:
    """The older one is told, and harms nothing."""

    @pytest.mark.slow
    def test_both_begin_at_once(self, mortal):
        """One begins the run, the other is told; a start after that has all, and knows of all."""
        with mortal.start(named(20, 0.1)) as one, mortal.start(named(20, 0.1)) as other:
            outputs = [process.communicate(timeout=WAIT * 2)[0] for process in (one, other)]
        told = [json.loads(output.splitlines()[-1]) for output in outputs if output]
        assert any(len(each["values"]) == 19 for each in told)
        again = last(mortal.run(named(20, 0.1)))
        assert again["values"] == [n * n for n in range(20) if n != 7]
        ran = mortal.ran()
        assert again["runs"] == [ran[n] for n in range(20)]

    HELD = f"""
    import json, time
    from fcx import FirecrestExecutor
    def held(folder, number):
        while number > 20 and not os.path.exists(f"{{folder}}/go"):
            time.sleep(0.05)
        return work(folder, number)
    with FirecrestExecutor(FOLDER, {SETTINGS}, run="sweep") as executor:
        futures = [executor.submit(held, FOLDER, n) for n in range(60)]
        futures[0].result()
        print("began", flush=True)
        errors = [future.exception() for future in futures]
        values = [future.result() for future in futures if not future.exception()]
    told = {{type(error).__name__: str(error) for error in errors if error}}
    print(json.dumps(dict(errors=told, values=values)), flush=True)
    """

    @pytest.mark.slow
    def test_the_script_is_started_again_while_it_runs(self, mortal):
        """The newer has every outcome, each from one run; the older stops with a typed error."""
        with mortal.start(self.HELD) as older:
            assert older.stdout.readline() == "began\n"
            with mortal.start(self.HELD) as newer:
                assert newer.stdout.readline() == "began\n"
                told = json.loads(older.communicate(timeout=WAIT)[0])
                (mortal.folder / "work" / "go").touch()
                has = json.loads(newer.communicate(timeout=WAIT)[0])
        assert has["values"] == [n * n for n in range(60) if n != 7]
        assert has["errors"] == {"ValueError": "seven"}
        assert "Run sweep was taken over by another client" in told["errors"]["RunTaken"]
        assert set(mortal.ran().values()) == {1}
        assert last(mortal.run(self.HELD))["values"] == has["values"]

    @pytest.mark.slow
    def test_a_run_without_a_name_is_collected_while_it_runs(self, mortal):
        """Its own process removes nothing under the other."""
        with mortal.start(self.HELD.replace(', run="sweep"', "")) as older:
            assert older.stdout.readline() == "began\n"
            begins = "as run:\n        open(os.environ['WORKING_DIR'] + '/go', 'w').close()"
            told = last(mortal.run("import os" + ATTACH.replace("as run:", begins), prelude=False))
            older.communicate(timeout=WAIT)
        assert sorted(told["values"]) == [n * n for n in range(60) if n != 7]
        assert told["errors"] == ["ValueError"]
        assert set(mortal.ran().values()) == {1}


class TestAttempts:
    """What ran twice is known, in this process and in the next."""

    TEXT = f"""
    from fcx import FirecrestExecutor
    def fatal(folder):
        import os, signal, time
        path = f"{{folder}}/fatal"
        first = not os.path.exists(path)
        open(path, "a").close()
        if first:
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)
        return "survived"
    with FirecrestExecutor(FOLDER, {SETTINGS}, run="twice") as executor:
        future = executor.submit(fatal, FOLDER)
        future.result()
        if os.environ["DIE_AT"] != "0":
            os.kill(os.getpid(), signal.SIGKILL)
    attempts = future.attempts
    print([future.result(), len(attempts), len({{each.job_id for each in attempts}})])
    print(attempts[0].error)
    """

    @pytest.mark.lasts(80)
    @pytest.mark.slow
    def test_after_an_agent_was_killed(self, mortal):
        """The client is, too; the next one learns it from the logs."""
        assert mortal.run(self.TEXT, 1_000_000).returncode < 0
        told = mortal.run(self.TEXT).stdout.splitlines()
        assert told[0] == "['survived', 2, 2]"
        assert "perhaps begun" in told[1]
        fresh = Mortal(mortal.folder, mortal.env)
        (mortal.folder / "work" / "fatal").unlink()
        again = fresh.run(self.TEXT.replace('"twice"', '"thrice"')).stdout.splitlines()
        assert again[0].startswith("['survived', 2, ")
        assert again[1]


@pytest.mark.slow
def test_on_a_real_slurm(tmp_path, slurm_firecrest):
    """Killed twice, collected by the same script: each task has run once."""
    mortal = Mortal(tmp_path, slurm_firecrest)
    for begun in (10, 30):
        assert mortal.run(named(60, 0.1, begun), 1_000_000).returncode < 0
    told = last(mortal.run(named(60, 0.1)))
    assert told["values"] == [n * n for n in range(60) if n != 7]
    assert told["errors"] == ["seven"]
    assert set(mortal.ran().values()) == {1}


CHAIN = f"""
import json, time
from fcx import FirecrestExecutor
def follow(folder, number, value):
    work(folder, number)
    return value + 1
with FirecrestExecutor(FOLDER, {SETTINGS}, run="chain") as executor:
    task = executor.submit(work, FOLDER, 2, 1.0)
    futures = [task]
    for number in 3, 4, 5:
        task = executor.submit(follow, FOLDER, number, task)
        futures.append(task)
    while DIES and not os.path.exists(FOLDER + "/ran-2"):
        time.sleep(0.02)
    if DIES:
        os.kill(os.getpid(), signal.SIGKILL)
    print(json.dumps([future.result() for future in futures]))
"""


class TestWithoutAClient:
    """What takes the values of others waits for them on the cluster."""

    @pytest.mark.slow
    @pytest.mark.parametrize("then", ["attached", "again"])
    def test_a_chain_goes_on(self, mortal, then):
        """To its end, while nobody is there; and each task runs once."""
        mortal.run("DIES = True\n" + CHAIN, 1_000_000)
        eventually(lambda: sorted(mortal.ran()) == [2, 3, 4, 5])
        if then == "attached":
            assert last(mortal.run(ATTACH, prelude=False))["values"] == [4, 5, 6, 7]
        else:
            assert last(mortal.run("DIES = False\n" + CHAIN)) == [4, 5, 6, 7]
        assert set(mortal.ran().values()) == {1}

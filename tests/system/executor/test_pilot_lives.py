"""Pilots: how many, for how long, and what becomes of tasks when one of them ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from executors.deadline import WAIT, eventually, gone, within
from executors.fixtures import TIME, making

from fcx import errors
from fcx.local import cluster


def job_id():
    """The job that a task runs in."""
    return os.environ["SLURM_JOB_ID"]


def slow_once(path, first=600.0):
    """Sleeps the first time that it is called with this path; counts its calls in it."""
    calls = Path(path).read_text() if Path(path).exists() else ""
    with Path(path).open("a") as file:
        print(os.environ["SLURM_JOB_ID"], os.getppid(), file=file)
    time.sleep(0 if calls else first)
    return len(calls.splitlines()) + 1


def slow_until(path, times):
    """Sleeps for long until it is called so often; notes the job of each call."""
    with Path(path).open("a") as file:
        print(os.environ["SLURM_JOB_ID"], file=file)
    calls = len(Path(path).read_text().splitlines())
    time.sleep(0 if calls >= times else 600.0)
    return calls


def nth(path, number):
    """The job of the nth call of slow_until, once there is one."""
    lines = path.read_text().splitlines()
    return lines[number - 1] if len(lines) >= number else None


def starting(executor):
    """The job of the pilot that was submitted last, or None."""
    jobs = [pilot.job for pilot in executor._run.pilots if pilot.job]
    return jobs[-1] if jobs else None


def begun(path):
    """Whether slow_once has been called with it: (job, pid of the agent)."""
    text = path.read_text() if path.exists() else ""
    return tuple(text.split()[:2]) if text.endswith("\n") else None


def scripts(env, run):
    """The job scripts of a run that reached the server."""
    return [one["script"] for one in env.submissions() if run in one["script"]]


@pytest.fixture
def patient():
    """Looks more often whether a silent agent is alive than one would on a real site."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fcx.executor.core.doubts.SILENCE", 8.0)
        yield


@pytest.fixture
def quick_again():
    """Tries a refused pilot again sooner than one would on a real site."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fcx.executor.core.crew.REFUSED_PAUSE", 3.0)
        yield


@pytest.fixture(scope="module")
def quick_minutes():
    """A cluster whose minutes are short."""
    with cluster(scheduler="process", minute=15.0, kill_wait=1.0) as env:
        yield env


def failed(env):
    """How many requests the server could not answer."""
    return sum(count for status, count in env.statuses().items() if status >= 500)


def live_jobs(executor):
    """Jobs of an executor that have not ended, by what the server says."""
    from fcx.firecrest.client import Client
    from fcx.firecrest.loop import LoopThread

    names = {pilot.name for pilot in executor._run.pilots}

    async def ask():
        client = Client(executor._intake.settings.credentials)
        try:
            return (await client.jobs.listing()).jobs
        finally:
            await client.close()

    states = LoopThread.shared().run(ask(), WAIT)
    return [state for state in states if state.name in names and not state.terminal]


class TestHowMany:
    """No more jobs than the tasks need, and none that idles."""

    def test_a_burst_makes_no_more_jobs_than_workers(self, site, make):
        """Hundreds of small tasks, and once they are done no job is left waiting.

        Pilots stay: on a busy machine one would leave between the probe and the first tasks. There
        tasks may also seem long for a while: what is submitted for that is cancelled before it begins.
        """
        site.reset_counts()
        with make(max_workers=3, idle_timeout=600.0) as executor:
            jobs = set(executor.map(lambda _: job_id(), range(200), timeout=WAIT))
            assert 1 <= len(jobs) <= 3
            counts = site.counts()
            assert counts["submit"] - counts.get("cancel", 0) <= 3
            eventually(lambda: all(job.state != "PENDING" for job in live_jobs(executor)))
        eventually(lambda: not live_jobs(executor))

    def test_long_tasks_get_one_each(self, make):
        """Four tasks that wait for each other run at the same time."""

        def meet(folder, number, count):
            import time
            from pathlib import Path

            (Path(folder) / str(number)).touch()
            deadline = time.monotonic() + 120
            while len(list(Path(folder).iterdir())) < count:
                assert time.monotonic() < deadline, "the others did not come"
                time.sleep(0.05)
            return __import__("os").environ["SLURM_JOB_ID"]

        with make(max_workers=4) as executor:
            folder = Path(executor._intake.settings.table.working_dir) / "meeting"
            folder.mkdir()
            futures = [executor.submit(meet, str(folder), i, 4) for i in range(4)]
            assert len({future.result(WAIT) for future in futures}) == 4

    @pytest.mark.slow
    def test_whichever_begins_first_has_the_modules_of_its_tasks(self, tmp_path, monkeypatch):
        """Pilots that wait side by side all bring the user's own modules along."""
        (tmp_path / "ownmodule.py").write_text("def double(x):\n    return 2 * x\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        import ownmodule

        with cluster(scheduler="process") as env, making(env, tmp_path) as build:
            with build(max_workers=1) as first:
                assert first.submit(abs, -1).result(WAIT) == 1  # the verdict is known from here on
            with build(max_workers=1) as blocking:
                taken = blocking.submit(time.sleep, 600)
                eventually(taken.running)
                waiting = build(max_workers=3)
                calls = [waiting.submit(ownmodule.double, n) for n in range(3)]
                own = waiting._run.id
                eventually(lambda: len(scripts(env, own)) == 3)
                assert all("/modules/modules-" in text for text in scripts(env, own))
                taken.cancel()
                blocking.abort()
                assert [call.result(WAIT) for call in calls] == [0, 2, 4]
                waiting.shutdown()

    def test_an_idle_pilot_ends_itself(self, make):
        """Node hours are money; the next task gets a new one."""
        with make(max_workers=1, idle_timeout=0.5) as executor:
            first = executor.submit(job_id).result(WAIT)
            eventually(lambda: not live_jobs(executor))
            assert executor.submit(job_id).result(WAIT) != first

    def test_a_pilot_serves_tasks_that_come_later(self, make):
        """Within its idle time no second job is made."""
        with make(max_workers=2, idle_timeout=60.0) as executor:
            jobs = {executor.submit(job_id).result(WAIT) for _ in range(5)}
        assert len(jobs) == 1

    def test_closing_ends_the_pilots_before_their_idle_time(self, make):
        """After the block, nothing runs on for it."""
        with make(max_workers=1, idle_timeout=600.0) as executor:
            executor.submit(job_id).result(WAIT)
        eventually(lambda: not live_jobs(executor))


class TestNodes:
    """Several workers per node, several nodes."""

    def test_two_workers_on_two_cpus_have_one_each(self, make):
        """Disjoint affinity, their own rank and thread count."""

        def look(folder, number):
            import os
            import time
            from pathlib import Path

            (Path(folder) / str(number)).touch()
            deadline = time.monotonic() + 100
            while len(list(Path(folder).iterdir())) < 2:
                assert time.monotonic() < deadline, "the other did not come"
                time.sleep(0.02)
            return (
                sorted(os.sched_getaffinity(0)),
                os.environ["FCX_LOCAL_RANK"],
                os.environ.get("OMP_NUM_THREADS"),
                os.environ["SLURM_JOB_ID"],
            )

        here = len(os.sched_getaffinity(0))
        with make(max_workers=2, workers_per_node=2) as executor:
            folder = Path(executor._intake.settings.table.working_dir) / "meeting"
            folder.mkdir()
            one, two = (executor.submit(look, str(folder), i) for i in range(2))
            one, two = one.result(WAIT), two.result(WAIT)
        assert {one[1], two[1]} == {"0", "1"}
        assert one[3] == two[3]
        if here >= 2:
            assert not set(one[0]) & set(two[0])
            assert len(one[0]) + len(two[0]) <= here
            assert (one[2], two[2]) == (str(len(one[0])), str(len(two[0])))

    def test_two_nodes_are_one_job(self, make, tmp_path):
        """An agent on each node; tasks run on both."""

        def look(folder, number):
            import os
            import time
            from pathlib import Path

            (Path(folder) / str(number)).touch()
            deadline = time.monotonic() + 100
            while len(list(Path(folder).iterdir())) < 2:
                assert time.monotonic() < deadline, "the other did not come"
                time.sleep(0.02)
            return os.environ["SLURM_NODEID"], os.environ["SLURM_JOB_ID"]

        with make(tmp_path, [TIME, "--nodes=2"], max_workers=2) as executor:
            folder = tmp_path / "meeting"
            folder.mkdir()
            futures = [executor.submit(look, str(folder), i) for i in range(2)]
            found = [future.result(WAIT) for future in futures]
        assert {node for node, _ in found} == {"0", "1"}
        assert len({job for _, job in found}) == 1

    def test_the_users_srun_options_change_neither(self, make, tmp_path):
        """What agrees with one agent per node is kept; what does not is refused with the reason."""
        with make(tmp_path, [TIME], ["--ntasks=1"], max_workers=1) as executor:
            assert executor.submit(job_id).result(WAIT)
            logs = Path(executor._run.directory) / "logs"
            assert len({p.name.split(".")[2] for p in logs.iterdir()}) == 1
        with pytest.raises(errors.OptionError, match="workers_per_node"):
            make(tmp_path, [TIME], ["--ntasks=4"], max_workers=1)

    def test_a_bundle_between_two_nodes_runs_each_task_once(self, make, tmp_path):
        """What one agent has claimed the other leaves alone."""

        def note(path):
            import os

            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(fd, b".")
            os.close(fd)

        with make(tmp_path, [TIME, "--nodes=2"], max_workers=4, workers_per_node=2) as executor:
            list(executor.map(note, [str(tmp_path / "marks")] * 100, timeout=WAIT))
        assert (tmp_path / "marks").read_bytes() == b"." * 100


@pytest.mark.slow
class TestTimeLimits:
    """A task is owed a whole time limit. Here a minute of --time lasts 15 s."""

    def test_three_tasks_of_two_thirds_of_it(self, quick_minutes, tmp_path):
        """Two never fit into one job: each gets its own, and all three end."""
        with making(quick_minutes, tmp_path) as build:
            with build(tmp_path, ["--time=00:01:00"], max_workers=1) as executor:
                assert list(executor.map(time.sleep, [8.0] * 3, timeout=WAIT)) == [None] * 3
                assert len({pilot.job for pilot in executor._run.pilots}) >= 3

    def test_a_task_that_has_all_of_it_and_wants_more(self, quick_minutes, tmp_path):
        """TimeLimitExceeded: the advice is --time. It is not tried again."""
        mark = tmp_path / "mark"

        def work(path):
            import time

            with open(path, "a") as file:
                file.write("x")
            time.sleep(3600)

        with making(quick_minutes, tmp_path) as build:
            with build(tmp_path, ["--time=00:01:00"], max_workers=1) as executor:
                error = executor.submit(work, str(mark)).exception(WAIT)
        assert isinstance(error, errors.TimeLimitExceeded)
        assert "--time" in str(error)
        assert mark.read_text() == "x"

    def test_one_that_is_cut_short_though_not_the_first_runs_again(self, quick_minutes, tmp_path):
        """It goes back uncharged, into a fresh pilot, where it has the whole time."""
        with making(quick_minutes, tmp_path) as build:
            with build(tmp_path, ["--time=00:01:00"], max_workers=1, task_retries=0) as executor:
                first, second = executor.submit(time.sleep, 8.0), executor.submit(slow, 8.5)
                assert first.result(WAIT) is None
                assert second.result(WAIT) == "slept 8.5"

    def test_walltime_keeps_a_task_from_being_begun_too_late(self, quick_minutes, tmp_path):
        """A function that says how long it takes is not started where that does not fit."""
        mark = tmp_path / "mark"

        def work(path):
            import time

            with open(path, "a") as file:
                file.write("x")
            time.sleep(7)

        work.walltime = 9.0
        with making(quick_minutes, tmp_path) as build:
            with build(tmp_path, ["--time=00:01:00"], max_workers=1) as executor:
                list(executor.map(work, [str(mark)] * 2, timeout=WAIT))
        assert mark.read_text() == "xx"


def slow(seconds):
    """Another function than time.sleep: nothing is known of how long it takes."""
    time.sleep(seconds)
    return f"slept {seconds}"


class TestEnds:
    """Ctrl-C, the interpreter's end, an abandoned executor: in a process of their own."""

    SCRIPT = """
    import os, sys, time, signal
    from fcx import FirecrestExecutor
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells ignore it in the background
    executor = FirecrestExecutor(os.environ["WORKING_DIR"], ["--time=00:05:00"], sleep_interval=1,
                                 max_workers=1, idle_timeout=3.0)
    """

    def start(self, site, folder, body):
        path = folder / "script.py"
        path.write_text(textwrap.dedent(self.SCRIPT) + textwrap.dedent(body))
        return subprocess.Popen(
            [sys.executable, str(path)],
            env={**os.environ, **site, "WORKING_DIR": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @pytest.mark.parametrize("scheduler", ["site", pytest.param("slurm", marks=pytest.mark.slurm)])
    def test_ctrl_c_cancels_the_jobs_and_says_so(self, scheduler, request, tmp_path):
        """The task is ended, the job is gone, the message names the run."""
        site = request.getfixturevalue({"site": "site", "slurm": "slurm_firecrest"}[scheduler])
        mark = tmp_path / "mark"
        child = self.start(
            site,
            tmp_path,
            f"""
            def work(path):
                with open(path, "w") as file:
                    print(os.getpid(), file=file)
                time.sleep(3600)
            with executor:
                executor.submit(work, {str(mark)!r}).result()
            """,
        )
        try:
            worker = int(eventually(lambda: mark.exists() and mark.read_text().strip()))
            child.send_signal(signal.SIGINT)
            _, err = within(WAIT, child.communicate)
        finally:
            child.kill()
        assert "KeyboardInterrupt" in err
        assert "ancel" in err
        assert "1 job" in err
        eventually(lambda: gone(worker))

    @pytest.mark.slow
    def test_the_end_of_the_program_waits_for_its_tasks(self, site, tmp_path):
        """As concurrent.futures has it; nothing runs on afterwards."""
        mark = tmp_path / "mark"
        child = self.start(
            site,
            tmp_path,
            f"""
            def work(path):
                time.sleep(1)
                open(path, "w").close()
            executor.submit(work, {str(mark)!r}).add_done_callback(lambda f: print("done", flush=True))
            """,
        )
        out, err = within(WAIT, child.communicate)
        assert (out, child.returncode) == ("done\n", 0), err
        assert mark.exists()
        eventually(lambda: not list(tmp_path.glob(".fcx-*/2*")))

    @pytest.mark.slow
    def test_a_program_that_is_killed_leaves_nothing_past_the_idle_timeout(self, site, tmp_path):
        """Its pilot ends by itself."""
        child = self.start(
            site,
            tmp_path,
            """
            print(executor.submit(os.getppid).result(), flush=True)
            time.sleep(600)
            """,
        )
        try:
            agent = int(within(WAIT, child.stdout.readline))
        finally:
            child.kill()
            child.communicate()
        eventually(lambda: gone(agent))

    def test_an_executor_that_nobody_holds_ends(self, make):
        """Garbage collection closes it, once its tasks are done."""
        executor = make(max_workers=1)
        future, run = executor.submit(abs, -1), executor._run
        assert future.result(WAIT) == 1
        executor.shutdown(wait=False)
        del executor
        within(WAIT, run.finished.wait)


def cancel_as_surplus(run):
    """Cancel a run's first pilot as the core does one that is not needed; in the loop's thread."""
    from fcx.executor.core.events import Ticked

    run._driver.core.fleet.cancel(run.pilots[0])
    run._driver._feed(Ticked())


class TestTrouble:
    """What happens to jobs from outside."""

    @pytest.mark.slow
    def test_an_agent_that_is_killed(self, make, tmp_path, patient):
        """Its task runs again, elsewhere, and is charged for it."""
        mark = tmp_path / "mark"
        with make(max_workers=1) as executor:
            future = executor.submit(slow_once, str(mark))
            _, agent = eventually(lambda: begun(mark))
            eventually(future.running)
            os.kill(int(agent), signal.SIGKILL)
            assert future.result(WAIT) == 2

    @pytest.mark.slow
    def test_a_surplus_pilot_that_had_begun_after_all(self, make, tmp_path, patient):
        """We cancel it, and its agent dies before it can say a word: its task runs elsewhere."""
        from fcx.firecrest.loop import LoopThread

        mark = tmp_path / "mark"
        with make(max_workers=1) as executor:
            run = executor._run
            future = executor.submit(slow_once, str(mark))
            _, agent = eventually(lambda: begun(mark))
            os.kill(int(agent), signal.SIGKILL)
            LoopThread.shared().loop.call_soon_threadsafe(cancel_as_surplus, run)
            assert future.result(WAIT) == 2
            assert len(run.pilots) == 2

    @pytest.mark.slow
    def test_an_agent_that_is_killed_each_time(self, make, tmp_path, patient):
        """task_retries=0: the error names the job."""
        mark = tmp_path / "mark"
        with make(max_workers=1, task_retries=0) as executor:
            future = executor.submit(slow_once, str(mark))
            job, agent = eventually(lambda: begun(mark))
            eventually(future.running)
            os.kill(int(agent), signal.SIGKILL)
            error = future.exception(WAIT)
        assert isinstance(error, errors.JobFailed)
        assert job in str(error)

    def test_cancelled_from_outside(self, make, site, tmp_path):
        """scancel by hand: the task runs again."""
        mark = tmp_path / "mark"
        with make(max_workers=1) as executor:
            future = executor.submit(slow_once, str(mark))
            job, _ = eventually(lambda: begun(mark))
            eventually(future.running)
            cancel(site, job)
            assert future.result(WAIT) == 2

    @pytest.mark.slow
    @pytest.mark.slurm
    def test_scancel_by_hand_on_slurm(self, slurm, slurm_firecrest, tmp_path, patient):
        """The same, with Slurm's own scancel; task_retries=0 makes it the task's error."""
        mark = tmp_path / "mark"
        with making(slurm_firecrest, tmp_path) as build:
            with build(max_workers=1, task_retries=0) as executor:
                future = executor.submit(slow_once, str(mark))
                job, _ = eventually(lambda: begun(mark))
                eventually(future.running)
                slurm.run("scancel", job)
                error = future.exception(WAIT)
        assert isinstance(error, errors.JobCancelled)
        assert job in str(error)

    @pytest.mark.slow
    @pytest.mark.slurm
    def test_requeue_by_hand_on_slurm(self, slurm, slurm_firecrest, tmp_path, patient):
        """--requeue: the job restarts under its id; the task runs again, the finished one does not."""
        done, mark = tmp_path / "done", tmp_path / "mark"
        with making(slurm_firecrest, tmp_path) as build:
            with build(tmp_path, [TIME, "--requeue"], max_workers=1) as executor:
                assert executor.submit(slow_once, str(done), 0.0).result(WAIT) == 1
                future = executor.submit(slow_once, str(mark))
                job, _ = eventually(lambda: begun(mark))
                eventually(future.running)
                slurm.run("scontrol", "requeue", job)
                assert future.result(WAIT) == 2
        assert len(done.read_text().splitlines()) == 1
        assert len(mark.read_text().splitlines()) == 2

    @pytest.mark.slurm
    def test_a_job_that_slurm_will_never_start(self, slurm_firecrest, tmp_path):
        """More time than the partition allows: told instead of waited for."""
        with making(slurm_firecrest, tmp_path) as build:
            with build(tmp_path, ["--partition=short", "--time=01:00:00"]) as executor:
                error = executor.submit(abs, -1).exception(WAIT)
        assert isinstance(error, errors.JobNeverRuns)
        assert "PartitionTimeLimit" in str(error)

    @pytest.mark.slow
    @pytest.mark.slurm
    def test_slurms_controller_stops_during_a_submit(self, slurm, slurm_firecrest, tmp_path):
        """sbatch hangs, the answer is an error, the job appears later: the task runs once."""
        controller = slurm._daemons[0].pid
        mark = tmp_path / "mark"
        with making(slurm_firecrest, tmp_path) as build:
            with build(max_workers=1, idle_timeout=0.5) as executor:
                executor.submit(abs, -1).result(WAIT)
                eventually(lambda: not live_jobs(executor))
                slurm_firecrest.reset_counts()
                os.kill(controller, signal.SIGSTOP)
                try:
                    future = executor.submit(slow_once, str(mark), 0.0)
                    eventually(lambda: slurm_firecrest.counts().get("submit"))
                    known = failed(slurm_firecrest)
                    eventually(lambda: failed(slurm_firecrest) > known + 1)
                finally:
                    os.kill(controller, signal.SIGCONT)
                assert future.result(WAIT) == 1
                eventually(lambda: not live_jobs(executor))
        assert len(mark.read_text().splitlines()) == 1

    @pytest.mark.slow
    def test_a_node_that_fails(self, make, site, tmp_path, patient):
        """NODE_FAIL: the task runs again on another."""
        mark = tmp_path / "mark"
        with make(max_workers=1) as executor:
            future = executor.submit(slow_once, str(mark))
            job, _ = eventually(lambda: begun(mark))
            eventually(future.running)
            site.faults.fail_node(job)
            assert future.result(WAIT) == 2

    @pytest.mark.slow
    def test_a_node_that_fails_every_time(self, make, site, tmp_path, patient):
        """NodeFailed, once task_retries are used up."""
        mark = tmp_path / "mark"
        with make(max_workers=1, task_retries=0) as executor:
            future = executor.submit(slow_once, str(mark))
            job, _ = eventually(lambda: begun(mark))
            eventually(future.running)
            site.faults.fail_node(job)
            error = future.exception(WAIT)
        assert isinstance(error, errors.NodeFailed)
        assert job in str(error)

    @pytest.mark.slow
    def test_preempted(self, make, site, tmp_path, patient):
        """Another job takes its place: the task runs again."""
        mark = tmp_path / "mark"
        with make(max_workers=1) as executor:
            future = executor.submit(slow_once, str(mark))
            job, _ = eventually(lambda: begun(mark))
            eventually(future.running)
            site.faults.preempt(job)
            assert future.result(WAIT) == 2

    @pytest.mark.slow
    def test_preempted_more_often_than_there_are_retries(self, make, site, tmp_path, patient):
        """Another job takes its place again and again: no fault of the task, which has its day."""
        mark = tmp_path / "mark"
        mark.touch()
        with make(max_workers=1, task_retries=1) as executor:
            future = executor.submit(slow_until, str(mark), 5)
            for times in range(1, 5):
                job = eventually(lambda times=times: nth(mark, times))
                eventually(future.running)
                site.faults.preempt(job)
            assert future.result(WAIT) == 5

    @pytest.mark.slow
    def test_a_submit_past_a_limit_is_waited_out(self, make, site, tmp_path, caplog, quick_again):
        """Refused for now: one warning, and the task runs once Slurm takes its pilot."""
        site.faults.set("submit", limit=3)
        with make(max_workers=1) as executor:
            assert executor.submit(abs, -3).result(WAIT) == 3
        told = [one.message for one in caplog.records if "SubmitJobPerUserLimit" in one.message]
        assert len(told) == 1
        assert "tried again" in told[0]

    @pytest.mark.slow
    def test_a_further_pilot_past_a_limit_harms_nobody(self, make, site, tmp_path, quick_again):
        """The first goes on; the second is taken later."""
        mark = tmp_path / "mark"
        with make(max_workers=2) as executor:
            first = executor.submit(slow_once, str(mark), 3.0)
            eventually(lambda: begun(mark))
            site.faults.set("submit", limit=2)
            others = [executor.submit(time.sleep, 1.0) for _ in range(4)]
            assert first.result(WAIT) == 1
            assert [other.result(WAIT) for other in others] == [None] * 4

    @pytest.mark.slow
    def test_a_job_that_listings_leave_out(self, make, site, tmp_path):
        """It waits for longer than a job may be missing, and no other takes its place."""
        before = len(site.submissions())
        site.faults.set("submit", pending=50.0)
        site.faults.set("jobs", missing=45.0)
        try:
            with make(max_workers=1) as executor:
                assert executor.submit(abs, -3).result(WAIT) == 3
        finally:
            site.faults.clear()
        assert len(site.submissions()) == before + 1

    @pytest.mark.parametrize(
        "scheduler", ["process", pytest.param("slurm", marks=pytest.mark.slurm)]
    )
    @pytest.mark.slow
    def test_a_pilot_that_is_told_to_end_while_it_starts(self, scheduler, request, tmp_path):
        """SIGTERM in its first moments is no word on the environment: another takes its place."""
        env = request.getfixturevalue("site" if scheduler == "process" else "slurm_firecrest")
        with making(env, tmp_path) as make, make(max_workers=1) as executor:
            future = executor.submit(abs, -3)
            for moment in (0.0, 0.1, 0.2):  # seconds
                job = eventually(lambda: starting(executor))
                time.sleep(moment)
                cancel(env, job)
                eventually(lambda job=job: future.done() or starting(executor) not in {None, job})
            assert future.result(WAIT) == 3

    @pytest.mark.slow
    def test_out_of_memory(self, make, site, tmp_path, patient):
        """The job's memory limit: not tried again, and the advice is --mem."""
        mark = tmp_path / "mark"
        with make(max_workers=1) as executor:
            future = executor.submit(slow_once, str(mark))
            job, _ = eventually(lambda: begun(mark))
            eventually(future.running)
            site.faults.run_out_of_memory(job)
            error = future.exception(WAIT)
        assert isinstance(error, errors.OutOfMemory)
        assert isinstance(error, MemoryError)
        assert "--mem" in str(error)
        assert len(mark.read_text().splitlines()) == 1


def cancel(site, job):
    """Cancel a job as another program would."""
    from fcx.config import Credentials
    from fcx.firecrest.client import Client
    from fcx.firecrest.loop import LoopThread

    async def do():
        client = Client(Credentials.from_env(site))
        try:
            await client.jobs.cancel(job)
        finally:
            await client.close()

    LoopThread.shared().run(do(), WAIT)


class TestFaultsOfTheApi:
    """Faults that real servers have; the tasks get through, each once."""

    @pytest.fixture
    def faults(self, site):
        """Faults that are lifted after the test."""
        yield site.faults
        site.faults.clear()

    @pytest.mark.parametrize(
        ("kind", "effects"),
        [
            ("submit", {"ghost": 1}),
            ("submit", {"lost": 1}),
            ("submit", {"crash": 1}),
            ("upload", {"half": 1}),
            ("upload", {"lost": 1}),
            ("tail", {"crash": 2}),
            ("tail", {"drop": 2}),
            ("ls", {"crash": 2}),
            ("*", {"drop": 3}),
            ("jobs", {"missing": 3}),
            ("jobs", {"bogus": 3}),
            ("job", {"missing": 3}),
            ("job", {"bogus": 3}),
            ("mkdir", {"lost": 1}),
        ],
        ids=lambda value: value if isinstance(value, str) else next(iter(value)),
    )
    @pytest.mark.slow
    def test_is_ridden_out(self, make, faults, tmp_path, kind, effects):
        """A handful of tasks under each fault: right results, none run twice."""
        marks = tmp_path / "marks"

        def note(path, number):
            import os

            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(fd, b"%d\n" % number)
            os.close(fd)
            return number

        faults.set(kind, **effects)
        with make(max_workers=2) as executor:
            first = executor.submit(note, str(marks), 0)
            assert first.result(WAIT) == 0
            futures = [executor.submit(note, str(marks), i) for i in range(1, 6)]
            assert [f.result(WAIT) for f in futures] == [1, 2, 3, 4, 5]
        assert sorted(map(int, marks.read_text().split())) == [0, 1, 2, 3, 4, 5]

    def test_tokens_that_expire_under_way(self, make, faults):
        """A new one is fetched; no task notices."""
        with make(max_workers=1) as executor:
            assert executor.submit(abs, -1).result(WAIT) == 1
            faults.expire_tokens()
            assert executor.submit(abs, -2).result(WAIT) == 2

    def test_a_rate_limit(self, make, faults):
        """429 with Retry-After is obeyed."""
        with make(max_workers=1) as executor:
            assert executor.submit(abs, -1).result(WAIT) == 1
            faults.set("*", times=2, rate=1)
            assert executor.submit(abs, -2).result(WAIT) == 2

    def test_every_request_has_a_chance_to_fail(self, make, faults):
        """One in five, of any kind, at any time."""
        faults.seed(4)
        faults.set("*", crash=True, probability=0.1)
        faults.set("tail", drop=True, probability=0.2)
        with make(max_workers=2) as executor:
            assert list(executor.map(abs, range(100), timeout=WAIT)) == list(range(100))
            with contextlib.suppress(Exception):
                faults.clear()

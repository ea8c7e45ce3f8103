"""Pilots of several shapes in one run: by REST, on the local cluster and on a real Slurm."""

from __future__ import annotations

import asyncio
import json
import os
from concurrent.futures import Executor
from pathlib import Path

import pytest
from executors.deadline import WAIT, eventually
from executors.fixtures import TIME, making
from executors.mortal import Mortal
from sample import MANIFEST

from fcx import errors


def place():
    """The job that runs this, its partition, the CPUs that it asked for, and the worker's rank."""
    names = ("JOB_ID", "JOB_PARTITION", "CPUS_PER_TASK")
    rank = os.environ["FCX_LOCAL_RANK"]
    return tuple(os.environ.get(f"SLURM_{name}") for name in names), rank


def rests(seconds):
    """Does nothing for a while."""
    import time

    time.sleep(seconds)
    return seconds


def meets(folder, number, count):
    """Waits until so many run at the same time."""
    import time

    Path(folder, f"here-{number}").touch()
    while len(list(Path(folder).glob("here-*"))) < count:
        time.sleep(0.05)
    return place()


class TestOneRun:
    """Tasks go to pilots of their shape; all else is the run's."""

    def test_each_shape_has_pilots_of_its_own_in_one_directory(self, make, tmp_path):
        """CPUs, workers of a node; the same shape again has none of its own."""
        with make(max_workers=4) as executor:
            wide = executor.options(sbatch_options=[TIME, "--cpus-per-task=2"], workers_per_node=2)
            again = executor.options(workers_per_node=2).options(
                sbatch_options=[TIME, "--cpus-per-task=2"]
            )
            own = executor.submit(place)
            two = [
                view.submit(meets, str(tmp_path), number, 2)
                for number, view in enumerate((wide, again))
            ]
            (job, _, cpus), _ = own.result(WAIT)
            places = [future.result(WAIT) for future in two]
            assert cpus is None
            assert {found[0][2] for found in places} == {"2"}
            assert {found[1] for found in places} == {"0", "1"}
            (other,) = {found[0][0] for found in places}
            assert other != job
            assert executor.options().submit(place).result(WAIT)[0][0] == job
            (run,) = tmp_path.glob(".fcx-*/2*")
            assert executor.run_directory == str(run)
            assert len(list((run / "locks").glob("*-00?"))) == 2

    def test_a_view_is_an_executor_that_closes_alone(self, make):
        """map, asyncio, with: what it has is waited for, and the executor goes on."""
        with make() as executor:
            with executor.options(sbatch_options=["--time=00:04:00"]) as view:
                assert isinstance(view, Executor)
                assert list(view.map(abs, [-1, 2, -3], chunksize=2, timeout=WAIT)) == [1, 2, 3]

                async def awaited():
                    return await asyncio.get_running_loop().run_in_executor(view, abs, -4)

                assert asyncio.run(awaited()) == 4
                last = view.submit(abs, -5)
                assert "--time=00:04:00" in repr(view)
            assert last.done()
            with pytest.raises(RuntimeError, match="after shutdown"):
                view.submit(abs, 1)
            assert executor.submit(abs, -6).result(WAIT) == 6
            left = executor.options(workers_per_node=2)
        with pytest.raises(RuntimeError, match="after shutdown"):
            left.submit(abs, 1)

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ({"sbatch_options": "--time=1"}, "sbatch_options"),
            ({"sbatch_options": ["--array=1-2"]}, "cannot be used: one task of an array"),
            ({"srun_options": ["--pty"]}, "--pty cannot be used"),
            ({"workers_per_node": 0}, "workers_per_node"),
            ({"walltime": -1}, "walltime"),
        ],
    )
    def test_what_cannot_be_is_refused_at_once(self, make, given, told):
        """By options(), not by the first task."""
        with make() as executor, pytest.raises(errors.OptionError, match=told):
            executor.options(**given)

    def test_a_walltime_of_a_view_and_of_a_task(self, make):
        """The task's own comes first; the pilots are the same ones."""
        with make() as executor:
            view = executor.options(walltime=1)
            error = view.submit(rests, 50).exception(WAIT)
            assert "walltime of 1 s" in str(error)
            assert view.submit(rests, 2, walltime=30).result(WAIT) == 2

    def test_a_shape_is_given_room_while_another_has_work_for_long(self, make, caplog):
        """A pilot is told to leave, ends what it runs and hands back the rest: nothing runs twice."""
        with make(max_workers=2) as executor:
            long = [executor.submit(rests, 1.5) for _ in range(24)]
            long[0].result(WAIT)
            other = executor.options(sbatch_options=["--time=00:04:00"])
            assert other.submit(rests, 0.1).result(WAIT) == 0.1
            assert not all(future.done() for future in long)
            assert [future.result(WAIT) for future in long] == [1.5] * 24
            assert {len(future.attempts) for future in long} == {1}
        assert "makes room for others" in caplog.text


class TestVerdicts:
    """A shape with another environment has a verdict of its own, and harms no other."""

    @pytest.fixture
    def foreign(self, tmp_path, monkeypatch):
        """An image that is not the client's, with its manifest."""
        folder = tmp_path / "edf"
        folder.mkdir()
        (folder / "img.toml").write_text(f'image = "{MANIFEST.repo_digest}"\n')
        (folder / "img.manifest.json").write_text(MANIFEST.to_json())
        monkeypatch.chdir(tmp_path)
        return str(folder / "img.toml")

    def test_one_that_is_refused_fails_its_own_tasks_only(self, make, foreign):
        """In the usual words; the executor goes on, and so do other views."""
        with make() as executor:
            view = executor.options(environment=foreign)
            error = view.submit(abs, -1).exception(WAIT)
            assert isinstance(error, errors.ParityError)
            assert "no payload was sent" in str(error)
            assert executor.submit(abs, -2).result(WAIT) == 2
            other = executor.options(sbatch_options=["--time=00:04:00"])
            assert other.submit(abs, -3).result(WAIT) == 3
            eventually(lambda: view._intake.broken is not None)
            with pytest.raises(RuntimeError, match="the executor is broken"):
                view.submit(abs, 1)

    def test_the_executors_own_may_be_the_one_that_is_refused(self, make, foreign):
        """Its views go on."""
        with make(environment=foreign) as executor:
            view = executor.options(environment="")
            assert view.submit(abs, -2).result(WAIT) == 2
            error = executor.submit(abs, -1).exception(WAIT)
            assert isinstance(error, errors.ParityError)
            assert view.submit(abs, -3).result(WAIT) == 3


SHAPES = """
import json, os, time
from fcx import FirecrestExecutor
executor = FirecrestExecutor(FOLDER, ["--time=00:05:00"], max_workers=4, sleep_interval=1,
                             idle_timeout=3, parity="off", task_retries=3, {more})
view = executor.options(sbatch_options=["--time=00:04:00", "--cpus-per-task=3"])
def shown(folder, number):
    import os, time
    with open(folder + "/ran-%d" % number, "a") as file:
        file.write("x")
    while not os.path.exists(folder + "/go"):
        time.sleep(0.05)
    return number, os.environ.get("SLURM_CPUS_PER_TASK")
futures = [(view if n % 2 else executor).submit(shown, FOLDER, n) for n in range(4)]
"""
DIES = """
while len([name for name in os.listdir(FOLDER) if name.startswith("ran-")]) < 4:
    time.sleep(0.05)
jobs_are_known()
print(executor.run_directory, executor.run_key, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
COLLECTS = """
import fcx, json, os, sys
open(os.environ["WORKING_DIR"] + "/go", "w").close()
how = {how}
with fcx.attach(**how) as run:
    found = sorted(future.result() for future in run.futures.values())
print(json.dumps([found, [f.attempts[-1].number for f in run.futures.values()]]))
"""


@pytest.fixture
def mortal(tmp_path, site):
    """A script's folder, on the local cluster."""
    return Mortal(tmp_path, site)


MORE = """
import fcx, json, os
with fcx.attach(fcx.runs()[0].id) as run:
    view = run.options(sbatch_options=["--time=00:03:00", "--cpus-per-task=2"], walltime=60)
    futures = [view.submit(os.getenv, "SLURM_CPUS_PER_TASK"), run.submit(os.getenv, "NOTHING_SO")]
    found = [future.result() for future in futures]
    five = view.submit(abs, -5).result()
try:
    view.submit(abs, 1)
except RuntimeError:
    print(json.dumps([found, five, "closed"]))
"""

EXPECTED = [[0, None], [1, "3"], [2, None], [3, "3"]]


class TestAnotherProcess:
    """What one process has sent goes on in pilots of its shape, whoever collects it."""

    def die(self, mortal, more="", scancel=True):
        """Tasks of two shapes run when the process dies; then their jobs are cancelled."""
        done = mortal.run(SHAPES.format(more=more) + DIES, 1_000_000)
        assert done.returncode < 0, done.stderr
        return done.stdout.split()

    def lose(self, mortal):
        """The jobs of the run are ended from outside: its tasks are lost."""
        from fcx.config import Credentials
        from fcx.firecrest.client import Client
        from fcx.firecrest.loop import LoopThread

        async def ended():
            client = Client(Credentials.from_env(mortal.env), WAIT)
            while jobs := [j for j in (await client.jobs.listing()).jobs if not j.terminal]:
                for job in jobs:
                    await client.jobs.cancel(job.job)
                await asyncio.sleep(0.2)
            await client.close()

        LoopThread.shared().run(ended())

    @pytest.mark.slow
    @pytest.mark.parametrize("how", ["name", "directory", "again"])
    def test_lost_tasks_run_again_where_they_belong(self, mortal, how):
        """By name; by directory and key on another machine; by the same script."""
        directory, key = self.die(mortal, 'run="both"' if how == "again" else "")
        self.lose(mortal)
        (mortal.folder / "work" / "go").touch()
        if how == "again":
            text = SHAPES.format(more='run="both"')
            text += "print(json.dumps([[f.result() for f in futures], 0]))\nexecutor.shutdown()\n"
            done = mortal.run(text)
        else:
            given = {"run": Path(directory).name}
            if how == "directory":
                mortal.state, given = "elsewhere", {"directory": directory, "key": key}
            done = mortal.run(COLLECTS.format(how=given), prelude=False)
        found, _ = json.loads(done.stdout.splitlines()[-1])
        assert found == EXPECTED
        assert set(mortal.ran().values()) == {2}

    @pytest.mark.slow
    def test_more_of_a_shape_that_is_new(self, mortal):
        """Who collects a run has views, too; their tasks are the run's."""
        self.die(mortal)
        (mortal.folder / "work" / "go").touch()
        done = mortal.run(MORE, prelude=False)
        assert json.loads(done.stdout.splitlines()[-1]) == [["2", None], 5, "closed"]


@pytest.mark.slow
@pytest.mark.slurm
class TestOnSlurm:
    """Partitions, times and CPUs are Slurm's matter."""

    def test_two_partitions_with_their_own_times_and_workers(self, slurm_firecrest, tmp_path):
        """At the same time, in one run."""
        with making(slurm_firecrest, tmp_path) as build:
            with build(tmp_path, [TIME], max_workers=4) as executor:
                view = executor.options(
                    sbatch_options=["--partition=normal", "--time=00:04:00"], workers_per_node=2
                )
                own = executor.submit(meets, str(tmp_path), 0, 3)
                two = [view.submit(meets, str(tmp_path), number, 3) for number in (1, 2)]
                assert own.result(WAIT)[0][1] == "debug"
                assert {future.result(WAIT)[0][1] for future in two} == {"normal"}
                assert {future.result(WAIT)[1] for future in two} == {"0", "1"}

    def test_a_place_that_is_refused_by_what_its_pilot_finds(self, slurm_firecrest, tmp_path):
        """Another dill by srun's own option: no payload leaves for it, and others go on."""
        (tmp_path / "dill.py").write_text('__version__ = "0.0.1"\n')
        path = f"--export=ALL,PYTHONPATH={tmp_path}"
        with making(slurm_firecrest, tmp_path) as build:
            with build(tmp_path, [TIME], max_workers=2) as executor:
                own = executor.submit(abs, -1)
                view = executor.options(srun_options=[path])
                error = view.submit(abs, -2).exception(WAIT)
                assert isinstance(error, errors.ParityError), error
                assert own.result(WAIT) == 1
                assert executor.submit(abs, -3).result(WAIT) == 3

"""How the programs start: on any Python, from the folder to which the first unpacks them."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from pathlib import Path

import interpreters
import pytest
from agents import Pilot
from executors.deadline import WAIT

from fcx.jobscript import programs
from fcx.protocol import names
from fcx.remote import start


@pytest.fixture
def pilot(tmp_path):
    made = Pilot(tmp_path)
    yield made
    made.stop()


def folder(pilot):
    return pilot.programs.with_suffix("")


def worker_file():
    """A call that tells where the worker's program lies; a local function travels by value."""

    def where():
        import sys

        return sys.modules["_fcx.remote.worker"].__file__

    return where


@pytest.mark.parametrize("python", interpreters.current(), ids="{0[0]}.{0[1]}".format)
def test_serves_on_every_python(pilot, python, tmp_path, monkeypatch):
    """Agent and worker alike; the snapshot of the place included."""
    (tmp_path / "path").mkdir()
    monkeypatch.setenv("PYTHONPATH", interpreters.with_dill(tmp_path / "path"))
    pilot.start(python=interpreters.found()[python], idle_timeout=0.2, probe=True)
    found = pilot.wait("up")
    assert tuple(map(int, found["python"].split(".")[:2])) == python
    assert found["probe"]["python"]["version"] == found["python"]
    assert pilot.wait("end")["why"] == "idle"
    assert pilot.ended() == 0


@pytest.mark.parametrize("python", interpreters.current(), ids="{0[0]}.{0[1]}".format)
def test_runs_tasks_on_every_python(pilot, python, tmp_path, monkeypatch):
    """Of builtins, which travel by name: functions travel between equal versions only."""
    (tmp_path / "path").mkdir()
    monkeypatch.setenv("PYTHONPATH", interpreters.with_dill(tmp_path / "path"))
    pilot.put(1, [(divmod, 7, 2), (divmod, 1, 0)])
    pilot.start(python=interpreters.found()[python], idle_timeout=0.2)
    assert pilot.value("t10") == ((3, 1), None)
    assert pilot.wait("done", t="t11")["o"] == "raise"


def test_serves_beside_a_sitecustomize_that_prints(pilot, tmp_path, monkeypatch):
    """What it writes is no part of what agent and workers tell each other."""
    (tmp_path / "sitecustomize.py").write_text("print('welcome to this site', end='')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    pilot.put(1, [(divmod, 7, 2)])
    pilot.start(idle_timeout=0.2, probe=True)
    assert pilot.value("t10") == ((3, 1), None)
    assert pilot.wait("up")["probe"]["dill"]
    assert pilot.ended() == 0


class TestOldPythons:
    """Refused in words, where people and the client look."""

    def test_each_that_is_here(self, pilot):
        """2.7 and 3.6 read the file, and say what is wanted and what there is."""
        for number, python in enumerate(interpreters.old()):
            pilot.start(job=str(number), python=python)
            assert pilot.ended() == 1
            (note,) = (pilot.run / "logs").glob(f"{number}.0.0.exit")
            text = note.read_text()
            assert "fcx needs Python 3.8 or later on the cluster; this is " in text
            assert python in text
            assert not (pilot.run / "logs" / f"{number}.0.0.0").exists()

    def test_whatever_is_here(self, tmp_path, monkeypatch, capsys):
        """The same on a machine that has none of them."""
        monkeypatch.setattr(start, "OLDEST", (99, 1))
        said = refused(tmp_path, monkeypatch, capsys)
        assert said.startswith("fcx needs Python 99.1 or later on the cluster; this is ")


def refused(folder, monkeypatch, capsys):
    """What an agent says that does not start, on its standard error and in the run directory."""
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    (folder / "logs").mkdir()
    assert start.main(["agent", str(folder), "config"]) == 1
    said = capsys.readouterr().err
    assert (folder / "logs" / "12.0.0.exit").read_text() == said
    return said


def test_another_kind_of_python(tmp_path, monkeypatch, capsys):
    """PyPy and its like read no byte code of ours: refused in the same words, at the same place."""
    other = types.SimpleNamespace(**{**vars(sys.implementation), "name": "pypy"})
    monkeypatch.setattr(sys, "implementation", other)
    said = refused(tmp_path, monkeypatch, capsys)
    assert said.startswith("fcx needs CPython 3.8 or later on the cluster; this is pypy 3.")


class TestPlace:
    """The folder is ours, or not used."""

    def test_the_first_unpacks_and_byte_code_is_kept(self, pilot, monkeypatch):
        """For all that follow."""
        monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        pilot.put(1, [(worker_file(),)])
        pilot.start(idle_timeout=0.2)
        (file, _) = pilot.value("t10")
        assert file == str(folder(pilot) / "_fcx" / "remote" / "worker.py")
        pilot.ended()
        assert list(folder(pilot).glob("_fcx/remote/__pycache__/agent.*.pyc"))
        assert list(folder(pilot).glob("_fcx/remote/__pycache__/worker.*.pyc"))
        assert folder(pilot).stat().st_mode & 0o777 == 0o700
        assert sorted(p.name for p in folder(pilot).parent.iterdir()) == [
            folder(pilot).name, pilot.programs.name, "run",
        ]  # fmt: skip

    def test_the_second_runs_from_there(self, pilot):
        """The file is no longer looked into."""
        pilot.start(idle_timeout=0.0)
        pilot.ended()
        marked = folder(pilot) / "_fcx" / "remote" / "agent.py"
        marked.write_text(marked.read_text() + "\nraise SystemExit(42)\n")
        pilot.start(job="8")
        assert pilot.ended() == 42

    @pytest.mark.parametrize("spoil", ["writable", "link", "file"])
    def test_a_folder_that_may_be_anybodys_is_not_used(self, pilot, spoil, tmp_path, monkeypatch):
        """Then one of the agent's own serves, and goes with it."""
        monkeypatch.setenv("TMPDIR", str(tmp_path / "own"))
        (tmp_path / "own").mkdir()
        if spoil == "writable":
            folder(pilot).mkdir()
            folder(pilot).chmod(0o770)
        elif spoil == "link":
            (tmp_path / "theirs").mkdir()
            folder(pilot).symlink_to(tmp_path / "theirs")
        else:
            folder(pilot).write_text("")
        pilot.put(1, [(worker_file(),)])
        pilot.start(idle_timeout=0.2)
        (file, _) = pilot.value("t10")
        used = Path(file).parents[2]
        assert used.parent == tmp_path / "own"
        assert used.name.startswith(f"{folder(pilot).name}~")
        assert pilot.ended() == 0
        assert not list((tmp_path / "own").iterdir())

    def test_of_several_at_once_one_unpacks(self, tmp_path):
        """The others take what is there, and leave nothing behind."""
        file = tmp_path / "programs-x.py"
        file.write_bytes(programs.program())
        code = "import runpy, sys; print(runpy.run_path(sys.argv[1])['place'](sys.argv[1]))"
        started = [
            subprocess.Popen([sys.executable, "-c", code, str(file)], stdout=subprocess.PIPE)
            for _ in range(4)
        ]
        said = {process.communicate()[0].decode().strip() for process in started}
        assert said == {str(tmp_path / "programs-x")}
        assert sorted(p.name for p in tmp_path.iterdir()) == ["programs-x", "programs-x.py"]


class TestPath:
    """What is ours shadows nothing of the user's."""

    def test_of_a_worker(self, pilot):
        """Neither the folder nor what is beside it is importable from; the cwd comes last."""

        def path():
            import sys

            return sys.path

        pilot.put(1, [(path,)])
        pilot.start(idle_timeout=0.2)
        (entries, _) = pilot.value("t10")
        assert not [entry for entry in entries if "programs-" in entry]
        assert not {"", str(folder(pilot).parent)} & set(entries)
        if not getattr(sys.flags, "safe_path", False):
            assert entries[-1] == str(pilot.run)

    def test_of_the_snapshot(self, pilot):
        """As a worker sees the place."""
        pilot.start(idle_timeout=0.2, probe=True)
        live = pilot.wait("up")["probe"]["live"]
        assert not [entry for entry in live["sys_path"] if "programs-" in entry]
        assert str(folder(pilot).parent) not in live["sys_path"]
        assert live["foreign_sys_path"] == [
            entry for entry in live["foreign_sys_path"] if "programs-" not in entry
        ]

    def test_a_module_of_the_users_may_have_any_name(self, pilot, tmp_path, monkeypatch):
        """Also one that a file of ours has."""
        (tmp_path / "theirs").mkdir()
        for name in "agent", "worker", "log", "pool", "queue", "names", "record", "protocol":
            (tmp_path / "theirs" / f"fcx_test_{name}.py").write_text("mine = True\n")
        for name in "worker", "log", "pool", "names", "record", "protocol", "remote", "start":
            (tmp_path / "theirs" / f"{name}.py").write_text("mine = True\n")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "theirs"))

        def theirs():
            import log
            import names
            import pool
            import protocol
            import record
            import remote
            import start
            import worker

            return all(m.mine for m in (log, names, pool, protocol, record, remote, start, worker))

        pilot.put(1, [(theirs,)])
        pilot.start(idle_timeout=0.2)
        assert pilot.value("t10") == (True, None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_folder_of_somebody_elses_is_not_ours(tmp_path):
    """Whatever its mode."""
    (tmp_path / "theirs").mkdir(0o700)
    assert start.is_ours(str(tmp_path / "theirs"))
    os.chown(tmp_path / "theirs", 12345, 12345)
    assert not start.is_ours(str(tmp_path / "theirs"))


@pytest.mark.parametrize("folder", ["run", "base"])
def test_an_agent_does_not_serve_where_others_may_write(pilot, folder):
    """It reads no configuration there, and leaves no word."""
    place = {"run": pilot.run, "base": pilot.run.parent}[folder]
    pilot.configure()
    place.chmod(0o777)
    pilot.launch()
    assert pilot.ended() == names.NOT_OURS
    assert not list((pilot.run / "logs").iterdir())


@pytest.mark.slow
def test_an_agent_serves_what_is_held_open(pilot):
    """Whatever has taken the name of the folder meanwhile; processes of tasks find modules."""
    real = pilot.run.parent.resolve()
    held = os.open(real, os.O_RDONLY)
    os.set_inheritable(held, True)
    moved = real.with_name(f"{real.name}-moved")
    pilot.configure(idle_timeout=5.0)
    pilot.put(1, [(os.listdir, f"/proc/self/fd/{held}")])
    real.rename(moved)
    try:
        run = f"/proc/self/fd/{held}/{pilot.run.name}"
        environ = {**os.environ, "SLURM_JOB_ID": "7", "SLURM_NODEID": "0"}
        command = [sys.executable, str(moved / pilot.programs.name), "agent", run]
        done = subprocess.run(
            [*command, f"{run}/pilots/{pilot.config.name}"],
            env=environ, pass_fds=(held,), check=False, timeout=WAIT,
        )  # fmt: skip
    finally:
        moved.rename(real)
        os.close(held)
    assert done.returncode == 0
    names_there, error = pilot.value("t10")
    assert error is None
    assert "run" in names_there  # the worker has it open, too

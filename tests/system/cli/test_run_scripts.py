"""``fcx run``: a script on the cluster is as one that runs here, through the command itself."""

from __future__ import annotations

import json
import signal
import subprocess
import zipapp
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cluster.project import FCX, Project
from executors.deadline import WAIT, eventually, within
from executors.script import heed_interrupts

WHOLE = """
import multiprocessing, os, sys
import helper

def square(x):
    return helper.double(x) * x // 2

if __name__ == "__main__":
    print(sys.argv[1:], os.getcwd(), sys.stdin.read() == "", __package__)
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, pool.map(square, [2, 3]))
    print("grün 漢字", file=sys.stderr)
    sys.stdout.flush()
    sys.stdout.buffer.write(bytes(range(256)) * 40_000)
    print("no newline", end="")
    sys.exit(3)
"""
WAITS = """
import os, signal, sys, time
print(os.environ["SLURM_JOB_ID"], flush=True)
while not os.path.exists("go"):
    time.sleep(0.1)
print("went on")
if sys.argv[1:] == ["die"]:
    print("x" * (2 << 20), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(4)
"""
SHADOWS = ("secrets", "json", "random", "logging", "subprocess", "httpx", "pickle", "brotli")
"""Modules beside the script that are called as those that fcx, or what it stands on, imports."""
SHADOWED = f"""
import {", ".join(SHADOWS)}
print(*({" + ".join(f"{name}.MINE" for name in SHADOWS)}))
"""
PACKAGED = """
import multiprocessing, sys
from . import helper
import helper as other

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(helper.double, [2]), other.double(3), __package__, sys.argv[1:])
"""
TWO_NODES = """
import os, subprocess, sys
step = ["srun", "--ntasks=2", "--nodes=2", sys.executable, "-c", "import os; print(os.environ['SLURMD_NODENAME'])"]
print(*sorted(subprocess.run(step, capture_output=True, text=True, check=True).stdout.split()))
print(os.environ["SLURM_JOB_NUM_NODES"])
"""
FAILS = """
import helper

def fails(number):
    print("called with", number)
    raise KeyError(helper.double(number))
"""


BOTH = ["site", pytest.param("slurm_firecrest", marks=pytest.mark.slurm)]
"""Clusters: one of processes, and a real Slurm."""


@pytest.fixture(params=["site"])
def project(tmp_path: Path, request: pytest.FixtureRequest) -> Project:
    """A folder with a script, modules beside it, and a place on the cluster."""
    (tmp_path / "work").mkdir()
    env = request.getfixturevalue(request.param)
    project = Project(tmp_path / "project", env)  # the verdict is remembered for all
    project.write("fcx.toml", f"[executor]\nworking_dir = {json.dumps(str(tmp_path / 'work'))}\n")
    project.write("my scripts/helper.py", "def double(x):\n    return 2 * x\n")
    project.write("my scripts/whole.py", WHOLE)
    project.write("my scripts/waits.py", WAITS)
    project.write("helper.py", "def double(x):\n    return 2 * x\n")
    project.write("fails.py", FAILS)
    return project


def called(
    project: Project, *words: str, stdin: bytes = b"not for the script"
) -> subprocess.CompletedProcess[bytes]:
    """`fcx run` to its end."""
    return subprocess.run(
        [*FCX, "run", *words],
        cwd=project.root,
        env=project.environment(),
        input=stdin,
        capture_output=True,
        check=False,
    )


@contextmanager
def running(project: Project, *words: str) -> Iterator[subprocess.Popen[str]]:
    """`fcx` with these words, while it runs."""
    process = subprocess.Popen(
        [*FCX, *words],
        cwd=project.root,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,  # noqa: PLW1509 - no other thread is in the midst of anything
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def go(project: Project) -> None:
    """The script may go on."""
    (project.root.parent / "work" / "go").touch()


def nothing_is_left(project: Project) -> bool:
    """No run is remembered here; its directory goes with its pilot, which may end after us."""
    work = project.root.parent / "work"
    known = json.loads(project.fcx("runs", "list", "--local", "--json").stdout)
    mine = [run for run in known if run["directory"].startswith(str(work))]
    return not mine and eventually(lambda: not list(work.glob(".fcx-*/[0-9]*")))


@pytest.mark.slow
@pytest.mark.parametrize("project", BOTH, indirect=True)
def test_a_script_as_if_it_ran_here(project):
    """Its arguments, modules and processes; 10 MB of what is no text; its exit code."""
    done = called(project, "--time", "5", "my scripts/whole.py", "--time", "3", "-x", "a b")
    work = project.root.parent / "work"
    begins = f"{['--time', '3', '-x', 'a b']} {work} True None\nfork [4, 9]\nspawn [4, 9]\n"
    assert done.stdout == begins.encode() + bytes(range(256)) * 40_000 + b"no newline"
    assert done.stderr.decode() == "grün 漢字\n"
    assert done.returncode == 3
    assert nothing_is_left(project)


@pytest.mark.slow
def test_output_comes_while_it_runs_and_a_signal_is_told(project):
    """A line is here before the next is written; killed, its exit code is that of a shell.

    And that not all of its output was kept is said.
    """
    with running(project, "run", "my scripts/waits.py", "die") as process:
        first = within(WAIT, process.stdout.readline)
        assert first.strip().isdigit()
        go(project)
        rest, told = process.communicate(timeout=WAIT)
    assert rest.startswith("went on\nxxx")
    assert len(first + rest) >= 1 << 20
    assert "fcx: The end of stdout may be missing: of a program that was killed, 1 MB" in told
    assert process.returncode == 128 + signal.SIGKILL
    assert "waits.py" in told
    assert "SIGKILL" in told
    assert "Traceback" not in told


@pytest.mark.slow
def test_modules_that_have_the_names_of_others(project):
    """The script has its own, as on this machine; fcx and the worker have theirs."""
    for name in SHADOWS:
        project.write(f"names/{name}.py", f"MINE = ['{name}']\n")
    project.write("names/shadowed.py", SHADOWED)
    done = called(project, "names/shadowed.py")
    assert done.stderr == b""
    assert done.stdout.decode().split() == list(SHADOWS)


@pytest.mark.slow
def test_all_that_python_runs(project):
    """A package as of ``python -m``, a zip application, a script in standard input."""
    for name in "__init__.py", "helper.py", "__main__.py":
        text = PACKAGED if name == "__main__.py" else "def double(x):\n    return -2 * x\n"
        project.write(f"packaged/{name}", text)
    done = called(project, "-m", "packaged", "-x")
    assert (done.stdout, done.stderr) == (b"[-4] 6 packaged ['-x']\n", b"")
    project.write("zipped/__main__.py", "import helper, sys, inner\nprint(inner.double(2))\n")
    project.write("zipped/inner.py", "from helper import double\n")
    zipapp.create_archive(project.root / "zipped", project.root / "app.pyz", "/usr/bin/python3")
    done = called(project, "app.pyz")
    assert (done.stdout, done.stderr) == (b"4\n", b"")
    done = called(
        project, "-", "-x", stdin=b"import helper, sys; print(helper.double(4), sys.argv[1:])"
    )
    assert (done.stdout, done.stderr) == (b"8 ['-x']\n", b"")


@pytest.mark.slow
@pytest.mark.slurm
@pytest.mark.parametrize("project", ["slurm_firecrest"], indirect=True)
def test_two_nodes(project, slurm):
    """It runs on one of them, and can start steps on both."""
    project.write("two.py", TWO_NODES)
    done = called(project, "--nodes", "2", "--time", "5", "two.py")
    assert done.stderr == b""
    assert done.stdout.decode().split("\n")[:2] == [" ".join(sorted(slurm.nodes)), "2"]


@pytest.mark.slow
def test_a_function_that_fails(project):
    """With the traceback that it has there."""
    done = called(project, "fails:fails", "21")
    assert done.returncode == 1
    assert done.stdout == b"called with 21\n"
    assert done.stderr.decode().splitlines()[0] == "Traceback (most recent call last):"
    assert done.stderr.endswith(b"KeyError: 42\n")


@pytest.mark.slow
@pytest.mark.parametrize("project", BOTH, indirect=True)
def test_detached_and_followed(project):
    """It goes on without a process here; who follows it has all its output and its exit code."""
    detached = called(project, "--detach", "my scripts/waits.py")
    name = detached.stdout.decode().strip()
    assert detached.returncode == 0
    assert f"fcx runs follow {name}" in detached.stderr.decode()
    watched = project.fcx("runs", "watch", name, "--no-browser").stderr
    assert f"No process of this machine serves run {name} now" in watched
    for number in signal.SIGTERM, signal.SIGINT:
        with running(project, "runs", "follow", name) as process:
            first = within(WAIT, process.stdout.readline)
            process.send_signal(number)
            _, told = process.communicate(timeout=WAIT)
        assert process.returncode == 128 + number
    assert f"`fcx runs follow {name}` comes back" in told
    go(project)
    assert project.fcx("runs", "follow", name, code=4).stdout == f"{first}went on\n"
    assert nothing_is_left(project)
    assert "no run" in project.fcx("runs", "follow", name, code=2).stderr


@pytest.mark.slow
@pytest.mark.parametrize("project", BOTH, indirect=True)
def test_an_interruption_cancels_the_job(project):
    """Nothing of it is left, here or there."""
    with running(project, "run", "my scripts/waits.py") as process:
        assert within(WAIT, process.stdout.readline).strip().isdigit()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=WAIT)
    assert process.returncode == 128 + signal.SIGINT
    assert "cancelled" in told
    assert "Traceback" not in told
    assert nothing_is_left(project)


def test_a_slip_costs_no_request(tmp_path):
    """It is told where not even the variables are set."""
    project = Project(tmp_path)
    assert "'nothing.py' is no file" in project.fcx("run", "nothing.py", code=2).stderr
    assert "no module 'nothing'" in project.fcx("run", "nothing:f", "-x", code=2).stderr

"""A real Slurm up and down: beside others, without leftovers; and the script of `make cluster`."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import firecrest
import pytest
from cluster import environment
from cluster import slurm as module
from cluster.slurm import SlurmFailed, missing, slurm_cluster
from places import REPOSITORY

pytestmark = pytest.mark.slurm

UP = REPOSITORY / "tests/support/cluster/up.py"
PATIENCE = 600.0


@pytest.fixture(autouse=True)
def _installed() -> None:
    lack = missing()
    if lack:
        pytest.skip(lack)


def processes(mark: Path | str) -> list[str]:
    """Commands that run with this text in their environment or command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes()
                if str(mark).encode() in command + (entry / "environ").read_bytes():
                    found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found


def until_none_runs(mark: Path | str) -> list[str]:
    """What is left of such processes after some patience: the kernel takes a moment."""
    deadline = time.monotonic() + PATIENCE
    while (left := processes(mark)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def test_clusters_side_by_side_know_nothing_of_each_other() -> None:
    """Two Slurms at once, each with its own jobs, numbers and nodes."""
    with slurm_cluster() as one, slurm_cluster(nodes=3, cpus=2) as two:
        assert one.conf != two.conf
        one.run("sbatch", "--hold", "--output=/dev/null", "--wrap=true")
        assert len(one.run("squeue", "-h").splitlines()) == 1
        assert two.run("squeue", "-h") == ""
        steps = two.run("srun", "-N3", "sh", "-c", "echo $SLURMD_NODENAME $SLURM_CPUS_ON_NODE")
        assert sorted(steps.splitlines()) == ["nid001 1", "nid002 1", "nid003 1"]


def test_nothing_is_left_when_it_stops() -> None:
    """Daemons, steps and processes of jobs that ignore SIGTERM are gone, and the directory too."""
    with slurm_cluster() as slurm:
        script = "trap '' TERM; touch ready; while :; do sleep 1; done"
        slurm.run("sbatch", f"--chdir={slurm.root}", "--output=/dev/null", f"--wrap={script}")
        deadline = time.monotonic() + PATIENCE
        while not (slurm.root / "ready").exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert processes(slurm.root)
    assert until_none_runs(slurm.root) == []
    assert not slurm.root.exists()


def test_a_directory_that_was_given_stays(tmp_path: Path) -> None:
    """The logs are there to be read afterwards."""
    with slurm_cluster(tmp_path / "here") as slurm:
        assert slurm.root == tmp_path / "here"
    assert (tmp_path / "here/slurmctld.log").exists()


def test_a_configuration_that_cannot_run_says_why(tmp_path: Path) -> None:
    """The daemons' own words are in the error, and no daemon is left."""
    with (
        pytest.raises(SlurmFailed) as caught,
        slurm_cluster(tmp_path, plugstack=["required /none.so"]),
    ):
        pass
    assert "none.so" in str(caught.value)
    assert until_none_runs(tmp_path) == []


def test_taken_ports_are_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    """If somebody takes the ports between the look and the start, others are tried."""
    with slurm_cluster() as first:
        taken = [int(line.partition("=")[2]) for line in first.conf.read_text().split()
                 if line.startswith(("SlurmctldPort=", "Port="))]  # fmt: skip
        free = module._free_ports
        answers = iter([taken])
        monkeypatch.setattr(module, "_free_ports", lambda count: next(answers, None) or free(count))
        with slurm_cluster() as second:
            assert second.run("srun", "echo", "well") == "well\n"
        assert first.run("srun", "echo", "too") == "too\n"


def test_killed_tests_take_their_daemons_with_them(tmp_path: Path) -> None:
    """A process that dies without a word leaves no slurmctld behind."""
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1])\n"
        "from cluster.slurm import slurm_cluster\n"
        "with slurm_cluster(sys.argv[2]): print('up', flush=True); time.sleep(600)\n"
    )
    command = [sys.executable, "-c", code, str(UP.parent.parent), str(tmp_path / "root")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.kill()
    assert until_none_runs(tmp_path / "root") == []


def variables(lines: str) -> dict[str, str]:
    """NAME=value of `export` lines."""
    pairs = (word.partition("=") for word in shlex.split(lines) if word != "export")
    return {name: value for name, _, value in pairs}


@contextlib.contextmanager
def api_of(env: dict[str, str]) -> Iterator[firecrest.v2.Firecrest]:
    """A client by these variables."""
    login = firecrest.ClientCredentialsAuth(
        env["FIRECREST_CLIENT_ID"], env["FIRECREST_CLIENT_SECRET"], env["AUTH_TOKEN_URL"]
    )
    api = firecrest.v2.Firecrest(env["FIRECREST_URL"], login)
    yield api
    api.close_session()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_make_cluster_serves_until_a_signal(tmp_path: Path, number: int) -> None:
    """The env file appears whole, a job runs through HTTP, a signal ends it all with status 0."""
    env_file = tmp_path / "env"
    with subprocess.Popen([sys.executable, str(UP), "--env-file", str(env_file)]) as process:
        try:
            deadline = time.monotonic() + PATIENCE
            while not env_file.exists():
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            env = variables(env_file.read_text())
            assert env_file.stat().st_mode & 0o777 == 0o600
            with api_of(env) as api:
                script = f"#!/bin/bash\n#SBATCH --output={tmp_path}/o\nexec sleep 600\n"
                system = env["FIRECREST_SYSTEM"]
                job = api.submit(system, working_dir=str(tmp_path), script_str=script)["jobId"]
                listed = subprocess.run(
                    ["squeue", "-h", "-o", "%A"], capture_output=True, text=True, check=True,
                    env={**os.environ, "SLURM_CONF": env["SLURM_CONF"]},
                ).stdout  # fmt: skip
                assert listed.split() == [job]
        finally:
            process.send_signal(number)
        assert process.wait(PATIENCE) == 0
    root = Path(env["SLURM_CONF"]).parent
    assert until_none_runs(root) == []
    assert not root.exists()


def test_make_cluster_in_the_background(tmp_path: Path) -> None:
    """It returns when all is ready and names the process that stops it."""
    env_file = tmp_path / "env"
    command = [sys.executable, str(UP), "--background", "--env-file", str(env_file)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
    pid = int(said.stdout.split("kill ")[1].split()[0])
    root = Path(variables(env_file.read_text())["SLURM_CONF"]).parent
    try:
        plugin = environment.missing() is None
        assert ("spank_environment" in (root / "plugstack.conf").read_text()) is plugin
    finally:
        os.kill(pid, signal.SIGTERM)
    assert until_none_runs(root) == []

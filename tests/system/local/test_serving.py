"""Starting and stopping: in the foreground, and for the length of a `with` block."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from workbench import Bench, until

from fcx.local import cluster

NAMES = {
    "FIRECREST_CLIENT_ID", "FIRECREST_CLIENT_SECRET", "AUTH_TOKEN_URL", "FIRECREST_URL",
    "FIRECREST_SYSTEM", "FIRECREST_ACCOUNT",
}  # fmt: skip
UP = [sys.executable, "-c", "from fcx.cli import main; main()", "local", "up"]


def exported(path: Path) -> dict[str, str]:
    """The variables of an env file."""
    lines = path.read_text().splitlines()
    pairs = [re.fullmatch(r"export (\w+)=(.*)", line) for line in lines]
    assert all(pairs)
    return {pair[1]: shlex.split(pair[2])[0] for pair in pairs if pair}


class Announced(dict):
    """The six variables of a server in the foreground, and a directory for its jobs."""

    root = ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_the_foreground_it_announces_itself_and_ends_its_jobs(tmp_path: Path, number):
    """The env file is private and whole; the signal ends server and jobs, with exit code 0."""
    env_file, root = tmp_path / "env", tmp_path / "root"
    with subprocess.Popen(
        [*UP, "--env-file", env_file, "--root", root], stderr=subprocess.PIPE
    ) as up:
        try:
            until(env_file.exists)
            assert env_file.stat().st_mode & 0o777 == 0o600
            env = Announced(exported(env_file))
            assert set(env) == NAMES
            env.root = str(root)
            with Bench(env) as bench:
                bench.submit("(setsid sleep 300 & echo $! > daemon); sleep 300")
                pid = int(bench.appears("daemon").read_text())
        finally:
            up.send_signal(number)
        assert up.wait(timeout=30) == 0
    assert not Path(f"/proc/{pid}").exists()


def test_its_jobs_die_even_if_it_is_killed(tmp_path: Path):
    """Their supervisors hear the end of their input."""
    with cluster(root=tmp_path) as env, Bench(env) as bench:
        bench.submit("(setsid sleep 300 & echo $! > daemon); sleep 300")
        pid = int(bench.appears("daemon").read_text())
        os.kill(env.pid, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{pid}").exists())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--fault", "nonsense"], "KIND.EFFECT"),
        (["--fault", "submit.nonsense=1"], "no fault is called submit.nonsense"),
        (["--nodes", "0"], "--nodes"),
        (["--scheduler", "pbs"], "--scheduler"),
    ],
)
def test_wrong_options_are_a_usage_error(arguments, words):
    """Exit code 2, and what was wrong."""
    done = subprocess.run(
        [*UP, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_each_start_has_credentials_of_its_own():
    """Random, and of no use for another cluster."""
    with cluster() as one, cluster() as other:
        assert set(one) == set(other) == NAMES
        differ = {name for name in NAMES if one[name] != other[name]}
        assert differ == NAMES - {"FIRECREST_SYSTEM", "FIRECREST_ACCOUNT"}
        with Bench(one) as bench:
            assert bench.api.systems()[0]["name"] == one["FIRECREST_SYSTEM"]
    assert not Path(one.root).exists()


def test_it_counts_what_reaches_it(tmp_path: Path):
    """Requests by kind, scripts, uploads; the figures can be reset."""
    with cluster(root=tmp_path) as env, Bench(env) as bench:
        job_id = bench.submit("echo counted")
        (tmp_path / "file").write_bytes(b"12345")
        bench.api.upload(bench.system, str(tmp_path / "file"), str(bench.folder), "there")
        counts = env.counts()
        assert (counts["token"], counts["submit"], counts["upload"]) == (1, 1, 1)
        (job,) = env.submissions()
        assert (job["jobId"], "echo counted" in job["script"]) == (job_id, True)
        assert env.uploads() == [{"path": str(bench.folder / "there"), "size": 5}]
        env.reset_counts()
        assert env.counts() == {}
        assert len(env.submissions()) == 1


def test_the_control_door_is_shut_to_others():
    """Without its token there is nothing behind it."""
    import httpx

    with cluster() as env:
        for path in ("/_control/counts", "/_control/submissions"):
            assert httpx.get(env.url + path).status_code == 404
        assert httpx.post(env.url + "/_control/faults", json={}).status_code == 404
        assert httpx.post(env.url + "/_controller/jobs", json={"ids": None}).status_code == 404


def test_a_chosen_python_is_what_jobs_find(tmp_path: Path):
    """Whatever it is."""
    chosen = tmp_path / "my python"
    chosen.write_text("#!/bin/sh\necho chosen\n")
    chosen.chmod(0o755)
    with cluster(python=str(chosen), root=tmp_path / "root") as env, Bench(env) as bench:
        assert bench.run("python3 -V; bash -lc 'python3 -V'") == "chosen\nchosen\n"


def test_importing_fcx_does_not_import_the_cluster():
    """Nor the web server behind it."""
    code = "import fcx, sys; assert not {'fcx.local', 'fastapi', 'uvicorn'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_cluster_that_cannot_start_says_so(tmp_path: Path):
    """A file where its directory should be."""
    (tmp_path / "file").touch()
    with pytest.raises(RuntimeError, match="did not start"), cluster(root=tmp_path / "file"):
        pass
    with pytest.raises(ValueError, match="no fault is called"), cluster(faults={"ls.none": 1}):
        pass

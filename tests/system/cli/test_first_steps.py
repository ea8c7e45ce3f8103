"""What somebody sees who has just begun: on a cluster of this machine's own, nothing needless."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fcx.executor.plainly import ADDS_A_LINE
from fcx.local import cluster


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables of a cluster, and a state folder of one's own."""
    with cluster() as told:
        state = str(tmp_path_factory.mktemp("state"))
        yield {**os.environ, **told, "FCX_STATE_DIR": state}


def run(env: dict[str, str], folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The Python of the tests, with these words."""
    command = [sys.executable, *words]
    return subprocess.run(
        command, env=env, cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


def test_a_verdict_on_the_own_environment_has_nothing_to_say(env: dict[str, str], tmp_path: Path):
    """Both sides are one; and options that only a job can try are said to be untried, if so."""
    ask = ("-m", "fcx", "preflight", "--working-dir", str(tmp_path))
    first = run(env, tmp_path, *ask)
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines()[0] == "Parity under policy 'minor': passed"
    assert "verdict" not in first.stdout, "no table: there is nothing in it"
    later = run(env, tmp_path, *ask, "--sbatch=--partition=nonsense")
    assert later.returncode == 0
    assert "so --partition=nonsense is not tried: add --fresh" in later.stdout
    third = run(env, tmp_path, "-m", "fcx", "-v", *ask[2:])
    assert "not tried" not in third.stdout
    assert "ask who we are: done in" in third.stderr, "-v says each request"
    assert "done in" not in later.stderr
    tried = run(env, tmp_path, *ask, "--sbatch=--partition=nonsense", "--fresh")
    assert (tried.returncode, "nonsense" in tried.stderr) == (4, True)


def test_ranks_of_a_preflight_are_started_after_the_verdict(env: dict[str, str], tmp_path: Path):
    """A cluster without MPI starts ranks all the same; how many is to be said."""
    ask = ("-m", "fcx", "preflight", "--working-dir", str(tmp_path), "--mpi", "none")
    found = run(env, tmp_path, *ask, "--ranks", "3")
    assert found.returncode == 0, found.stderr
    first, _, ranks = found.stdout.partition("\nRanks:\n")
    assert first.startswith("Parity under policy 'minor': passed")
    assert "  ranks   3 on " in ranks
    assert "  start   srun --mpi=none\n" in ranks
    said = run(env, tmp_path, *ask, "--ranks", "3", "--json").stdout
    assert json.loads(said)["ranks"]["passed"]
    lone = run(env, tmp_path, *ask)
    assert (lone.returncode, "say how many with --ranks" in lone.stderr) == (2, True)
    odd = run(env, tmp_path, *ask[:-1], "a b", "--ranks", "2")
    assert (odd.returncode, "--mpi=a b is no interface" in odd.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "last"),
    [
        ("'/opt'", "ConfigError: working_dir /opt cannot be used"),
        ("'/users/me'", "What fcx-local shows lies in: /"),
        (
            "'{folder}', ['--partition=nromal']",
            "The partitions are: normal, debug, xfer. Did you mean 'normal'?",
        ),
        ("'{folder}', ['--account=nonsense']", "You may charge: staff"),
        ("'{folder}', ['--account=staf']", "Did you mean 'staff'?"),
    ],
)
def test_an_error_is_not_buried_below_those_that_led_to_it(
    env: dict[str, str], tmp_path: Path, arguments: str, last: str
):
    """One traceback, whose last line is the caller's; nothing is tried again that will not change."""
    given = arguments.replace("{folder}", str(tmp_path))
    script = f"from fcx import FirecrestExecutor\nwith FirecrestExecutor({given}) as executor:\n"
    done = run(env, tmp_path, "-c", script + "    executor.submit(pow, 2, 3).result()")
    assert last in done.stderr
    assert done.stderr.count("Traceback") == 1
    assert done.stderr.count('  File "') == 1 + ADDS_A_LINE
    assert "Trying again" not in done.stderr


def test_the_demo_is_clean(tmp_path: Path):
    """No notes, no unknown name; and in order, also through a pipe."""
    given = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-m", "fcx", "demo"],
        env={**given, "HOME": str(tmp_path)}, cwd=tmp_path, text=True, check=False, timeout=120,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "unknown" not in done.stdout
    assert "note(s)" not in done.stdout
    said = ("Starting a", "stay tuned", " submitted as ", "passes under 'minor'", "Success testing")
    places = [done.stdout.index(words) for words in said]
    assert places == sorted(places)

"""What comes before the agent in a job: whom it is charged to, and the user's own commands."""

from __future__ import annotations

import os

import pytest
from executors.deadline import WAIT, eventually
from executors.fixtures import TIME

from fcx.errors import JobFailed, UsageError

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "option", [["--account=users"], ["-A", "users"], ["-Ausers"], ["-A users"]]
)
def test_the_users_account_pays(make, tmp_path, option):
    """Not the one that the variable names."""
    with make(tmp_path, [TIME, *option], max_workers=1) as executor:
        assert executor.submit(os.getenv, "SLURM_JOB_ACCOUNT").result(WAIT) == "users"


def test_without_an_option_the_variable_says_who_pays(make, site):
    """As in firecrest-executor."""
    with make(max_workers=1) as executor:
        found = executor.submit(os.getenv, "SLURM_JOB_ACCOUNT").result(WAIT)
    assert found == site["FIRECREST_ACCOUNT"]


def test_what_a_setup_exports_is_there(make, tmp_path):
    """From the working directory, in one shell, whatever it sets, and wherever it goes."""
    (tmp_path / "env.sh").write_text('export FROM_FILE="two words"\n')
    setup = [
        "source env.sh",
        "export SECOND=$FROM_FILE",
        "run=theirs base=theirs where=theirs",
        "set -Ceu",
        "cd /",
        "load() {\n  export THIRD=$1\n}\nload {braces}",
    ]
    with make(tmp_path, [TIME], max_workers=1, setup=setup) as executor:
        names = ["FROM_FILE", "SECOND", "THIRD"]
        values = [executor.submit(os.getenv, name).result(WAIT) for name in names]
        assert values == ["two words", "two words", "{braces}"]
        assert executor.submit(os.getcwd).result(WAIT) == str(tmp_path)


def test_a_setup_that_fails_says_so_itself(make, tmp_path):
    """With its own text and code; nothing of the run was begun."""
    setup = ["true", "module() { echo no module named cray >&2; return 7; }", "module load cray"]
    with (
        make(tmp_path, [TIME], max_workers=1, task_retries=0, setup=setup) as executor,
        pytest.raises(JobFailed) as caught,
    ):
        executor.submit(abs, -1).result(WAIT)
    assert "no module named cray" in str(caught.value)
    assert "fcx: setup: module load cray ended with code 7" in str(caught.value)


def test_a_setup_that_never_works_is_tried_once(make, tmp_path, caplog):
    """Also where the remote side is known to be right: no further job would do better."""
    caplog.set_level("INFO", "fcx")
    with make(tmp_path, [TIME], max_workers=1, setup=["test ! -e broken"]) as executor:
        assert executor.submit(abs, -1).result(WAIT) == 1
    (tmp_path / "broken").touch()
    caplog.clear()
    with (
        make(tmp_path, [TIME], max_workers=1, setup=["test ! -e broken"]) as executor,
        pytest.raises(JobFailed, match="fcx: setup: test ! -e broken ended with code 1"),
    ):
        executor.submit(abs, -1).result(WAIT)
    assert caplog.text.count("submitted as") == 1


def test_a_setup_of_one_string_is_refused(make, tmp_path):
    """It would be taken letter by letter."""
    with pytest.raises(UsageError, match="setup must be a list"):
        make(tmp_path, [TIME], setup="module load cray")


def test_an_output_in_which_nothing_stands_is_removed_by_its_job(make, tmp_path):
    """Else each job leaves one in working_dir, whatever became of it; what a task prints stays."""
    for task in (print, abs):
        with make(tmp_path, [TIME], max_workers=1) as executor:
            executor.submit(task, -1).result(WAIT)
            job = executor.submit(os.getenv, "SLURM_JOB_ID").result(WAIT)
    eventually(lambda: not (tmp_path / f"slurm-{job}.out").exists(), WAIT)
    (path,) = tmp_path.glob("slurm-*.out")
    assert path.read_text() == "-1\n"

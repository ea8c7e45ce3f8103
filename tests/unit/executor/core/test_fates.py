"""What the end of a job means for a task: its error, and whether the task is repeated."""

from __future__ import annotations

import pytest

from fcx import errors
from fcx.executor.completion import exception_of
from fcx.executor.core import fates
from fcx.executor.core.events import JobSeen
from fcx.jobstates import NEVER_RUNS
from fcx.protocol.names import DISK_FULL, NOT_OURS, TEMPORARY_FULL


@pytest.mark.parametrize(
    ("state", "error", "retried"),
    [
        ("TIMEOUT", errors.TimeLimitExceeded, False),
        ("DEADLINE", errors.TimeLimitExceeded, False),
        ("OUT_OF_MEMORY", errors.OutOfMemory, False),
        ("NODE_FAIL", errors.NodeFailed, True),
        ("BOOT_FAIL", errors.NodeFailed, True),
        ("PREEMPTED", errors.NodeFailed, True),
        ("CANCELLED", errors.JobCancelled, True),
        ("FAILED", errors.JobFailed, True),
        ("COMPLETED", errors.JobFailed, True),
    ],
)
def test_of_each_state(state, error, retried):
    """The job's id is in the message; infrastructure's faults are retried."""
    why = fates.of_job("4711", JobSeen("4711", state))
    made = exception_of(why.trouble, None)
    assert type(made) is error
    assert "4711" in str(made)
    assert why.retried is retried


def test_who_cancelled_a_job_is_said_as_far_as_it_is_known():
    """Slurm's user, or a program of ours: what we did ourselves is not charged to the task."""
    outside = fates.of_job("7", JobSeen("7", "CANCELLED", user="0"))
    assert outside.trouble.message == "Job 7 was cancelled from outside (by user 0)"
    assert outside.kind == "cancelled"
    ours = fates.of_job("7", JobSeen("7", "CANCELLED", user="1001", ours="`fcx runs cancel`"))
    assert ours.trouble.message == "Job 7 was cancelled by `fcx runs cancel`"
    assert (ours.kind, ours.retried) == ("preempted", True)


def test_what_failed_before_it_was_cancelled_shows_the_end_of_its_output():
    """Somebody cancels a job whose script has ended with an error: that is the news."""
    state, told = JobSeen("7", "CANCELLED", exit_code=127), "srun: error: no such environment\n"
    assert fates.of_job("7", state, told).trouble.message.endswith(told.rstrip())
    quiet = fates.of_job("7", JobSeen("7", "CANCELLED"), "slurmstepd: error: *** CANCELLED\n")
    assert quiet.trouble.message == "Job 7 was cancelled from outside"


@pytest.mark.parametrize(
    "told",
    [
        "slurmstepd-nid001: error: StepId=1.0 exceeded memory limit (4818 > 2097), being killed\n",
        "x\nslurmstepd-nid001: error: Exceeded job memory limit\nsrun: error: task 0: Killed\n",
        "slurmstepd: error: Detected 1 oom_kill event in StepId=7.0. Some of the step tasks ...\n",
        "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=7.batch cgroup.\n",
    ],
)
def test_what_was_killed_for_its_memory_is_told_by_slurms_own_words(told):
    """Where the state is FAILED; what a task prints about memory is no such word."""
    state = JobSeen("7", "FAILED", exit_code=137)
    assert fates.of_job("7", state, told).trouble.error == "OutOfMemory"
    assert fates.of_job("7", JobSeen("7", "FAILED", exit_code=1), told).kind == "failed"
    assert fates.of_job("7", state, "my oom_kill, exceeded memory limit").kind == "failed"


def test_shows_the_end_of_the_jobs_output():
    """What the script said before it ended is the usual reason."""
    state = JobSeen("7", "FAILED", exit_code=127)
    text = fates.of_job("7", state, "bash: python3: not found\n").trouble.message
    assert "exit code 127" in text
    assert "python3: not found" in text


def test_names_the_signal_and_the_full_disk():
    """A signal is told as one; the agent's own exit code for a full disk is told in words."""
    assert "signal 9" in fates.of_job("7", JobSeen("7", "FAILED", signal=9)).trouble.message
    full = JobSeen("7", "FAILED", exit_code=DISK_FULL)
    assert "No space left on device" in fates.of_job("7", full).trouble.message


@pytest.mark.parametrize(
    ("code", "told", "words"),
    [
        (TEMPORARY_FULL, "", "temporary files on its node"),
        (1, "cp: error writing '/w/x': No space left on device\n", "A disk is full"),
        (1, "cannot create file: Disk quota exceeded\n", "its quota is used up"),
    ],
)
def test_a_disk_that_is_full_is_no_python_that_cannot_start(code, told, words):
    """Nor a start-up file that ends the shell, whoever says it."""
    state = JobSeen("7", "FAILED", exit_code=code)
    why = fates.of_job("7", state, told)
    assert words in why.trouble.message
    assert not fates.complains(why, state, told)
    assert fates.not_begun("7", state, told) == why


def test_a_run_directory_that_is_not_ours_is_final():
    """Another pilot would find the same."""
    state = JobSeen("7", "FAILED", exit_code=NOT_OURS)
    why = fates.of_job("7", state, "fcx: /w/.fcx-me is not yours alone")
    assert (why.kind, why.retried) == ("own", False)
    assert "is not yours alone" in why.trouble.message


@pytest.mark.parametrize(
    "told",
    [
        "slurmstepd: error: pyxis:     [ERROR] No such file or directory: /scratch/me/a-1.sqsh\n",
        "srun: error: image /scratch/me/a-1.sqsh: No such file or directory\n",
    ],
)
def test_an_image_that_is_gone(told):
    """Whoever says so: what brings it back is said, before a verdict and behind one."""
    why = fates.of_job("7", JobSeen("7", "FAILED", exit_code=1), f"x\n{told}y\n")
    assert why.kind == "image"
    assert why.retried
    assert "`fcx up` brings it back" in why.trouble.message
    assert fates.complains(why, JobSeen("7", "FAILED", exit_code=1), told)
    assert "`fcx up` brings it back" in fates.not_started("7", "python3", told).message


def test_another_file_that_is_missing_is_no_image():
    """Nor one in another line."""
    told = "mounts /a/b.sqsh\ncat: /c: No such file or directory\n"
    assert fates.of_job("7", JobSeen("7", "FAILED", exit_code=1), told).kind == "failed"


def test_output_that_could_not_be_opened_is_no_signal_of_anybodys():
    """That is how Slurm says it, and nothing of the environment."""
    state = JobSeen("7", "FAILED", signal=53)
    why = fates.of_job("7", state)
    assert "--output" in why.trouble.message
    assert not fates.complains(why, state, "")


@pytest.mark.parametrize(
    ("state", "told", "profile"),
    [
        (JobSeen("7", "COMPLETED"), "", True),
        (JobSeen("7", "COMPLETED"), "welcome\n", True),
        (JobSeen("7", "FAILED", exit_code=3), "", True),
        (JobSeen("7", "FAILED", exit_code=DISK_FULL), "", False),
        (JobSeen("7", "FAILED", exit_code=NOT_OURS), "", False),
        (JobSeen("7", "FAILED", exit_code=1), "fcx: /w cannot be opened: gone\n", False),
        (JobSeen("7", "FAILED", signal=53), "", False),
        (JobSeen("7", "TIMEOUT"), "", False),
        (None, "", False),
    ],
)
def test_a_start_up_file_that_ends_the_shell_is_named(state, told, profile):
    """Where the script took no lock and gives no reason."""
    message = fates.not_begun("7", state, told).trouble.message
    assert ("a start-up file of the login shell" in message) is profile
    assert told.strip() in message


def test_of_one_that_the_server_forgot():
    """No state at all."""
    assert "no longer knows" in fates.of_job("7", None).trouble.message


@pytest.mark.parametrize("reason", NEVER_RUNS)
def test_never_runs(reason):
    """Each reason that waiting does not cure."""
    state = JobSeen("7", "PENDING", reason)
    assert fates.stuck(state)
    assert reason in fates.never_runs("7", state).message


@pytest.mark.parametrize("reason", ["Priority", "Resources", "Dependency", "", "None"])
def test_reasons_that_pass(reason):
    """Waiting is what queues are for."""
    assert not fates.stuck(JobSeen("7", "PENDING", reason))


@pytest.mark.parametrize(
    ("python", "told", "fix"),
    [
        ("python3.12", "srun: python3.12: command not found", "There is no python3.12"),
        ("/usr/bin/pypy3", "fcx needs CPython 3.8 or later on the cluster; this is pypy 3.9.16",
            "Name another one with python="),
        ("/home/a/.local/bin/python3", "start.sh: /home/a/.local/bin/python3: Permission denied",
            "such as /root in an image: install Python elsewhere"),
        ("python3", "Fatal Python error: init_fs_encoding", "Correct what it complains of"),
    ],
)  # fmt: skip
def test_a_python_that_does_not_start(python, told, fix):
    """What it said, and what to do about it."""
    message = fates.not_started("17", python, told).message
    assert told in message
    assert fix in message


def test_an_image_that_only_the_machine_that_built_it_has():
    """The engine's words name it; without that it is something else that went wrong."""
    told = "srun: error: image 'img:265e' is not the path of a .sqsh file"
    assert "Fix: `fcx up`" in fates.not_started("17", "python3", told, "img:265e").message
    for words, tag in ((told, ""), ("Fatal Python error", "img:265e")):
        assert "fcx up" not in fates.not_started("17", "python3", words, tag).message

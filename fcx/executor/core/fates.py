"""What the end of a pilot, an agent or a worker means for the tasks that it ran (pure)."""

from __future__ import annotations

import re

import msgspec

from ...jobstates import NEVER_RUNS, TERMINAL
from ...protocol.names import DISK_FULL, NOT_OURS, TEMPORARY_FULL
from .events import JobSeen, Trouble

RUNS_NOTHING = ("InitializerFailed", "ParityError")
"""Errors of an agent that runs nothing: only others may have left outcomes that nobody has read."""
SHORT_WORK = 2.0  # seconds of work that are not worth another pilot
KILLS = (9, 15)  # SIGKILL, SIGTERM
NO_OUTPUT_FILE = 53  # the signal that Slurm says it was where it cannot open the output's file
NO_ROOM = ("No space left on device", "isk quota exceeded")  # as every program says it
# A Slurm that samples what jobs hold kills them, and calls them FAILED: only its output has why.
STARVED = re.compile(
    r"^slurmstepd\S*: error: .*(xceeded \w*\s?memory limit|oom.kill)", re.MULTILINE
)
SETUP = "fcx: setup: "  # how a script begins what it says of a command of setup= that failed
NO_IMAGE = re.compile(r"^(?=.*\.sqsh\b).*No such file or directory", re.MULTILINE)  # any engine's
BRING = "The image's file is not there any more: `fcx up` brings it back, and runs a preflight."
WAITS_AGAIN = ("PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT")
"""States of a job that has run and is to run again."""


class Fate(msgspec.Struct, frozen=True):
    """Why a pilot, an agent or a worker ended, as the trouble of a task that it ran."""

    kind: str  # time | memory | node | preempted | cancelled | failed | own | setup | image
    trouble: Trouble

    @property
    def retried(self) -> bool:
        """Infrastructure's fault: the task is repeated, a preempted one without end."""
        return self.kind in {"node", "preempted", "cancelled", "failed", "setup", "image"}


def ended(state: JobSeen | None) -> bool:
    """Whether Slurm calls the job ended."""
    return state is not None and state.state in TERMINAL


def killed(state: JobSeen | None) -> bool:
    """Whether somebody ended the job's processes, whatever they were at: they did not fail."""
    if state is None:
        return False
    return state.signal in KILLS or state.exit_code in {128 + signal for signal in KILLS}


def stuck(state: JobSeen) -> bool:
    """Whether Slurm will never start the job."""
    return state.state == "PENDING" and state.reason in NEVER_RUNS


def of_job(job: str, state: JobSeen | None, detail: str = "") -> Fate:
    """What the end of a pilot's job means for the tasks that were running in it."""
    word = state.state if state else "unknown"
    if word in {"TIMEOUT", "DEADLINE"}:
        return time_limit(job)
    if word == "OUT_OF_MEMORY" or (killed(state) and STARVED.search(detail)):
        text = f"Job {job} ran out of memory. Ask for more with --mem."
        return Fate("memory", Trouble("OutOfMemory", text))
    if word in {"NODE_FAIL", "BOOT_FAIL"}:
        text = f"Job {job} ended as {word}: its node failed"
        return Fate("node", Trouble("NodeFailed", text))
    if word == "PREEMPTED":
        text = f"Job {job} was preempted: another job took its nodes"
        return Fate("preempted", Trouble("NodeFailed", text))
    if state is not None and word == "CANCELLED":
        return _cancelled(job, state, detail)
    told = f" Its output ends with:\n{detail.rstrip()}" if detail.strip() else ""
    cause = _cause(state, detail)
    text = f"Job {job} ended ({_how(state)}) without finishing its work.{cause}{told}"
    kind = "setup" if SETUP in detail else "image" if NO_IMAGE.search(detail) else "failed"
    if state is not None and state.exit_code == NOT_OURS:
        kind = "own"
    return Fate(kind, Trouble("JobFailed", text))


def _cancelled(job: str, state: JobSeen, detail: str) -> Fate:
    """Somebody's doing; what we did ourselves is no fault of a task, and not charged to it."""
    if state.ours:
        text = f"Job {job} was cancelled by {state.ours}"
        return Fate("preempted", Trouble("JobCancelled", text))
    who = f" (by user {state.user})" if state.user else ""
    failed = state.exit_code and detail.strip()  # before or because of that
    told = f". Its output ends with:\n{detail.rstrip()}" if failed else ""
    text = f"Job {job} was cancelled from outside{who}{told}"
    return Fate("cancelled", Trouble("JobCancelled", text))


def _full(state: JobSeen | None, told: str) -> bool:
    """Whether there was no room for something: the code tells even where nobody could write it."""
    code = state.exit_code if state else 0
    return code in {DISK_FULL, TEMPORARY_FULL} or any(words in told for words in NO_ROOM)


def _cause(state: JobSeen | None, told: str) -> str:
    """What Slurm, or our own script, means by how the job ended."""
    if state is not None and state.exit_code == TEMPORARY_FULL:
        return (
            " No space left on device for temporary files on its node (in TMPDIR, else /tmp). Free "
            "some there, or name another folder: `export TMPDIR=...` in ~/.bash_profile on the "
            "cluster."
        )
    if state is not None and state.exit_code == DISK_FULL:
        return (
            " No space left on device, or over quota (of bytes or of files): the run directory "
            "cannot be written to. Free some, or name another working_dir."
        )
    if state is not None and state.signal == NO_OUTPUT_FILE:
        return (
            " Slurm could not open the file for the job's output: the folder that --output or "
            "--error names (else working_dir) does not exist, cannot be written to, or has no room "
            "for a file more. Make it on the cluster, or correct sbatch_options."
        )
    if NO_IMAGE.search(told):
        return f" {BRING}"
    if _full(state, told):
        return " A disk is full, or its quota is used up: free some where its output says so."
    return ""


def complains(why: Fate, state: JobSeen | None, told: str) -> bool:
    """Whether it is the environment in which no agent came up, as far as anything tells."""
    code = state.exit_code if state else 0
    passing = _full(state, told) or (state is not None and state.signal == NO_OUTPUT_FILE)
    return (
        why.kind in {"failed", "image"} and not passing and not killed(state) and bool(told or code)
    )


def not_begun(job: str, state: JobSeen | None, told: str) -> Fate:
    """The end of a job that has not even come to our lines of its script.

    It has taken no lock, and the reasons that a script gives are not in its output.
    """
    if state is None or state.state not in {"COMPLETED", "FAILED"} or state.signal:
        return of_job(job, state, told)
    ours = state.exit_code == NOT_OURS or _full(state, told)
    if ours or "fcx: " in told or "srun: " in told:
        return of_job(job, state, told)
    ending = f" Its output ends with:\n{told.rstrip()}" if told.strip() else ""
    text = (
        f"Job {job} ended ({_how(state)}) before its script began: a start-up file of the login "
        "shell on the cluster (~/.bash_profile, ~/.profile, ~/.bashrc), or a command of setup=, "
        "ends it, by `exit`, `exec` or an error of syntax. Have a start-up file do so in "
        f"interactive shells only.{ending}"
    )
    return Fate("failed", Trouble("JobFailed", text))


def _how(state: JobSeen | None) -> str:
    if state is None:
        return "the server no longer knows it"
    if state.signal:
        return f"{state.state}, signal {state.signal}"
    return f"{state.state}, exit code {state.exit_code}"


def time_limit(job: str) -> Fate:
    """The job's time limit cut a task off that had the whole of it."""
    text = (
        f"The time limit of job {job} ended the task, although it was its worker's first. "
        "Ask for more with --time."
    )
    return Fate("time", Trouble("TimeLimitExceeded", text))


def no_time(job: str) -> Fate:
    """The job's time limit came while nothing of ours was there to run a task."""
    text = (
        f"The time limit of job {job} came before any agent had started in it, so no task ran. "
        "Ask for more with --time, or see in the job's output what it was waiting for."
    )
    return Fate("time", Trouble("TimeLimitExceeded", text))


def requeued(job: str) -> Fate:
    """Slurm, or somebody, has put the job back into the queue in good order."""
    text = f"Job {job} was requeued while the task ran"
    return Fate("preempted", Trouble("NodeFailed", text))


def told_to_end(job: str) -> Fate:
    """All its processes were, and the job ended in time: so a preemption with a grace time goes."""
    text = f"Job {job} was told to end while the task ran, as by a preemption"
    return Fate("preempted", Trouble("NodeFailed", text))


def never_runs(job: str, state: JobSeen) -> Trouble:
    """The trouble of tasks whose pilot Slurm will not start."""
    return Trouble(
        "JobNeverRuns",
        f"Slurm will never start job {job}: it is pending for {state.reason}. Ask for what "
        "the partition allows (--time, --nodes, --partition, --account); the job was cancelled.",
    )


def run_taken(run: str, epoch: int) -> Trouble:
    """Another client serves the run."""
    return Trouble(
        "RunTaken",
        f"Run {run} was taken over by another client (the {epoch}. that it has): its tasks go on, "
        "and their outcomes are there. This one stops; it has cancelled and removed nothing.",
    )


def run_lost(directory: str) -> Trouble:
    """The trouble of all tasks once the run directory is gone."""
    return Trouble(
        "RunLost",
        f"The run directory {directory} is gone: somebody or a clean-up removed it. Tasks that "
        "had not ended are lost; submit them again.",
    )


def not_started(job: str, python: str, told: str, tag: str = "") -> Trouble:
    """The trouble of a remote side that could not even start the probe.

    ``tag``: of the image, where the EDF names one that a cluster can only have by chance.
    """
    fix = "Correct what it complains of, then run `fcx preflight --fresh`."
    if NO_IMAGE.search(told):
        fix = BRING
    elif tag and tag in told:
        fix = f"The EDF names {tag}, an image of the machine that built it. Fix: `fcx up`"
    elif "not found" in told and python in told:
        fix = (
            f"There is no {python} on the cluster: name one with python=..., load a module in your "
            "login shell, or use an image (environment=...)."
        )
    elif "fcx needs " in told:
        fix = (
            "Name another one with python=..., or use an image (environment=...); then run "
            "`fcx preflight --fresh`."
        )
    elif "Permission denied" in told and python in told:
        fix = (
            f"{python} lies below a folder that only its owner may enter, such as /root in an "
            "image: install Python elsewhere (uv: UV_PYTHON_INSTALL_DIR=/opt/python), build the "
            "image anew, then run `fcx preflight --fresh`."
        )
    return Trouble(
        "ParityError",
        f"Job {job} could not start {python} in the environment that was asked for, so nothing was "
        f"sent. Its output ends with:\n{told.rstrip()}\n{fix}",
    )

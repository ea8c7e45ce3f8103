"""The queue of the process back end: who waits, who runs again, who asks."""

from __future__ import annotations

import pytest
from workbench import MINUTE, refused, until


def test_jobs_wait_for_nodes_and_say_why(bench):
    """The first for resources, those behind it for its sake."""
    first = bench.submit("while [ ! -e go ]; do sleep 0.05; done", "-N 2", "-t 20")
    second, third = bench.submit("true", "-N 2"), bench.submit("true")
    reasons = [bench.job(job_id)["status"]["stateReason"] for job_id in (second, third)]
    assert reasons == ["Resources", "Priority"]
    (bench.folder / "go").touch()
    assert bench.ended(first)["nodes"] == "fcx-node-[1-2]"
    assert bench.ended(third)["status"]["state"] == "COMPLETED"
    (bench.folder / "go").unlink()


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("--time=2-0", "PartitionTimeLimit"),
        ("--time=0", "PartitionTimeLimit"),
        ("--partition=debug --time=31", "PartitionTimeLimit"),
        ("--nodes=3", "PartitionConfig"),
        ("--cpus-per-task=99", "PartitionConfig"),
        ("--hold", "JobHeldUser"),
    ],
)
def test_jobs_that_can_never_run_are_taken_and_wait(bench, option, reason):
    """201, then PENDING for ever; others pass them by."""
    stuck = bench.submit("true", option)
    assert bench.ended(bench.submit("true"))["status"]["state"] == "COMPLETED"
    status = bench.job(stuck)["status"]
    assert (status["state"], status["stateReason"]) == ("PENDING", reason)
    bench.api.cancel_job(bench.system, stuck)
    assert bench.state(stuck).startswith("CANCELLED")


def test_jobs_can_wait_for_others(bench):
    """afterok, afternotok, afterany; never is told apart from not yet."""
    failed = bench.submit("sleep 0.5; false")
    follow = {kind: bench.submit("true", f"-d {kind}:{failed}") for kind in ("afterok", "afterany")}
    assert bench.job(follow["afterany"])["status"]["stateReason"] == "Dependency"
    assert bench.ended(follow["afterany"])["status"]["state"] == "COMPLETED"
    until(
        lambda: bench.job(follow["afterok"])["status"]["stateReason"] == "DependencyNeverSatisfied"
    )
    bench.api.cancel_job(bench.system, follow["afterok"])


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--account=nope", "Invalid account or account/partition combination specified"),
        ("--partition=nope", "Invalid partition name specified"),
        ("--array=0-3", "Invalid job array specification"),
        ("--reservation=x", "Requested reservation is invalid"),
        ("--constraint=gpu", "Invalid feature specification"),
        ("--dependency=whatever", "Job dependency problem"),
        ("--qos=x", "Invalid qos specification"),
    ],
)
def test_the_controller_refuses_in_its_words(bench, option, words):
    """500 with sbatch's stderr."""
    status, message = refused(bench.submit, "true", option)
    assert status == 500
    assert message.endswith(f"sbatch: error: Batch job submission failed: {words}\n")


def test_a_requeued_job_runs_again_under_its_id(bench):
    """From inside; its restart is counted."""
    body = 'echo run ${SLURM_RESTART_COUNT:-0}\n[ -n "$SLURM_RESTART_COUNT" ] && exit\n'
    text = bench.run(f"{body}scontrol requeue $SLURM_JOB_ID; sleep 60", "--open-mode=append")
    assert "run 0\n" in text
    assert text.endswith("run 1\n")


def test_the_queues_programs_answer_inside_a_job(bench):
    """Squeue's time left, scontrol's record, scancel's signal."""
    text = bench.run(
        "squeue -h -j $SLURM_JOB_ID -o '%i %T %L %N %D'\n"
        "scontrol show job $SLURM_JOB_ID | grep -c JobState=RUNNING\n"
        "scontrol show hostnames\n"
        "squeue -h -j 1; echo rc=$?\n"
        "trap 'echo got it; exit' USR1; scancel -b -s USR1 $SLURM_JOB_ID; sleep 5",
        "-t 20",
    )
    first, *rest = text.splitlines()
    job_id, state, left, node, count = first.split()
    assert (state, node, count) == ("RUNNING", "fcx-node-1", "1")
    minutes, seconds = map(int, left.split(":"))
    assert minutes * 60 + seconds <= 20 * MINUTE
    assert rest == [
        "1", "fcx-node-1", "slurm_load_jobs error: Invalid job id specified", "rc=1", "got it",
    ]  # fmt: skip


def test_attaching_joins_a_running_job(bench):
    """On its node, with its variables; the command's failure is the answer."""
    job_id = bench.submit("while [ ! -e enough ]; do sleep 0.05; done")
    until(lambda: bench.state(job_id) == "RUNNING")
    line = f"bash -c 'echo $SLURM_JOB_ID $SLURMD_NODENAME' > {bench.folder}/joined"
    bench.api.attach_to_job(bench.system, job_id, line)
    assert (bench.folder / "joined").read_text() == f"{job_id} fcx-node-1\n"
    assert refused(bench.api.attach_to_job, bench.system, job_id, "false")[0] == 500
    (bench.folder / "enough").touch()
    bench.ended(job_id)
    assert refused(bench.api.attach_to_job, bench.system, job_id, "true")[0] == 500

"""A worker that was told to end from outside: what Slurm calls the end of its job is what counts."""

from __future__ import annotations

import pytest
from driving import Drive

from fcx.executor.core.actions import (
    AskJob,
    ListFolder,
    ListLinks,
    ReadLog,
    Say,
    Settle,
    TellPending,
)
from fcx.executor.core.events import (
    Died,
    Failed,
    FilesListed,
    JobAnswered,
    JobSeen,
    Left,
    LinksListed,
    LogRead,
    Running,
    Told,
    Trouble,
    Up,
)


def cut(*more: Left | Told, **limits: int) -> Drive:
    """A task whose worker dies of a SIGTERM that somebody sent; what else its agent says."""
    drive = Drive(max_workers=1, **limits)
    drive.serve("t0")
    while not drive.all(ReadLog):
        drive.wait(0.1)
    text = "was ended by SIGTERM"
    died = Died("t0", 0, True, 3000.0, text, signal=15, memory=False, outside=True)
    records = (Up("nid001", "fcx-001"), Running("t0", 0, 0, True), died, *more)
    drive.tell(LogRead(drive.last(ReadLog).id, records, 300))
    return drive


def answered(drive: Drive, state: str) -> None:
    """Slurm says this of the job."""
    drive.tell(JobAnswered(drive.last(AskJob).id, JobSeen("7", state)))


def looked(drive: Drive, *lives: str) -> None:
    """The logs are listed: ``lives`` of agents are there."""
    if not drive.all(ListFolder):  # a log is being read
        drive.tell(LogRead(drive.last(ReadLog).id, (), 0))
    listed = drive.last(ListFolder)
    assert listed.folder == "logs"
    files = tuple((f"{life}.0", 300 if life == "7.0.0" else 0) for life in lives)
    drive.tell(FilesListed(listed.id, files))


def words(drive: Drive) -> str:
    """All that was said."""
    return "\n".join(say.text for say in drive.all(Say))


@pytest.mark.parametrize("state", ["PREEMPTED", "PENDING", "REQUEUED", "REQUEUE_HOLD"])
def test_what_is_no_fault_of_the_task_is_not_charged(state: str) -> None:
    """Preempted or requeued: it runs again, though it has no retries."""
    drive = cut(task_retries=0)
    answered(drive, state)
    assert not drive.all(Settle)
    assert "will run again" in words(drive)


@pytest.mark.parametrize(
    ("state", "error"),
    [("CANCELLED", "JobCancelled"), ("NODE_FAIL", "NodeFailed"), ("OUT_OF_MEMORY", "OutOfMemory")],
)
def test_the_end_of_the_job_is_the_reason(state: str, error: str) -> None:
    """Not that a worker died of it."""
    drive = cut(task_retries=0)
    answered(drive, "RUNNING")
    drive.wait(2.5)
    answered(drive, "COMPLETING")
    assert not drive.all(Settle)
    drive.wait(2.5)
    answered(drive, state)
    trouble = drive.last(Settle).trouble
    assert trouble is not None
    assert trouble.error == error


def test_a_worker_that_alone_was_ended_has_died() -> None:
    """Its job goes on: somebody ended this one process."""
    drive = cut(task_retries=0)
    for _ in range(3):
        answered(drive, "RUNNING")
        drive.wait(2.5)
    answered(drive, "RUNNING")
    assert not drive.all(Settle)
    looked(drive, "7.0.0")
    trouble = drive.last(Settle).trouble
    assert trouble is not None
    assert trouble.error == "WorkerDied"


@pytest.mark.parametrize("state", ["RUNNING", "COMPLETED"])
def test_a_job_that_began_again_unseen_was_requeued(state: str) -> None:
    """It may have ended by now: its logs tell that it had another life."""
    drive = cut(task_retries=0)
    for _ in range(3):
        answered(drive, state)
        drive.wait(2.5)
    answered(drive, state)
    looked(drive, "7.0.0", "7.1.0")
    assert not drive.all(Settle)
    assert "Job 7 was requeued" in words(drive)


def test_an_agent_that_was_told_to_end_may_go_on_for_a_while() -> None:
    """Another task of its handles SIGTERM: Slurm gives it time, and says nothing meanwhile."""
    drive = cut(Told(), task_retries=0)
    for _ in range(10):
        answered(drive, "RUNNING")
        drive.wait(2.5)
    assert not drive.all(Settle)
    answered(drive, "PREEMPTED")
    assert not drive.all(Settle)
    assert "was preempted" in words(drive)


def test_that_its_agent_has_left_decides_nothing() -> None:
    """An agent that is told to end leaves behind a claim without an outcome: that is known."""
    drive = cut(Left("signal"), task_retries=0)
    for _ in range(5):
        answered(drive, "RUNNING")
        for links in drive.all(ListLinks)[-1:]:
            drive.tell(LinksListed(links.id, (("b000001.0", "7.0.0"),)))
        drive.wait(2.5)
    assert not drive.all(TellPending)
    answered(drive, "CANCELLED")
    trouble = drive.last(Settle).trouble
    assert trouble is not None
    assert trouble.error == "JobCancelled"


def test_without_an_answer_it_is_decided_all_the_same() -> None:
    """The server refuses to tell of the job, for good."""
    drive = cut(task_retries=0)
    for _ in range(4):
        asked = drive.last(AskJob)
        drive.tell(Failed(asked.id, "refused", Trouble("RequestRefused", "403")))
        drive.wait(2.5)
    looked(drive, "7.0.0")
    trouble = drive.last(Settle).trouble
    assert trouble is not None
    assert trouble.error == "WorkerDied"


def test_a_job_that_has_completed_took_no_worker_with_it() -> None:
    """Its agent found nothing more to do and left: the one process had been ended before."""
    drive = cut(Left("idle"), task_retries=0)
    answered(drive, "COMPLETED")
    looked(drive, "7.0.0")
    trouble = drive.last(Settle).trouble
    assert trouble is not None
    assert trouble.error == "WorkerDied"


def test_a_job_that_was_told_to_end_and_did_is_no_fault_of_the_task() -> None:
    """A preemption with a grace time: its agent left in good order before Slurm had to kill it."""
    drive = cut(Left("signal"), task_retries=0)
    answered(drive, "COMPLETED")
    assert not drive.all(Settle)
    assert "was told to end" in words(drive)

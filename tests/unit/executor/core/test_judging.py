"""What the core asks of the gate, and for how long an answer counts."""

from __future__ import annotations

from driving import Drive

from fcx.executor.core.actions import JudgeRequirements, Settle
from fcx.executor.core.events import RequirementsJudged, Submitted, TaskInfo, Trouble

REFUSED = Trouble("ParityError", "numpy is another")


def submit(drive: Drive, *tasks: str) -> None:
    """Tasks that refer to one set of requirements."""
    drive.tell(Submitted(tuple(TaskInfo(task, "work", 10, requirements=1) for task in tasks)))


def test_a_refusal_counts_for_the_tasks_that_are_there():
    """Those that come later are judged by what is known then: it may be repaired meanwhile."""
    drive = Drive()
    submit(drive, "t1", "t2")
    (first,) = drive.all(JudgeRequirements)
    drive.tell(RequirementsJudged(first.id, REFUSED))
    assert [settle.task for settle in drive.all(Settle)] == ["t1", "t2"]
    submit(drive, "t3")
    second = drive.last(JudgeRequirements)
    assert second.id != first.id
    drive.tell(RequirementsJudged(second.id))
    submit(drive, "t4")
    assert drive.last(JudgeRequirements) is second
    assert len(drive.all(Settle)) == 2

"""When Slurm is asked for jobs, for which, and what follows from its answer, or from none."""

from __future__ import annotations

import pytest
from driving import Drive

from fcx.executor.core.actions import ListFolder, ListJobs, ReadLog
from fcx.executor.core.events import Failed, JobSeen, JobsListed, Trouble
from fcx.executor.core.fleet import Pilot


def queued(*jobs: str, ambiguous: bool = False) -> Drive:
    """A run whose pilots wait; nothing was heard of them so far."""
    drive = Drive()
    drive.serve("t", job=jobs[0])
    for job in jobs[1:]:
        pilot = Pilot(f"fcx-9{job}", drive.now, "queued", job, ambiguous=ambiguous)
        drive.core.fleet.pilots.append(pilot)
    return drive


def pass_time(drive: Drive, seconds: float) -> None:
    """What is due is done; looks into the logs find none yet."""
    end = drive.now + seconds
    while drive.now < end:
        under_way = [waiting.action for waiting in drive.core.requests.under_way.values()]
        for action in under_way:
            if isinstance(action, ReadLog | ListFolder):
                trouble = Trouble("NoSuchPath", "404")
                drive.tell(Failed(action.id, "missing", trouble), 0.001)
        due = drive.core.due()
        drive.wait((end if due is None else min(max(due, drive.now), end)) - drive.now)


@pytest.mark.parametrize(
    ("jobs", "asked"),
    [(("7",), ("7",)), (("7", "8", "9"), ("7", "8", "9")), (("7", "8", "9", "10"), ())],
)
def test_few_jobs_are_asked_for_by_their_ids(jobs: tuple[str, ...], asked: tuple[str, ...]) -> None:
    """More of them with all others of the day, in one request."""
    drive = queued(*jobs)
    drive.wait(3.0)
    assert drive.last(ListJobs).jobs == asked


def test_a_submit_that_was_repeated_may_have_made_a_job_of_another_id() -> None:
    """Only its name tells, which a listing has."""
    drive = queued("7", "8", ambiguous=True)
    drive.wait(3.0)
    assert drive.last(ListJobs).jobs == ()


def test_a_pilot_that_is_heard_to_run_is_looked_for_at_once() -> None:
    """However long it has waited; once, for it may take minutes until its agent is up."""
    drive = queued("7")
    pass_time(drive, 170.0)
    drive.tell(JobsListed(drive.last(ListJobs).id, (JobSeen("7", "PENDING"),), 0.1))
    pass_time(drive, 10.0)
    assert (drive.core.due() or 0.0) > drive.now + 0.5
    drive.tell(JobsListed(drive.last(ListJobs).id, (JobSeen("7", "RUNNING"),), 0.1))
    assert (drive.core.due() or 0.0) <= drive.now + 0.05
    pass_time(drive, 60.0)
    drive.tell(JobsListed(drive.last(ListJobs).id, (JobSeen("7", "RUNNING"),), 0.1))
    assert (drive.core.due() or 0.0) > drive.now + 0.5


def test_logs_are_read_on_while_jobs_cannot_be_listed() -> None:
    """For as long as that lasts."""
    drive = queued("7")
    drive.wait(3.0)
    for _ in range(5):
        drive.fails(drive.last(ListJobs), "passing")
        looks = len(drive.all(ReadLog)) + len(drive.all(ListFolder))
        pass_time(drive, 40.0)
        assert len(drive.all(ReadLog)) + len(drive.all(ListFolder)) > looks

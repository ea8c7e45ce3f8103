"""What is said of pilots that wait, how often, and what is never taken for final."""

from __future__ import annotations

import pytest
from driving import Drive

from fcx.executor.core.actions import AskJob, Broken, ListJobs, Say, SubmitPilot
from fcx.executor.core.events import (
    Failed,
    JobAnswered,
    JobMade,
    JobSeen,
    JobsListed,
    Submitted,
    TaskInfo,
    Trouble,
)

LIMIT = "sbatch: error: QOSMaxSubmitJobPerUserLimit."


def listed(drive: Drive, *jobs: JobSeen) -> None:
    """Slurm is asked for its jobs, and answers."""
    asked = len(drive.all(ListJobs))
    while len(drive.all(ListJobs)) == asked:
        drive.wait(1.0)
    drive.tell(JobsListed(drive.last(ListJobs).id, jobs, 0.1))


def warnings(drive: Drive) -> list[str]:
    """What people were warned of."""
    return [say.text for say in drive.all(Say) if say.level == "warning"]


@pytest.mark.parametrize(
    "reason",
    [
        "AssocGrpBillingMinutes",
        "AssocGrpCPUMinutesLimit",
        "QOSGrpGRESMinutes",
        "JobHeldAdmin",
        "JobHeldUser",
        "launch_failed_requeued_held",
        "job requeued in held state",
        "ReqNodeNotAvail, UnavailableNodes:nid[001-002]",
        "ReqNodeNotAvail, Reserved for maintenance",
        "PartitionDown",
        "PartitionInactive",
        "PartitionNodeLimit",
        "Reservation",
        "NodeDown",
    ],
)
def test_what_needs_somebody_is_said_again_and_again(reason: str) -> None:
    """One warning with the reason and what to do, another after ten minutes."""
    drive = Drive()
    drive.serve("t0")
    while drive.now < 650.0:
        listed(drive, JobSeen("7", "PENDING", reason))
    told = warnings(drive)
    assert len(told) == 2
    assert all(reason in text and "starts by itself" in text for text in told)
    assert not drive.all(Broken)


@pytest.mark.parametrize(
    "reason",
    [
        "AssocGrpJobsLimit",
        "AssocGrpCpuLimit",
        "QOSMaxJobsPerUserLimit",
        "QOSGrpNodeLimit",
        "MaxJobsPerAccount",
        "AssocMaxJobsLimit",
    ],
)
def test_a_limit_is_said_once(reason: str) -> None:
    """It passes as other jobs end."""
    drive = Drive()
    drive.serve("t0")
    while drive.now < 1300.0:
        listed(drive, JobSeen("7", "PENDING", reason))
    assert len(warnings(drive)) == 1
    assert not drive.all(Broken)


def test_ordinary_waits_are_news_alone() -> None:
    """Priority, Resources: said when they change, never as a warning."""
    drive = Drive()
    drive.serve("t0")
    for reason in ("None", "Priority", "Priority", "Resources", ""):
        listed(drive, JobSeen("7", "PENDING", reason))
    assert not warnings(drive)
    told = [say.text for say in drive.all(Say) if "waits" in say.text]
    assert told == ["Job 7 waits: Priority", "Job 7 waits: Resources"]


def test_slurm_may_think_again_of_a_job_that_never_runs() -> None:
    """Said once is not enough; said for ten seconds is."""
    drive = Drive()
    drive.serve("t0")
    listed(drive, JobSeen("7", "PENDING", "InvalidAccount"))
    listed(drive, JobSeen("7", "PENDING", "InvalidAccount"))
    listed(drive, JobSeen("7", "PENDING", "Priority"))
    assert not drive.all(Broken)
    while drive.now < 60.0 and not drive.all(Broken):
        listed(drive, JobSeen("7", "PENDING", "InvalidAccount"))
    assert drive.last(Broken).trouble.error == "JobNeverRuns"


def test_a_job_that_listings_leave_out_is_asked_for_by_its_id() -> None:
    """A dependent job is in no listing until it may run: no other pilot takes its place."""
    drive = Drive(max_workers=1)
    drive.serve("t0")
    while drive.now < 400.0:
        asked = len(drive.all(AskJob))
        listed(drive)
        if len(drive.all(AskJob)) > asked:
            state = JobSeen("7", "PENDING", "Dependency")
            drive.tell(JobAnswered(drive.last(AskJob).id, state))
    assert len(drive.all(AskJob)) >= 2
    assert len(drive.all(SubmitPilot)) == 1
    assert not drive.all(Broken)


def test_an_answer_that_fails_is_no_word_of_its_end() -> None:
    """The server refuses to tell of the one job: it is asked for again, later."""
    drive = Drive(max_workers=1)
    drive.serve("t0")
    while len(drive.all(AskJob)) < 3:
        asked = len(drive.all(AskJob))
        listed(drive)
        if len(drive.all(AskJob)) > asked:
            drive.fails(drive.last(AskJob), "refused")
    assert drive.now > 60.0
    assert len(drive.all(SubmitPilot)) == 1


def test_a_first_pilot_that_is_refused_for_now_is_tried_again() -> None:
    """One warning; the same pilot comes each minute, until it is taken."""
    drive = refused(3)
    assert len(warnings(drive)) == 1
    assert "QOSMaxSubmitJobPerUserLimit" in warnings(drive)[0]
    assert len({submit.pilot for submit in drive.all(SubmitPilot)}) == 1
    assert not drive.all(Broken)


def test_a_pilot_that_came_though_it_was_refused_at_last_is_not_submitted_again() -> None:
    """The first try has made a job, though nobody heard of it: it is found by its name."""
    drive = refused(0)
    drive.fails(drive.last(SubmitPilot), "passing")
    drive.wait(1.0)
    drive.fails(drive.last(SubmitPilot), "limit")
    fleet = drive.core.fleet
    assert fleet.pilots[0].may_have_begun
    heed = drive.core.doubts.heed
    fleet.states.ask(lambda event: heed(drive.core.outcomes, event), fleet.pilots)
    drive.wait(1.0)
    job = JobSeen("7", "PENDING", "Priority", name=fleet.pilots[0].name)
    drive.tell(JobsListed(drive.last(ListJobs).id, (job,), 0.1))
    drive.wait(61.0)
    assert len(drive.all(SubmitPilot)) == 2
    assert (fleet.pilots[0].job, fleet.pilots[0].phase) == ("7", "queued")


def test_a_job_of_an_earlier_try_may_begin_late_whatever_came_of_the_last() -> None:
    """The directory is not removed before it."""
    drive = refused(0)
    for kind in ("passing", "limit"):
        drive.fails(drive.last(SubmitPilot), kind)
        drive.wait(62.0)
    drive.tell(JobMade(drive.last(SubmitPilot).id, "7", repeated=False))
    assert drive.core.fleet.pilots[0].ambiguous


def refused(times: int) -> Drive:
    """A first pilot that Slurm does not take so often."""
    drive = Drive(max_workers=1)
    drive.submit("t0")
    for number in range(1, times + 1):
        assert len(drive.all(SubmitPilot)) == number
        trouble = Trouble("SubmitLimit", LIMIT)
        drive.tell(Failed(drive.last(SubmitPilot).id, "limit", trouble))
        drive.wait(59.0)
        assert len(drive.all(SubmitPilot)) == number
        drive.wait(2.0)
    return drive


def test_a_slow_answer_proves_no_more_than_a_quick_one() -> None:
    """A reason that passes was heard twice; the second answer was as old as its question."""
    drive = Drive()
    drive.serve("t0")
    never = JobSeen("7", "PENDING", "BadConstraints")
    listed(drive, never)
    while len(drive.all(ListJobs)) == 1:
        drive.wait(1.0)
    drive.wait(60.0)
    drive.tell(JobsListed(drive.last(ListJobs).id, (never,), 0.1))
    assert not drive.all(Broken)
    listed(drive, never)
    assert drive.all(Broken)


def test_one_submit_after_the_other_does_not_put_off_what_is_asked_of_the_others() -> None:
    """A pilot that waits is asked about, however often another one is submitted."""
    drive = Drive(max_workers=8)
    drive.serve("t0")
    asked = []
    for number in range(1, 8):
        drive.wait(1.0)
        asked.append(len(drive.all(ListJobs)))
        drive.tell(Submitted((TaskInfo(f"t{number}", "work", 10),)))
        drive.launched(str(7 + number))
    assert asked[-1]

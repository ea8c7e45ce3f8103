"""What the core does about single faults; the simulator tries them together."""

from __future__ import annotations

import pytest
from driving import Drive

from fcx.executor.core import Words
from fcx.executor.core.actions import (
    AskJob,
    CancelJob,
    Finish,
    ListFolder,
    ListJobs,
    ReadLog,
    RecordPilot,
    RecordTasks,
    RemoveDirectory,
    Say,
    Settle,
    SubmitPilot,
)
from fcx.executor.core.crew import REFUSED_PAUSE
from fcx.executor.core.events import (
    CancelAsked,
    CloseAsked,
    FilesListed,
    Finished,
    JobAnswered,
    JobSeen,
    JobsListed,
    LogRead,
    Settled,
    Up,
)
from fcx.executor.core.fleet import LONGEST_STATES_PAUSE, SHORTEST_STATES_PAUSE


def test_one_failed_cancel_drops_no_other():
    """Each job is cancelled on its own; one that could not be is said, and counts as live."""
    drive = Drive(max_workers=3)
    drive.serve("t1", "t2", "t3")
    drive.wait(1.0)
    for job in ("8", "9"):
        pilot = [p for p in drive.core.fleet.pilots if not p.job][0]
        for record in [a for a in drive.all(RecordPilot) if a.pilot == pilot.name]:
            drive.fails(record, "journal")
        submit = [a for a in drive.all(SubmitPilot) if a.pilot == pilot.name][0]
        drive.core.fleet.live()
        drive.tell(_made(submit, job))
    for task in ("t1", "t2", "t3"):
        drive.tell(CancelAsked(task))
        drive.tell(Settled((task,)))
    drive.tell(CloseAsked(abort=False))
    _answer_all(drive)
    cancels = drive.all(CancelJob)
    assert sorted(cancel.job for cancel in cancels) == ["7", "8", "9"]
    drive.fails(cancels[0], "refused", "not yours")
    assert "not yours" in drive.last(Say).text
    for cancel in cancels[1:]:
        drive.tell(_done(cancel))
    _answer_all(drive)
    assert drive.all(Finish)


def test_a_surplus_pilot_that_cannot_be_cancelled_serves_on():
    """And is not tried to be cancelled again at once."""
    drive = Drive(max_workers=2)
    drive.serve("t1", "t2")
    drive.wait(1.0)
    drive.launched("8")
    drive.tell(LogRead(_read(drive), (Up("n", "fcx-001"), Finished("t1", 0, 0.1)), 10))
    drive.tell(Settled(("t1",)))
    assert drive.last(AskJob).job == "8"
    drive.tell(JobAnswered(drive.last(AskJob).id, JobSeen("8", "PENDING")))
    (cancel,) = drive.all(CancelJob)
    drive.fails(cancel, "refused", "not yours")
    assert drive.core.fleet.pilots[1].phase == "queued"
    drive.wait(1.0)
    assert drive.all(CancelJob) == [cancel]
    drive.wait(REFUSED_PAUSE)
    (look,) = _waiting(drive, ListFolder)  # none is surplus in the middle of one
    drive.tell(FilesListed(look.id, ()))
    drive.tell(JobAnswered(drive.last(AskJob).id, JobSeen("8", "PENDING")))
    assert len(drive.all(CancelJob)) == 2


@pytest.mark.parametrize("state", ["RUNNING", "COMPLETED", None])
def test_a_surplus_pilot_that_has_begun_by_now_is_left_alone(state):
    """What it may have begun would run twice."""
    drive = Drive(max_workers=2)
    drive.serve("t1", "t2")
    drive.wait(1.0)
    drive.launched("8")
    drive.tell(LogRead(_read(drive), (Up("n", "fcx-001"), Finished("t1", 0, 0.1)), 10))
    seen = JobSeen("8", state) if state else None
    drive.tell(JobAnswered(drive.last(AskJob).id, seen))
    drive.wait(1.0)
    assert drive.all(CancelJob) == []
    assert len(drive.all(AskJob)) == 1


def test_a_pilot_that_never_runs_and_cannot_be_cancelled_is_left_alone():
    """For a while: Slurm says the same of it every few seconds."""
    drive = Drive(max_workers=2)
    drive.serve("t1", "t2")
    drive.wait(1.0)
    drive.launched("8")
    drive.tell(LogRead(_read(drive), (Up("n", "fcx-001"),), 10))
    jobs = JobSeen("7", "RUNNING"), JobSeen("8", "PENDING", "PartitionTimeLimit")
    refused: set[int] = set()
    for _ in range(40):
        drive.wait(1.0)
        for listing in _waiting(drive, ListJobs):
            drive.tell(JobsListed(listing.id, jobs, 0.01))
        for cancel in drive.all(CancelJob):
            if cancel.id not in refused:
                refused.add(cancel.id)
                drive.fails(cancel, "refused", "not yours")
    assert [cancel.job for cancel in drive.all(CancelJob)] == ["8"]


@pytest.mark.parametrize(
    ("seconds", "pause"),
    [(0.005, SHORTEST_STATES_PAUSE), (0.2, 10.0), (3.2, LONGEST_STATES_PAUSE)],
)
def test_jobs_are_listed_by_what_a_listing_costs(seconds, pause):
    """Not by what the server is called: a tunnel to a real site ends on a loopback address, too."""
    drive = Drive()
    drive.serve("t1")
    while not drive.all(ListJobs):
        drive.wait(0.5)
        _answer_reads(drive)
    drive.tell(JobsListed(drive.last(ListJobs).id, (JobSeen("7", "PENDING", "Priority"),), seconds))
    asked = drive.now
    while len(drive.all(ListJobs)) == 1:
        drive.wait(0.25)
        _answer_reads(drive)
    assert pause <= drive.now - asked <= pause + 0.5


def test_a_refusal_that_lasts_is_not_said_with_each_look():
    """A token endpoint that refuses for a while would fill the log: it is said every ten minutes."""
    drive = Drive()
    drive.serve("t1")
    refused, began = 0, drive.now
    while drive.now < began + 900.0:
        drive.wait(1.0)
        for read in _waiting(drive, (ReadLog, ListFolder)):
            drive.fails(read, "refused", "invalid_client")
            refused += 1
        for action in _waiting(drive, ListJobs):
            drive.tell(JobsListed(action.id, (JobSeen("7", "RUNNING"),), 0.1))
    said = [say.text for say in drive.all(Say) if "invalid_client" in say.text]
    assert refused > 20
    assert said.count("The logs were not listed: invalid_client") == 2


def test_an_outage_leaves_the_run_open():
    """What may have been finished is not deleted, and the message says how to get at it."""
    drive = Drive(words=Words(run="one"), max_workers=1)
    drive.serve("t1", "t2")
    drive.tell(LogRead(_read(drive), (Up("n", "fcx-001"),), 10))
    began = drive.now
    while not drive.all(Finish):
        drive.wait(1.0)
        for read in _open_requests(drive):
            drive.fails(read, "passing", "HTTP 503")
        for settle in drive.all(Settle):
            drive.tell(Settled((settle.task,)))
        _answer_errands(drive)
        assert drive.now < began + 2000
    assert {settle.trouble.error for settle in drive.all(Settle)} == {"Unreachable"}
    assert not drive.all(RemoveDirectory)
    assert not drive.all(CancelJob)
    assert any("fcx.attach('one')" in say.text for say in drive.all(Say))


def _read(drive):
    drive.wait(0.1)
    return drive.last(ReadLog).id


def _made(submit, job):
    from fcx.executor.core.events import JobMade

    return JobMade(submit.id, job, repeated=False)


def _done(action):
    from fcx.executor.core.events import Done

    return Done(action.id)


def _waiting(drive, kinds):
    under_way = drive.core.requests.under_way
    waiting = [u.action for u in under_way.values() if u.again is None]
    return [action for action in waiting if isinstance(action, kinds)]


def _open_requests(drive):
    return _waiting(drive, (ReadLog, ListFolder, ListJobs))


def _answer_reads(drive):
    for action in _waiting(drive, ReadLog):
        drive.fails(action, "missing")
    for action in _waiting(drive, ListFolder):
        drive.fails(action, "missing")


def _answer_errands(drive):
    from fcx.executor.core.actions import Errand

    for action in _waiting(drive, Errand):
        drive.tell(_done(action))


def _answer_all(drive):
    """Everything but cancellations is done."""
    from fcx.executor.core.actions import Errand, MakeDirectory, WriteClosed

    kinds = (Errand, RecordTasks, MakeDirectory, RemoveDirectory, WriteClosed)
    for _ in range(5):
        _answer_reads(drive)
        for action in _waiting(drive, kinds):
            drive.tell(_done(action))

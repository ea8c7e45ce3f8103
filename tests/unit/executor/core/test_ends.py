"""What the end of a pilot must not be taken for: faults that the simulator found, one by one."""

from __future__ import annotations

import pytest
from driving import Drive

from fcx.executor.core.actions import (
    AskJob,
    Broken,
    CancelJob,
    Errand,
    ListFolder,
    ListJobs,
    ListLinks,
    MakeDirectory,
    Prepare,
    ReadInbox,
    ReadLog,
    ReadOutput,
    RecordEnd,
    RecordTasks,
    RemoveDirectory,
    Say,
    Settle,
    SubmitPilot,
    WriteClosed,
)
from fcx.executor.core.events import (
    Attached,
    CloseAsked,
    Died,
    Done,
    FilesListed,
    Finished,
    InboxRead,
    InitializerDied,
    JobAnswered,
    JobSeen,
    JobsListed,
    Left,
    LinksListed,
    LogRead,
    Prepared,
    Refused,
    Running,
    Settled,
    Submitted,
    TaskInfo,
    Trouble,
    Up,
)


def test_a_worker_that_is_killed_in_a_job_that_counted_as_ended_is_charged():
    """It runs all the same: SIGKILL of one worker is not our cancel, and does not come for ever."""
    drive = Drive(task_retries=0)
    drive.serve("t1")
    drive.core.fleet.pilots[0].phase = "ended"
    died = Died("t1", 0, True, 100.0, "was killed by SIGKILL", 9, False, True)
    (read,) = _asked(drive, ReadLog) or [a for a in drive.wait(1.0) if isinstance(a, ReadLog)]
    drive.tell(LogRead(read.id, (Up("n", "fcx-001"), Running("t1", 0, 0, first=True), died), 100))
    (settle,) = drive.all(Settle)
    assert settle.trouble.error == "WorkerDied"


def test_a_task_that_took_longer_than_it_may_is_not_tried_again():
    """It is its own fault, whatever the time that is left, and it is said what to do."""
    drive = Drive(task_retries=3)
    drive.serve("t1")
    how = "was ended: its task took longer than its walltime of 90 s"
    died = Died("t1", 0, False, 1.0, how, 0, memory=False, outside=False, late=True)
    (read,) = _asked(drive, ReadLog) or [a for a in drive.wait(1.0) if isinstance(a, ReadLog)]
    drive.tell(LogRead(read.id, (Up("n", "fcx-001"), died), 100))
    (settle,) = drive.all(Settle)
    assert (settle.trouble.error, settle.attempt) == ("TimeLimitExceeded", 0)
    assert "walltime of 90 s. Give it a longer one" in settle.trouble.message


def test_what_an_agent_had_whose_log_came_after_its_pilots_end_is_not_waited_for_without_end():
    """It has vanished: it says nothing any more, and nobody else would ever ask for its tasks."""
    drive = Drive(sleep_interval=1.0)
    drive.serve("t1")
    drive.core.fleet.pilots[0].phase = "ended"
    (read,) = _asked(drive, ReadLog) or [a for a in drive.wait(1.0) if isinstance(a, ReadLog)]
    drive.tell(LogRead(read.id, (Up("n", "fcx-001"), Running("t1", 0, 0, first=True)), 100))
    drive.wait(40.0)
    for _ in range(40):
        for action in _asked(drive, ListFolder):
            drive.tell(FilesListed(action.id, (("7.0.0.0", 100),)))
        for action in _asked(drive, ListLinks):
            drive.tell(LinksListed(action.id, (("b000001.0", "7.0.0"),)))
        drive.wait(1.0)
    assert drive.all(RecordTasks)[-1].tasks == (("t1", 1),)


def test_no_start_up_file_is_blamed_where_the_jobs_output_could_not_be_read():
    """What the script said, or did not say, is in there."""
    drive = Drive(task_retries=0)
    drive.serve("t1")
    for _ in range(40):
        drive.wait(0.5)
        for action in _asked(drive, ListJobs):
            seen = JobSeen("7", "FAILED", exit_code=127)
            drive.tell(JobsListed(action.id, (seen,), 0.1))
        for action in _asked(drive, (ReadLog, ListFolder, ListLinks)):
            drive.fails(action, "missing")
        for action in _asked(drive, ReadOutput):
            drive.fails(action, "refused")
    (broken,) = drive.all(Broken)
    assert "exit code 127" in broken.trouble.message
    assert "start-up file" not in broken.trouble.message


def test_a_job_whose_time_was_over_before_an_agent_began_has_run_no_task():
    """Another would end so, too: that is said, and not that a task took too long."""
    drive = Drive(task_retries=3)
    drive.serve("t1")
    for _ in range(40):
        drive.wait(0.5)
        for action in _asked(drive, ListJobs):
            drive.tell(JobsListed(action.id, (JobSeen("7", "TIMEOUT"),), 0.1))
        for action in _asked(drive, (ReadLog, ListFolder, ListLinks)):
            drive.fails(action, "missing")
        for action in _asked(drive, ReadOutput):
            drive.fails(action, "missing")
    (broken,) = drive.all(Broken)
    assert broken.trouble.error == "TimeLimitExceeded"
    assert "time limit of job 7 came before any agent" in broken.trouble.message


@pytest.mark.parametrize("step", [ListFolder, ReadOutput])
def test_a_job_that_no_listing_had_and_that_is_there_after_all_has_not_ended(step: type):
    """The server knew it late, while the logs were looked at, or what it had printed."""
    drive = Drive(task_retries=0)
    drive.serve("t1")
    there: tuple[JobSeen, ...] = ()
    told = False
    for _ in range(300):
        drive.wait(0.5)
        for action in _asked(drive, ListJobs):
            drive.tell(JobsListed(action.id, there, 0.1))
            told = bool(there)
        for action in _asked(drive, AskJob):
            drive.tell(JobAnswered(action.id, None))
        if drive.all(AskJob) and _asked(drive, step):
            there = (JobSeen("7", "PENDING", name="fcx-001"),)
        for action in _asked(drive, (ReadLog, ListFolder, ListLinks, ReadOutput)):
            if not isinstance(action, step) or told or not there:
                drive.fails(action, "missing")
    assert told
    assert not drive.all(Broken)
    assert drive.core.fleet.pilots[0].phase == "queued"


def test_logs_that_cannot_be_listed_are_not_empty():
    """A pilot has ended; what its agents wrote is not known: it counts neither as barren nor lost."""
    drive = Drive(task_retries=0)
    drive.serve("t1")
    for _ in range(200):
        drive.wait(0.5)
        for action in _asked(drive, ListJobs):
            drive.tell(JobsListed(action.id, (JobSeen("7", "COMPLETED"),), 0.1))
        for action in _asked(drive, ReadLog):
            drive.fails(action, "missing")
        for action in _asked(drive, ListFolder):
            drive.fails(action, "refused", "424: cannot list")
    assert not drive.all(ListLinks)
    assert not drive.all(Settle)
    assert not drive.all(Broken)


def test_a_log_that_is_longer_than_what_was_read_is_read_again_first():
    """Its last lines may be outcomes: what looks damaged is being written."""
    drive = Drive(task_retries=0)
    drive.serve("t1")
    drive.wait(0.1)
    up = (Up("n", "fcx-001"), Running("t1", 0, 0, first=True))
    drive.tell(LogRead(drive.last(ReadLog).id, up, 200))
    for step in range(160):
        drive.wait(0.5)
        for action in _asked(drive, ListJobs):
            drive.tell(JobsListed(action.id, (JobSeen("7", "COMPLETED"),), 0.1))
        for action in _asked(drive, ListFolder) if step > 150 else ():  # slow to be answered
            drive.tell(FilesListed(action.id, (("7.0.0.0", 400), ("7.0.0.beat", 2))))
        for action in _asked(drive, ReadLog):
            drive.tell(LogRead(action.id, (), 0, spoilt=True))
        for action in _asked(drive, ListLinks):
            drive.tell(LinksListed(action.id, (("b000001.0", "7.0.0"),)))
    assert not drive.all(Settle)


def test_what_one_node_refuses_another_may_have_run():
    """The run is left open: nobody knows what stands in the other agent's log."""
    drive = Drive(nodes=2, max_workers=2)
    drive.serve("t1")
    while not _asked(drive, ListFolder):
        drive.wait(0.1)
    (look,) = _asked(drive, ListFolder)
    drive.tell(FilesListed(look.id, (("7.0.0.0", 200), ("7.0.1.0", 200))))
    first, second = _asked(drive, ReadLog)
    refused = Refused(Trouble("ParityError", "another place"))
    drive.tell(LogRead(first.id, (Up("n", "fcx-001"), refused), 200))
    drive.tell(Settled(("t1",)))
    drive.fails(second, "missing")
    for action in _asked(drive, Errand):
        drive.tell(Done(action.id))
    assert drive.last(Settle).trouble == refused.trouble
    assert not drive.all(RemoveDirectory)


def test_a_task_of_an_earlier_process_is_sent_again_once_its_payload_is_known():
    """It rode in a script: until the inbox has been read, there are no bytes to send."""
    drive = Drive()
    known = TaskInfo("t1", "work", 10)
    drive.tell(Attached((TaskInfo("t1", "t1", 0),), (0,), (("fcx-001", "7"),)))
    drive.fails(drive.last(ReadInbox), "missing")
    while not _asked(drive, ListFolder):
        drive.wait(0.1)
    drive.tell(FilesListed(_asked(drive, ListFolder)[0].id, (("7.0.0.0", 300),)))
    died = Died("t1", 0, True, None, "was killed by SIGKILL", 9, memory=False, outside=True)
    records = (Up("n", "fcx-001"), Running("t1", 0, 0, first=True), died)
    drive.tell(LogRead(_asked(drive, ReadLog)[0].id, records, 300))
    drive.wait(0.1)
    assert not drive.all(RecordTasks)
    drive.tell(InboxRead(drive.last(ReadInbox).id, ((known, "b000001", 0),), last=1))
    drive.wait(0.1)
    assert drive.last(RecordTasks).tasks == (("t1", 1),)


def test_a_job_that_could_not_be_cancelled_finds_the_word_that_the_run_is_over():
    """It waits, and may begin later: with the directory gone it would run its tasks again."""
    drive = Drive()
    drive.serve("t1")
    drive.tell(CloseAsked(abort=True))
    drive.tell(Settled(("t1",)))
    for action in _asked(drive, ReadLog):
        drive.fails(action, "missing")
    drive.fails(drive.last(CancelJob), "refused", "not yours")
    drive.done(MakeDirectory)
    assert drive.last(WriteClosed).word == "keep"
    drive.done(WriteClosed)
    assert drive.last(RecordEnd).kept
    assert not drive.all(RemoveDirectory)


def test_a_directory_that_could_not_be_removed_is_remembered():
    """Else no `fcx runs clean` would find it, and it would lie there for ever."""
    drive = Drive()
    drive.serve("t1")
    drive.wait(0.1)
    drive.tell(LogRead(drive.last(ReadLog).id, (Up("n", "fcx-001"), Finished("t1", 0, 0.1)), 200))
    drive.tell(Settled(("t1",)))
    drive.tell(CloseAsked(abort=False))
    drive.fails(drive.last(WriteClosed), "unreachable", "down")
    assert drive.last(RecordEnd).kept
    (said,) = [action.text for action in drive.all(Say) if "not tidied up" in action.text]
    assert "`fcx runs clean " in said


def test_a_run_that_rests_before_its_end_asks_who_removes_its_directory():
    """Its pilot may have ended long ago, unheard of: then nobody else removes it."""
    drive = Drive()
    drive.serve("t1")
    drive.wait(0.1)
    drive.tell(LogRead(drive.last(ReadLog).id, (Up("n", "fcx-001"), Finished("t1", 0, 0.1)), 200))
    drive.tell(Settled(("t1",)))
    drive.wait(60.0)
    drive.tell(CloseAsked(abort=False))
    drive.tell(FilesListed(drive.last(ListFolder).id, ()))
    assert drive.last(WriteClosed).word == "remove"
    drive.done(WriteClosed)
    drive.tell(JobsListed(drive.last(ListJobs).id, (JobSeen("7", "COMPLETED"),), 0.1))
    drive.done(RemoveDirectory)
    assert not drive.last(RecordEnd).kept


def test_bundles_are_never_numbered_anew():
    """What is read of the inbox may be older than what was sent meanwhile."""
    drive = Drive()
    drive.core.lanes.numbers.number_from(7)
    drive.core.lanes.numbers.number_from(2)
    assert drive.core.lanes.numbers.number == drive.core.lanes.numbers.orders.number == 7


def test_a_submit_that_is_never_answered_may_have_made_a_job():
    """Its outcomes may lie there: the run is left open, not removed."""
    drive = Drive(patience=40.0)
    drive.submit("t1")
    while not drive.all(Broken):
        for action in _asked(drive, SubmitPilot):
            drive.fails(action, "passing", "500: channel not open")
        drive.wait(1.0)
    drive.tell(Settled(("t1",)))
    drive.done(RecordEnd)
    assert drive.last(RecordEnd).kept
    assert not drive.all(RemoveDirectory)


def test_a_directory_that_was_only_made_is_removed():
    """The caller leaves before anything is laid into it."""
    drive = Drive(inline=False)
    drive.tell(Submitted((TaskInfo("t1", "work", 10),)))
    drive.tell(Prepared(drive.last(Prepare).id, "/runs/one"))
    drive.tell(CloseAsked(abort=True))
    drive.tell(Settled(("t1",)))
    for action in [*_asked(drive, Errand), *_asked(drive, MakeDirectory)]:
        drive.tell(Done(action.id))
    assert drive.all(RemoveDirectory)


def test_a_worker_that_was_ended_from_outside_has_left_no_outcome():
    """What that means is being asked for when its agent gives up: nothing is left to collect."""
    drive = Drive()
    drive.serve("t1")
    drive.wait(0.1)
    died = Died("t1", 0, True, 3000.0, "was ended by SIGTERM", 15, memory=False, outside=True)
    records = (Up("n", "fcx-001"), Running("t1", 0, 0, first=True), died)
    drive.tell(LogRead(drive.last(ReadLog).id, (*records, InitializerDied("no dill")), 400))
    assert drive.last(Settle).trouble.error == "InitializerFailed"
    assert not drive.core.ending.left_open


def test_what_fails_after_the_last_outcome_breaks_nothing():
    """The caller has closed, and has all that it wants."""
    drive = Drive()
    drive.serve("t1")
    drive.tell(CloseAsked(abort=False))
    drive.wait(0.1)
    records = (Up("n", "fcx-001"), Running("t1", 0, 0, first=True), Finished("t1", 0, 0.1))
    drive.tell(LogRead(drive.last(ReadLog).id, (*records, InitializerDied("no dill")), 400))
    assert drive.last(Settle).trouble is None
    assert not drive.all(Broken)


def test_without_the_claims_nobody_knows_what_was_begun():
    """Somebody has removed their folder: no further pilot begins it all anew."""
    drive = Drive()
    drive.serve("t1")
    drive.wait(0.1)
    records = (Up("n", "fcx-001"), Left("closed"))
    drive.tell(LogRead(drive.last(ReadLog).id, records, 200))
    drive.wait(0.1)
    drive.fails(drive.last(ListLinks), "missing")
    assert drive.last(Settle).trouble.error == "RunLost"
    assert len(drive.all(SubmitPilot)) == 1


def _asked(drive, kind):
    """What is asked for and not answered."""
    under_way = drive.core.requests.under_way.values()
    return [u.action for u in under_way if u.again is None and isinstance(u.action, kind)]


def test_what_a_dead_agent_had_claimed_may_have_begun():
    """Its word that it had was not written yet: the attempt is told of all the same."""
    drive = Drive(max_workers=1)
    drive.serve("t1")
    drive.wait(0.1)
    drive.tell(LogRead(drive.last(ReadLog).id, (Up("n", "fcx-001"),), 100))
    for _ in range(200):
        drive.wait(0.5)
        for action in _asked(drive, ListJobs):
            drive.tell(JobsListed(action.id, (JobSeen("7", "NODE_FAIL"),), 0.1))
        for action in _asked(drive, ListFolder):
            drive.tell(FilesListed(action.id, (("7.0.0.0", 100),)))
        for action in _asked(drive, ReadLog):
            drive.tell(LogRead(action.id, (), 0))
        for action in _asked(drive, ListLinks):
            drive.tell(LinksListed(action.id, (("b000001.0", "7.0.0"),)))
    task = drive.core.tasks.unfinished["t1"]
    assert task.attempt == 1
    assert task.charged == 0
    job, how = task.runs[0]
    assert job == "7"
    assert "perhaps begun" in how


def test_what_fails_once_all_is_given_breaks_nothing():
    """The last task has its outcome, and in the same breath the workers fail: that is a warning."""
    drive = Drive()
    drive.serve("t1")
    drive.tell(CloseAsked(abort=False))
    drive.wait(0.1)
    records = (Up("n", "fcx-001"), Finished("t1", 0, 0.1), InitializerDied("no dill"))
    drive.tell(LogRead(drive.last(ReadLog).id, records, 300))
    assert not drive.all(Broken)
    assert drive.last(Settle).trouble is None
    assert any("no dill" in note.text and note.level == "warning" for note in drive.all(Say))

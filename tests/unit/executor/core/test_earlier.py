"""A run that goes on: what is asked for again is the task that there is."""

from __future__ import annotations

from driving import Drive

from fcx.executor.core.actions import (
    AskJob,
    CancelJob,
    Encode,
    Fetch,
    Found,
    ListFolder,
    ListJobs,
    ListLinks,
    ReadInbox,
    ReadLog,
    ReadOutput,
    RecordEnd,
    RecordTasks,
    RemoveDirectory,
    Reopen,
    Same,
    Say,
    Settle,
    SubmitPilot,
    TakeOver,
    WriteClosed,
)
from fcx.executor.core.events import (
    Attached,
    CloseAsked,
    Done,
    Encoded,
    FilesListed,
    Finished,
    InboxRead,
    JobAnswered,
    JobSeen,
    JobsListed,
    LinksListed,
    LogRead,
    OutputRead,
    Owned,
    Settled,
    Submitted,
    TaskInfo,
    Up,
)

PILOTS = (("fcx-001", "7"),)


def info(task: str, key: str = "", size: int = 10) -> TaskInfo:
    """A task as it is submitted, or (with no size) as the journal has it."""
    return TaskInfo(task, "work", size, key=key)


def resumed(*tasks: TaskInfo, pilots=PILOTS, **limits) -> Drive:
    """A named run that goes on with these tasks."""
    drive = Drive(durable=True, **limits)
    drive.tell(Attached(tasks, (0,) * len(tasks), pilots, by_key=True, epoch=0))
    drive.tell(Owned(drive.last(TakeOver).id, 2))
    return drive


def inbox(drive: Drive, *tasks: TaskInfo, **more) -> None:
    """All tasks lie in one bundle."""
    rows = tuple((task, "b000001", number) for number, task in enumerate(tasks))
    attempts = (0,) * len(tasks)
    drive.tell(InboxRead(drive.last(ReadInbox).id, rows, last=1, attempts=attempts, **more))


def look(drive: Drive, *records) -> None:
    """The log of the only agent says so."""
    before = len(drive.all(ListFolder))
    while len(drive.all(ListFolder)) == before:
        drive.wait(0.1)
    drive.tell(FilesListed(drive.last(ListFolder).id, (("7.0.0.0", 300),)))
    drive.tell(LogRead(drive.last(ReadLog).id, (Up("n", "fcx-001"), *records), 300))


def leave(drive: Drive) -> None:
    """The caller has its outcomes and leaves; nothing else is answered any more."""
    drive.tell(CloseAsked(abort=False))
    for _ in range(2):  # what was under way, and then a last look
        for waiting in list(drive.core.requests.under_way.values()):
            if not isinstance(waiting.action, CancelJob | RecordEnd):
                drive.fails(waiting.action, "missing")


def test_an_outcome_waits_until_it_is_asked_for():
    """It is given at once then, under the id that the task has."""
    drive = resumed(info("t1", "a", 0), info("t2", "b", 0))
    drive.tell(Submitted((info("u2", "b"),)))
    assert drive.last(Same) == Same("u2", "t2")
    inbox(drive, info("t1", "a"), info("t2", "b"))
    look(drive, Finished("t1", 0, 0.1), Finished("t2", 0, 0.1))
    assert [note.task for note in drive.all(Settle)] == ["t2"]
    drive.tell(Submitted((info("u1", "a"),)))
    assert [note.task for note in drive.all(Settle)] == ["t2", "t1"]
    assert not drive.all(SubmitPilot)
    assert not drive.all(RecordTasks)


def test_a_large_outcome_is_fetched_once_it_is_asked_for():
    """Nobody may want it."""
    drive = resumed(info("t1", "a", 0), info("t2", "b", 0))
    drive.tell(Submitted((info("u2", "b"),)))
    inbox(drive, info("t1", "a"), info("t2", "b"))
    look(drive, Finished("t1", 0, 0.1, parts=3))
    assert not drive.all(Fetch)
    drive.tell(Submitted((info("u1", "a"),)))
    assert drive.last(Fetch).task == "t1"


def test_another_key_is_another_task():
    """So is the same key once more."""
    drive = resumed(info("t1", "a", 0), pilots=())
    inbox(drive, info("t1", "a"))
    drive.tell(Submitted((info("u1", "a"), info("u2", "c"), info("u3", "a"))))
    drive.wait(0.1)
    assert drive.last(RecordTasks).tasks == (("u2", 0), ("u3", 0))


def test_what_was_never_sent_is_sent_now():
    """The journal comes first: its task may have got no further."""
    drive = resumed(info("t1", "a", 0), pilots=())
    drive.tell(Submitted((info("u1", "a"),)))
    drive.fails(drive.last(ReadInbox), "missing")
    drive.wait(0.1)
    assert drive.last(RecordTasks).tasks == (("t1", 1),)
    assert not drive.all(Settle)


def test_what_no_journal_had_is_found_in_the_inbox():
    """Even where it was asked for before the inbox was read."""
    drive = resumed(pilots=PILOTS)
    drive.tell(Submitted((info("u1", "a"), info("u2", "b"))))
    inbox(drive, info("t1", "a"))
    assert drive.last(Same) == Same("u1", "t1")
    drive.wait(0.1)
    assert drive.last(RecordTasks).tasks == (("u2", 0),)


def test_what_was_called_back_is_a_new_task_for_who_asks_again():
    """Agents have dropped its old id for good."""
    drive = resumed(info("t1", "a", 0), pilots=())
    drive.tell(Submitted((info("u1", "a"),)))
    inbox(drive, info("t1", "a"), cancelled=("t1",))
    drive.wait(0.1)
    assert drive.all(Same) == [Same("u1", "t1"), Same("t1", "u1")]
    assert drive.last(RecordTasks).tasks == (("u1", 0),)


def test_tasks_that_nobody_asks_for_keep_their_pilots():
    """They are said, not cancelled, and nothing is removed."""
    drive = resumed(info("t1", "a", 0), info("t2", "b", 0))
    drive.tell(Submitted((info("u2", "b"),)))
    inbox(drive, info("t1", "a"), info("t2", "b"))
    look(drive, Finished("t2", 0, 0.1))
    drive.tell(Settled(("t2",)))
    leave(drive)
    assert "1 task(s) of run run were not asked for again" in drive.last(Say).text
    assert not any(drive.all(kind) for kind in (CancelJob, WriteClosed, RemoveDirectory))
    assert drive.last(RecordEnd).kept


def test_leaving_ends_the_pilots_and_keeps_the_outcomes():
    """No word is left that would turn later pilots away."""
    drive = resumed(info("t1", "a", 0))
    drive.tell(Submitted((info("u1", "a"),)))
    inbox(drive, info("t1", "a"))
    look(drive, Finished("t1", 0, 0.1))
    drive.tell(Settled(("t1",)))
    leave(drive)
    assert drive.last(CancelJob).job == "7"
    drive.done(CancelJob)
    assert not drive.all(WriteClosed)
    assert not drive.all(RemoveDirectory)
    assert drive.last(RecordEnd).kept


def test_a_word_that_the_run_is_over_is_taken_back_first():
    """Pilots that begin later would leave at once."""
    drive = Drive()
    drive.tell(Attached((info("t1", size=0),), (0,), ()))
    inbox(drive, info("t1"), closed=True)
    assert not drive.core.adoption.done
    drive.tell(Done(drive.last(Reopen).id))
    assert drive.core.adoption.done


def test_whoever_attached_hears_of_tasks_that_no_journal_had():
    """They are waited for like the others."""
    drive = Drive()
    drive.tell(Attached((), (), PILOTS))
    inbox(drive, info("t1"))
    assert [task.id for task in drive.last(Found).tasks] == ["t1"]
    look(drive, Finished("t1", 0, 0.1))
    assert drive.last(Settle).task == "t1"


def test_a_pilot_that_no_journal_had_counts():
    """Its log says who it is."""
    drive = resumed(info("t1", "a", 0), pilots=())
    drive.tell(Submitted((info("u1", "a"),)))
    inbox(drive, info("t1", "a"))
    look(drive)
    assert [pilot.name for pilot in drive.core.fleet.pilots if pilot.phase == "up"] == ["fcx-001"]


def taken(drive: Drive) -> None:
    """The next listing of the logs shows that another client has come."""
    before = len(drive.all(ListFolder))
    while len(drive.all(ListFolder)) == before:
        drive.wait(1.0)
    drive.tell(FilesListed(drive.last(ListFolder).id, (("7.0.0.0", 300), ("client-3", 0))))


def test_a_client_that_another_follows_stops_and_harms_nothing():
    """Its tasks go on there."""
    drive = resumed(info("t1", "a", 0), info("t2", "b", 0))
    drive.tell(Submitted((info("u1", "a"), info("u2", "b"))))
    inbox(drive, info("t1", "a"), info("t2", "b"))
    look(drive, Finished("t1", 0, 0.1))
    taken(drive)
    settled = {note.task: note.trouble for note in drive.all(Settle)}
    assert settled["t1"] is None
    assert settled["t2"].error == "RunTaken"
    drive.tell(Settled(("t1",)))
    drive.tell(Settled(("t2",)))
    leave(drive)
    assert drive.core.ending.stage == "over"
    harm = (CancelJob, WriteClosed, RemoveDirectory, RecordEnd)
    assert not any(drive.all(kind) for kind in harm)


def test_it_looks_once_more_before_it_removes_anything():
    """A run that was begun without a name may have been collected, too."""
    drive = Drive()
    drive.serve("t1")
    drive.wait(0.1)
    drive.tell(LogRead(drive.last(ReadLog).id, (Up("n", "fcx-001"), Finished("t1", 0, 0.1)), 200))
    drive.tell(Settled(("t1",)))
    drive.wait(100.0)
    drive.tell(CloseAsked(abort=False))
    drive.tell(FilesListed(drive.last(ListFolder).id, (("client-2", 0),)))
    assert drive.core.ending.stage == "over"
    assert "was taken over by another client" in drive.last(Say).text
    assert not any(drive.all(kind) for kind in (WriteClosed, RemoveDirectory, RecordEnd))


def test_what_each_client_sends_has_numbers_of_its_own():
    """So neither writes over what the other has sent, and agents see which is the newer."""
    drive = resumed(pilots=PILOTS)
    drive.tell(Submitted((info("u1", "a"),)))
    inbox(drive)
    drive.wait(0.1)
    drive.done(RecordTasks)
    assert drive.last(Encode).bundle == "b100000001"
    assert drive.core.fleet.take_name("fcx") == "fcx-1001"


def test_a_run_without_a_directory_belongs_to_whoever_asks():
    """Nobody has sent anything."""
    drive = Drive(durable=True)
    drive.tell(Attached((), (), (), by_key=True, epoch=0))
    drive.fails(drive.last(TakeOver), "missing")
    assert drive.all(ReadInbox)


def test_what_was_never_sent_does_not_wait_for_a_pilot_that_works():
    """It may be busy for hours; once it has begun, its script has brought what it has."""
    drive = resumed(info("t1", "a", 0), info("t2", "b", 0))
    drive.tell(Submitted((info("u1", "a"), info("u2", "b"))))
    inbox(drive, info("t1", "a"))
    look(drive)
    inbox(drive, info("t1", "a"))  # it has begun: the inbox is read again
    assert not drive.all(RecordTasks)
    drive.wait(5.1)
    inbox(drive, info("t1", "a"))
    drive.wait(0.1)
    assert drive.last(RecordTasks).tasks == (("t2", 1),)
    assert len(drive.all(ReadInbox)) == 3


def test_nor_does_whoever_attached():
    """A payload that is gone is said to be."""
    drive = Drive()
    drive.tell(Attached((info("t1", size=0), info("t2", size=0)), (0, 0), PILOTS))
    inbox(drive, info("t1"))
    look(drive)
    inbox(drive, info("t1"))
    drive.wait(5.1)
    inbox(drive, info("t1"))
    trouble = drive.last(Settle).trouble
    assert drive.last(Settle).task == "t2"
    assert "never sent" in trouble.message


def test_a_pilot_that_no_journal_had_brings_its_tasks():
    """In its script; what came of them may even be read before they are known."""
    drive = Drive()
    drive.tell(Attached((info("t1", size=0),), (0,), PILOTS))
    inbox(drive, info("t1"))
    drive.wait(1.0)
    listed = (("7.0.0.0", 100), ("8.0.0.0", 200))
    drive.tell(FilesListed(drive.last(ListFolder).id, listed))
    first, second = drive.all(ReadLog)[-2:]
    drive.tell(LogRead(first.id, (Up("n", "fcx-001"),), 100))
    drive.tell(LogRead(second.id, (Up("n", "fcx-009"), Finished("t2", 0, 0.1)), 200))
    inbox(drive, info("t1"), info("t2"))
    assert [task.id for task in drive.last(Found).tasks] == ["t2"]
    assert drive.last(Settle).task == "t2"
    assert drive.last(Settle).trouble is None


def test_jobs_that_ended_before_a_run_goes_on_are_no_sign_for_those_to_come():
    """The last client cancelled what it did not need; scancel may have, or Slurm forgotten them."""
    pilots = tuple((f"fcx-{number:03d}", str(number)) for number in range(1, 8))
    drive = resumed(pilots=pilots)
    drive.tell(Submitted((info("u1", "a"),)))
    inbox(drive)
    known = tuple(JobSeen(str(number), "CANCELLED") for number in range(1, 6))
    answers = {
        ListJobs: lambda action: JobsListed(action, known, 0.1),
        AskJob: lambda action: JobAnswered(action, None),
        ReadInbox: lambda action: InboxRead(action, ()),
        ListFolder: lambda action: FilesListed(action, ()),
        ListLinks: lambda action: LinksListed(action, ()),
        ReadOutput: lambda action: OutputRead(action, ""),
        Encode: lambda action: Encoded(action, 100),
    }
    while not drive.all(SubmitPilot) and drive.now < 120:
        drive.wait(1.0)
        for waiting in list(drive.core.requests.under_way.values()):
            drive.tell(answers.get(type(waiting.action), Done)(waiting.action.id))
    assert drive.all(SubmitPilot)
    assert not drive.all(Settle)
    assert not [note.text for note in drive.all(Say) if note.text.startswith("Job ")]


def test_what_is_found_once_the_caller_has_left_is_nobodys():
    """No journal has it: a future of it would never settle, so it stays where it lies."""
    drive = Drive()
    drive.tell(Attached((), (), PILOTS, epoch=2))
    drive.tell(CloseAsked(abort=True))
    inbox(drive, info("t1"))
    assert not drive.all(Found)
    drive.tell(FilesListed(drive.last(ListFolder).id, ()))
    drive.done(CancelJob)
    drive.done(WriteClosed)
    assert drive.last(WriteClosed).word == "keep"
    assert drive.last(RecordEnd).kept


def test_nobody_counts_as_gone_before_the_logs_were_looked_for():
    """The journal lacks the pilot that runs the task: it must not be run a second time."""
    drive = Drive()
    drive.tell(Attached((info("t1", size=0),), (0,), (), epoch=2))
    inbox(drive, info("t1"))
    assert not drive.all(ListLinks)
    drive.wait(0.1)
    drive.tell(FilesListed(drive.last(ListFolder).id, (("7.0.0.0", 300),)))
    drive.tell(LinksListed(drive.last(ListLinks).id, (("b000001.0", "7.0.0"),)))
    assert drive.core.tasks.unfinished["t1"].bundle == "b000001"
    assert not drive.all(RecordTasks)

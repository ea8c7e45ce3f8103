"""Lanes of one run: each has its verdict, its queue and its pilots, and fails alone."""

from __future__ import annotations

import pytest
from driving import Drive

from fcx.executor.core import Limits, Words
from fcx.executor.core.actions import (
    Broken,
    CancelJob,
    Encode,
    Judge,
    Prepare,
    ReadInbox,
    RecordPilot,
    RecordTasks,
    Settle,
    SubmitPilot,
    UploadOrder,
)
from fcx.executor.core.events import (
    Attached,
    Broke,
    Done,
    Encoded,
    HandedBack,
    InboxRead,
    JobMade,
    Judged,
    Left,
    Prepared,
    Shaped,
    Submitted,
    TaskInfo,
    Trouble,
    Up,
)
from fcx.executor.core.fleet import Pilot
from fcx.executor.core.lanes import TURN
from fcx.executor.core.logs import Cursor
from fcx.protocol.names import Incarnation

WIDE = Limits(max_workers=4, workers_per_node=2, words=Words(pilots="wide", shape=" with --wide"))
REFUSED = Trouble("ParityError", "It is another place.")


def submit(drive: Drive, *tasks: tuple[str, int]) -> None:
    """Tasks with the shapes of their pilots."""
    drive.tell(Submitted(tuple(TaskInfo(name, "work", 10, shape=shape) for name, shape in tasks)))


def go_on(drive: Drive) -> None:
    """All errands are done, and jobs are made, until nothing is asked for."""
    done = 0
    while done < len(drive.asked):
        action, done = drive.asked[done], done + 1
        if isinstance(action, Prepare):
            drive.tell(Prepared(action.id, "/runs/one"))
        elif isinstance(action, (RecordTasks, RecordPilot)):
            drive.tell(Done(action.id))
        elif isinstance(action, Encode):
            drive.tell(Encoded(action.id, 100))
        elif isinstance(action, SubmitPilot):
            drive.tell(JobMade(action.id, str(100 + len(drive.all(SubmitPilot))), repeated=False))
        if done == len(drive.asked):
            drive.wait(0.05)


def begun(*, like: int = 1, is_open: bool = True) -> Drive:
    """A run with two lanes, each with a task."""
    drive = Drive()
    drive.tell(Shaped(1, WIDE, like, is_open))
    submit(drive, ("t0", 0), ("t1", 1))
    go_on(drive)
    return drive


def test_a_task_travels_with_those_of_its_shape_to_a_pilot_of_that():
    """With as many workers, and under a name of its own."""
    drive = begun()
    assert {e.shape: e.tasks for e in drive.all(Encode)} == {0: (("t0", 0),), 1: (("t1", 0),)}
    pilots = {pilot.shape: (pilot.workers, pilot.pilot) for pilot in drive.all(SubmitPilot)}
    assert pilots == {0: ((1,), "fcx-001"), 1: ((2,), "wide-002")}


def test_payload_waits_for_the_verdict_of_its_own_lane():
    """That of the other says nothing of this place; the pilot comes with nothing, and probes."""
    drive = begun(is_open=False)
    assert [encode.shape for encode in drive.all(Encode)] == [0]
    (probing,) = (pilot for pilot in drive.all(SubmitPilot) if pilot.shape == 1)
    assert (probing.open, probing.bundles) == (False, ())
    cursor = next(c for c in drive.core.fleet.pilots if c.shape == 1)
    drive.core.outcomes.on_record(_cursor(cursor.job), Up("n", cursor.name, probe=1))
    drive.wait(0.1)
    judge = drive.last(Judge)
    assert judge.shape == 1
    drive.tell(Judged(judge.id, 0))
    go_on(drive)
    assert [encode.shape for encode in drive.all(Encode)] == [0, 1]


def _cursor(job: str) -> Cursor:
    return Cursor(Incarnation(job, 0, 0))


def test_one_verdict_serves_the_lanes_that_share_it():
    """What is remembered of one place is so for both."""
    drive = begun(like=0, is_open=False)
    assert sorted(encode.shape for encode in drive.all(Encode)) == [0, 1]


def test_a_lane_that_is_refused_fails_alone_and_later_tasks_of_it_at_once():
    """Its pilots are ended; the other goes on."""
    drive = begun(is_open=False)
    drive.tell(Broke(REFUSED, 1))
    (broken,) = drive.all(Broken)
    assert (broken.shape, broken.trouble) == (1, REFUSED)
    assert [(settle.task, settle.trouble) for settle in drive.all(Settle)] == [("t1", REFUSED)]
    assert [cancel.job for cancel in drive.all(CancelJob)] == [
        pilot.job for pilot in drive.core.fleet.pilots if pilot.shape == 1
    ]
    submit(drive, ("t2", 1), ("t3", 0))
    assert [settle.task for settle in drive.all(Settle)] == ["t1", "t2"]
    assert drive.core.ending.stage == "open"
    go_on(drive)
    assert drive.last(Encode).tasks == (("t3", 0),)


def test_the_last_lane_that_breaks_is_the_end_of_the_run():
    """As it is where there is only one."""
    drive = begun(is_open=False)
    drive.tell(Broke(REFUSED, 1))
    drive.tell(Broke(REFUSED, 0))
    assert [broken.shape for broken in drive.all(Broken)] == [1, None]
    assert drive.core.ending.broken == REFUSED


def test_what_concerns_the_run_breaks_all_lanes():
    """A directory that is gone is gone for each."""
    drive = begun()
    drive.tell(Broke(Trouble("RunLost", "it is gone"), 1))
    assert [broken.shape for broken in drive.all(Broken)] == [None]


def test_a_job_that_is_made_after_its_lane_broke_is_cancelled():
    """Nobody would hear of it otherwise."""
    drive = Drive()
    drive.tell(Shaped(1, WIDE, 1, open=True))
    submit(drive, ("t1", 1))
    drive.tell(Prepared(drive.last(Prepare).id, "/runs/one"))
    drive.wait(0.05)
    drive.done(RecordTasks)
    drive.tell(Encoded(drive.last(Encode).id, 100))
    drive.done(RecordPilot)
    drive.tell(Broke(REFUSED, 1))
    assert not drive.all(CancelJob)
    drive.tell(JobMade(drive.last(SubmitPilot).id, "7", repeated=False))
    assert [cancel.job for cancel in drive.all(CancelJob)] == ["7"]


def up(drive: Drive) -> tuple[Pilot, Cursor]:
    """The only pilot there is has come up."""
    (pilot,) = drive.core.fleet.pilots
    cursor = _cursor(pilot.job)
    drive.core.logs.cursors[cursor.incarnation] = cursor
    drive.core.outcomes.on_record(cursor, Up("n", pilot.name))
    return pilot, cursor


def test_pilots_of_one_lane_make_room_for_the_tasks_of_another():
    """max_workers counts for all of them: one is told to leave, which costs no task anything."""
    drive = Drive(max_workers=1)
    drive.tell(Shaped(1, Limits(max_workers=1), 1, open=True))
    submit(drive, ("t0", 0))
    go_on(drive)
    submit(drive, ("t1", 1))
    go_on(drive)
    assert [pilot.shape for pilot in drive.all(SubmitPilot)] == [0]
    pilot, cursor = up(drive)
    drive.wait(0.1)
    drive.core.tasks.settle(drive.core.tasks.unfinished["t0"], attempt=0)
    drive.core.logs.look.end()
    drive.wait(0.1)
    assert drive.last(UploadOrder).cancel == (pilot.name,)
    assert not drive.all(CancelJob)
    cursor.ended = "time"
    drive.core.outcomes.on_record(cursor, Left("time"))
    drive.wait(0.1)
    go_on(drive)
    assert [each.shape for each in drive.all(SubmitPilot)] == [0, 1]


@pytest.mark.parametrize(("reason", "leaves"), [("Resources", True), ("Priority", False)])
def test_idle_pilots_make_room_where_they_may_hold_what_another_lane_waits_for(reason, leaves):
    """Though max_workers would allow both: Slurm has no node for the other."""
    drive = Drive(max_workers=4)
    drive.tell(Shaped(1, Limits(max_workers=4), 1, open=True))
    submit(drive, ("t0", 0))
    go_on(drive)
    pilot, _ = up(drive)
    drive.core.tasks.settle(drive.core.tasks.unfinished["t0"], attempt=0)
    drive.wait(0.1)
    submit(drive, ("t1", 1))
    go_on(drive)
    other = drive.core.fleet.pilots[-1]
    assert other.shape == 1
    assert not pilot.retires
    other.heard.reason = reason
    drive.core.logs.look.end()
    drive.wait(0.1)
    assert pilot.retires is leaves


def test_a_lane_that_works_has_a_turn_before_it_makes_room():
    """Or pilots would come for one task each; what goes back for it is not counted."""
    drive = Drive(max_workers=1)
    drive.tell(Shaped(1, Limits(max_workers=1), 1, open=True))
    submit(drive, ("t0", 0), ("t1", 0))
    go_on(drive)
    pilot, cursor = up(drive)
    drive.core.logs.look.end()
    submit(drive, ("t2", 1))
    drive.wait(TURN - 1.0)
    drive.core.logs.look.end()
    drive.wait(0.1)
    assert not drive.all(UploadOrder)
    drive.wait(2.0)
    drive.core.logs.look.end()
    drive.wait(0.1)
    assert drive.last(UploadOrder).cancel == (pilot.name,)
    drive.core.outcomes.on_record(cursor, HandedBack((("t1", 0),)))
    assert drive.core.tasks.unfinished["t1"].returned == 0


def test_a_task_that_turns_out_to_be_of_a_lane_that_broke_ends_with_it():
    """The journal did not say whose it is; the inbox does, later."""
    drive = Drive()
    drive.tell(Shaped(1, WIDE, 1, open=True))
    drive.tell(Attached((TaskInfo("t1", "work", 0),), (0,), (("wide-001", "7"),)))
    drive.tell(Broke(REFUSED, 1))
    assert not drive.all(Settle)
    row = TaskInfo("t1", "work", 10, shape=1), "b000001", 0
    drive.tell(InboxRead(drive.last(ReadInbox).id, (row,), last=1, attempts=(0,)))
    drive.wait(0.1)
    assert [(settle.task, settle.trouble) for settle in drive.all(Settle)] == [("t1", REFUSED)]


def test_a_task_that_was_lost_before_it_was_known_whose_it_is_goes_where_it_belongs():
    """It waits in the queue of its shape then."""
    drive = Drive()
    drive.tell(Shaped(1, WIDE, 1, open=True))
    drive.tell(Attached((TaskInfo("t1", "work", 0),), (0,), ()))
    task = drive.core.tasks.unfinished["t1"]
    drive.core.tasks.back(task)
    row = TaskInfo("t1", "work", 10, shape=1), "b000001", 0
    drive.tell(InboxRead(drive.last(ReadInbox).id, (row,), last=1, attempts=(0,)))
    own, wide = (drive.core.tasks.queues[shape] for shape in (0, 1))
    assert (list(own.outbox), own.wanted) == ([], 0)
    assert wide.wanted == 1
    go_on(drive)
    assert [encode.shape for encode in drive.all(Encode)] == [1]

"""How many pilots a burst gets, by what is known of its tasks."""

from __future__ import annotations

import pytest
from driving import Drive

from fcx.executor.core.actions import CancelJob, ListFolder, ReadLog, Remember
from fcx.executor.core.crew import LEAST_RAMP, MOST_RAMP, RAMP, SETTLED, Demand
from fcx.executor.core.events import CloseAsked, FilesListed, Finished, LogRead, Recalled, Up

TASKS = tuple(f"t{number}" for number in range(8))


def knowing(seconds: float | None, *starts: float) -> Drive:
    """A client whose earlier runs have learnt how long tasks take, and pilots until they begin."""
    drive = Drive(max_workers=8)
    drive.tell(Recalled(0, () if seconds is None else (("", seconds),), starts))
    return drive


def pilots(drive: Drive) -> int:
    """Those that there are."""
    return len(drive.core.fleet.live())


def read(drive: Drive, *records: Up | Finished) -> None:
    """The only log has these."""
    while not (looks := [*drive.unanswered(ReadLog), *drive.unanswered(ListFolder)]):
        drive.wait(0.1)
    (log,) = looks
    if isinstance(log, ListFolder):
        drive.tell(FilesListed(log.id, (("7.0.0.0", 1000),)))
        (log,) = drive.unanswered(ReadLog)
    drive.tell(LogRead(log.id, records, 10 * len(records)))


def silent(drive: Drive, seconds: float) -> None:
    """The log has nothing new for so long."""
    until = drive.now + seconds
    while drive.now < until:
        drive.wait(0.1)
        for look in drive.unanswered(ReadLog):
            drive.tell(LogRead(look.id, (), 0), after=0.0)
        for look in drive.unanswered(ListFolder):
            drive.tell(FilesListed(look.id, ()), after=0.0)


def test_short_tasks_that_are_known_get_one_pilot_whatever_the_wait():
    """100 no-ops on 8 workers need no second job, though the queue is long."""
    drive = knowing(0.01, 300.0)
    drive.serve(*TASKS)
    drive.wait(250.0)
    assert pilots(drive) == 1
    assert drive.all(CancelJob) == []


def test_long_tasks_that_are_known_get_all_at_once():
    """Not some time after the first."""
    drive = knowing(60.0, 1.0)
    drive.submit(*TASKS)
    assert pilots(drive) == 8


def test_some_work_gets_as_many_as_have_enough_to_do():
    """Eight tasks of 1 s are four pilots' of 2 s."""
    drive = knowing(1.0)
    drive.submit(*TASKS)
    assert pilots(drive) == 4


@pytest.mark.parametrize(
    ("starts", "alone"),
    [((), RAMP), ((0.7, 5.0), 0.7 + SETTLED), ((600.0,), MOST_RAMP), ((0.0,), LEAST_RAMP)],
)
def test_the_first_of_unknown_tasks_stays_alone_until_it_has_shown_something(starts, alone):
    """Or until it should have, by how soon pilots begin."""
    drive = knowing(None, *starts)
    drive.serve(*TASKS)
    since = drive.core.fleet.pilots[0].submitted
    drive.wait(since + alone - 0.01 - drive.now)
    assert pilots(drive) == 1
    assert drive.core.due() == pytest.approx(since + alone)
    drive.wait(0.02)
    assert pilots(drive) == 8


def test_tasks_that_take_longer_than_ever_get_their_pilots_within_moments():
    """Of which the first was to be the only one."""
    drive = knowing(0.01, 0.5)
    drive.serve(*TASKS)
    drive.wait(1.0)
    read(drive, Up("n", "fcx-001"))
    assert pilots(drive) == 1
    silent(drive, 1.0)
    assert pilots(drive) == 8


def test_a_pilot_that_waits_proves_nothing():
    """Silence means something once one runs."""
    drive = knowing(0.01)
    drive.serve(*TASKS)
    silent(drive, 30.0)
    assert pilots(drive) == 1


def test_no_pilot_is_added_that_would_begin_once_the_work_is_done():
    """Those that wait already are kept, unless the work is over in moments."""
    slow = Demand(100, 8, 1, 0.1, start=60.0)
    assert slow.pilots(1, 0, alone=False) == 1
    assert slow.pilots(1, 4, alone=False) == 5
    assert Demand(100, 8, 1, 0.1, start=1.0).pilots(1, 0, alone=False) == 8
    assert Demand(100, 8, 1, 0.01, start=60.0).pilots(1, 4, alone=False) == 1


def test_what_was_learnt_is_told_once_nothing_is_owed():
    """And again only with news, and not at every turn; at the end at once."""
    drive = Drive(max_workers=1)
    drive.serve("t1", "t2", "t3")
    drive.wait(1.0)
    read(drive, Up("n", "fcx-001"), Finished("t1", 0, 0.5), Finished("t2", 0, 1.5))
    assert drive.all(Remember) == []
    silent(drive, 1.0)
    read(drive, Finished("t3", 0, 1.0))
    (told,) = drive.all(Remember)
    assert told.seconds == (("", 1.0),)
    (start,) = told.starts
    assert 1.0 < start < 2.0
    drive.tell(CloseAsked(abort=False))
    assert len(drive.all(Remember)) == 1

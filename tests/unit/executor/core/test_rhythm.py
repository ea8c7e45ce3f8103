"""When to look: when outcomes are expected; where nothing tells, quick, then slower."""

from __future__ import annotations

import heapq

import pytest
from driving import Drive

from fcx.executor.core.actions import Encode, ListFolder, ReadLog, RecordTasks, UploadBundle
from fcx.executor.core.events import (
    Allowed,
    AnyRecord,
    Done,
    Encoded,
    Failed,
    FilesListed,
    Finished,
    LogRead,
    Submitted,
    TaskInfo,
    Trouble,
    Up,
)

ANSWERED = 0.01  # seconds after which a look is


class Pilot:
    """One that is up; looks are answered with what has ended by the time that they are made."""

    def __init__(self, workers: int) -> None:
        self.drive = Drive(max_workers=workers, workers_per_node=workers)
        self.free = [0.0] * workers
        self.looks = self.tasks = self.told = 0
        self.ended: list[tuple[float, AnyRecord]] = []
        self.drive.tell(Allowed(60.0, 60.0))
        self.drive.serve("first")
        up = Up("node", "fcx-001")
        self.ended = [(self.drive.now + 0.5, up), (self.drive.now + 1.5, _outcome("first", 1.0))]
        self._look()

    def run(self, *seconds: float) -> float:
        """Tasks that take so long: how much later than the last of them ended that is known."""
        drive, names = self.drive, [f"t{self.tasks + number}" for number in range(len(seconds))]
        self.tasks += len(seconds)
        drive.tell(Submitted(tuple(TaskInfo(name, "work", 10, "w") for name in names)))
        drive.wait(0.05)
        drive.done(RecordTasks)
        drive.tell(Encoded(drive.last(Encode).id, 100))
        drive.tell(Done(drive.last(UploadBundle).id))
        self.free = [max(drive.now, at) for at in self.free]
        for name, took in zip(names, seconds, strict=True):
            at = heapq.heappop(self.free) + took
            heapq.heappush(self.free, at)
            self.ended.append((at, _outcome(name, took)))
        self.ended.sort(key=lambda each: each[0])
        last = self.ended[-1][0]
        self._look()
        return drive.now - last

    def _look(self) -> None:
        """Until all is known."""
        drive = self.drive
        while self.ended:
            asked, drive.asked = drive.asked, []
            for action in asked:
                if isinstance(action, ReadLog):
                    self._read(action)
                elif isinstance(action, ListFolder):
                    size = 100 * (self.told + sum(at <= drive.now for at, _ in self.ended))
                    drive.tell(FilesListed(action.id, (("7.0.0.0", size),)), ANSWERED)
            if not drive.asked:
                due = drive.core.due()
                assert due is not None
                drive.wait(max(0.0, due - drive.now))

    def _read(self, action: ReadLog) -> None:
        self.looks += 1
        there = [record for at, record in self.ended if at <= self.drive.now]
        del self.ended[: len(there)]
        self.told += len(there)
        self.drive.tell(LogRead(action.id, tuple(there), 100 * len(there)), ANSWERED)


def _outcome(task: str, seconds: float) -> Finished:
    return Finished(task, 0, seconds)


def test_grows_while_nothing_happens_up_to_sleep_interval() -> None:
    """And is quick again after news."""
    rhythm, now, pauses = Drive(sleep_interval=30.0).core.logs.rhythm, 0.0, []
    for _ in range(8):
        pauses.append(rhythm.pause(now))
        now += 60
    assert pauses == sorted(pauses)
    assert pauses[0] <= 0.1
    assert pauses[-1] == 30.0
    rhythm.over(now, now, news=True)
    assert rhythm.pause(now) < 1.0


def test_equal_tasks_one_after_the_other_are_looked_for_when_they_end() -> None:
    """Few looks for each, and none is late, once it is known how long they take."""
    pilot = Pilot(workers=1)
    late = [pilot.run(1.0) for _ in range(30)]
    assert max(late[10:]) < 0.1
    pilot.looks = 0
    pilot.run(1.0)
    assert pilot.looks <= 5


def test_waves_are_looked_at_as_they_end() -> None:
    """Twenty-five waves of eight tasks: some three looks for each, and the end at once."""
    pilot = Pilot(workers=8)
    pilot.run(*[1.0] * 16)
    pilot.looks = 0
    assert pilot.run(*[1.0] * 200) < 0.1
    assert pilot.looks <= 80


@pytest.mark.parametrize("seconds", [0.002, 0.1, 0.7])
def test_the_end_of_a_stream_is_seen_at_once(seconds: float) -> None:
    """Though looks are rare while there is more than workers can take."""
    pilot = Pilot(workers=8)
    pilot.run(*[seconds] * 40)
    pilot.looks = 0
    late = pilot.run(*[seconds * (1 + number % 7 / 100) for number in range(1000)])
    assert late < 0.15
    assert pilot.looks <= 15 + 1000 * seconds / 8 / 0.4


def test_a_task_that_fails_at_once_is_not_waited_for_as_long_as_others_took() -> None:
    """As long again as was waited, at most."""
    pilot = Pilot(workers=1)
    for _ in range(12):
        pilot.run(10.0)
    assert pilot.run(0.2) < 0.3
    assert pilot.run(2.0) < 2.1
    pilot.looks = 0
    assert pilot.run(20.0) < 8.0


def test_tasks_of_all_lengths_are_seen_in_a_share_of_what_they_take() -> None:
    """What they took before says little."""
    pilot = Pilot(workers=1)
    late = [(pilot.run(seconds), seconds) for seconds in [0.1, 3.0, 0.5, 1.0, 0.2, 2.0] * 4]
    assert all(each < 0.4 + 0.4 * seconds for each, seconds in late)


def test_nothing_is_looked_for_while_all_is_on_its_way_to_the_agents() -> None:
    """An upload may take a while."""
    pilot = Pilot(workers=1)
    pilot.run(1.0)
    drive, looks = pilot.drive, len(pilot.drive.all(ReadLog))
    drive.tell(Submitted((TaskInfo("late", "work", 10, "w"),)))
    drive.wait(0.05)
    drive.done(RecordTasks)
    drive.tell(Encoded(drive.last(Encode).id, 100))
    drive.wait(0.3)
    assert len(drive.all(ReadLog)) == looks
    drive.tell(Done(drive.last(UploadBundle).id))
    drive.wait(0.1)
    assert len(drive.all(ReadLog)) <= looks + 1


def test_a_stream_of_unknown_tasks_is_not_taken_for_as_slow_as_its_first() -> None:
    """The first of them imports what all need."""
    pilot = Pilot(workers=1)
    assert pilot.run(0.2, *[0.001] * 99) < 0.15


@pytest.mark.parametrize(("start", "looks"), [(0.0, 20), (1.0, 6)])
def test_the_first_word_of_a_pilot_is_looked_for_when_others_had_theirs(
    start: float, looks: int
) -> None:
    """Far fewer looks find nothing, and it is not heard later."""
    drive = Drive(max_workers=1)
    drive.core.lanes.of(0).crew.starts = [start * 1.2, start] if start else []
    drive.serve("t")
    up = drive.now + 1.02
    while drive.core.fleet.pilots[0].phase != "up":
        for action in [waiting.action for waiting in drive.core.requests.under_way.values()]:
            if isinstance(action, ReadLog) and drive.now >= up:
                drive.tell(LogRead(action.id, (Up("node", "fcx-001"),), 100), ANSWERED)
            elif isinstance(action, ReadLog):
                trouble = Trouble("NoSuchPath", "404")
                drive.tell(Failed(action.id, "missing", trouble), ANSWERED)
        drive.wait(max(0.0, (drive.core.due() or 0.0) - drive.now))
    assert drive.now - up < 0.2
    assert len(drive.all(ReadLog)) <= looks

"""Which bundles leave when: a stream of tasks is cut into few, and its first pilot does not wait."""

from __future__ import annotations

from driving import Drive

from fcx.executor.core.actions import (
    Encode,
    MakeDirectory,
    Prepare,
    RecordPilot,
    RecordTasks,
    SubmitPilot,
    UploadBundle,
)
from fcx.executor.core.events import Done, Encoded, Prepared, Submitted, TaskInfo

LETTERS = 0.005  # seconds after which more tasks come


ERRANDS = (Prepare, RecordTasks, Encode, RecordPilot, MakeDirectory)


def comes(drive: Drive, number: int, *, size: int, count: int = 50) -> None:
    """Another letter of the stream, after a moment; what does not take long is answered at once."""
    infos = (TaskInfo(f"t{number}-{one}", "work", size) for one in range(count))
    drive.tell(Submitted(tuple(infos)), 0.0)
    until = drive.now + LETTERS
    while (due := drive.core.due()) is not None and due < until:
        drive.wait(max(0.0, due - drive.now))
        errands(drive)
    drive.wait(until - drive.now)
    errands(drive)


def errands(drive: Drive) -> None:
    """All that waits for what this machine does."""
    for kind in ERRANDS:
        for action in drive.unanswered(kind):
            if isinstance(action, Prepare):
                drive.tell(Prepared(action.id, "/runs/one"), 0.0)
            elif isinstance(action, Encode):
                sizes = drive.core.tasks.in_bundle(action.bundle)
                drive.tell(Encoded(action.id, sum(task.info.size for task in sizes)), 0.0)
            else:
                drive.tell(Done(action.id), 0.0)


def uploads(drive: Drive) -> None:
    """What is on its way arrives."""
    for action in drive.unanswered(UploadBundle):
        drive.tell(Done(action.id), 0.0)
    errands(drive)


def test_a_stream_leaves_in_few_bundles():
    """Though who hands the tasks over rests for a moment after each letter."""
    drive = Drive(max_workers=8, workers_per_node=8)
    for number in range(400):  # two seconds
        comes(drive, number, size=10)
        uploads(drive)
    sent = [len(encode.tasks) for encode in drive.all(Encode)]
    assert sent[0] <= 100  # the pilot does not wait for more
    assert len(sent) <= 10


def test_the_first_pilot_does_not_wait_for_the_end_of_a_stream():
    """What is too large to ride with it is parted: the rest is uploaded."""
    drive = Drive(max_workers=8, workers_per_node=8)
    for number in range(20):
        comes(drive, number, size=5_000)
    (pilot,) = drive.all(SubmitPilot)
    assert pilot.bundles == ("b000001",)


def test_nor_where_no_task_can_ride_with_it():
    """Once the first lies there, there is something to do."""
    drive = Drive(max_workers=8, workers_per_node=8)
    for number in range(20):
        comes(drive, number, size=1_000_000, count=1)
    assert not drive.all(SubmitPilot)
    uploads(drive)
    assert drive.unanswered(UploadBundle)  # the next
    (pilot,) = drive.all(SubmitPilot)
    assert not pilot.bundles

"""Logs and results that were damaged, and what their owner is taken for all the same."""

from __future__ import annotations

from driving import Drive

from fcx.executor.core.actions import Broken, Fetch, ListLinks, ReadLog, Say, Settle, TellPending
from fcx.executor.core.events import AnyRecord, Fetched, Finished, Left, LogRead, Running, Up


def told(*records: AnyRecord, **limits: int) -> Drive:
    """One task, in a job whose log says this."""
    drive = Drive(max_workers=1, **limits)
    drive.serve("t0")
    while not drive.all(ReadLog):
        drive.wait(0.1)
    drive.tell(LogRead(drive.last(ReadLog).id, records, 100 * len(records)))
    return drive


LARGE = Finished("t0", 0, 1.0, 2, True)


class TestResults:
    """In files of their own, which may be read before they are whole."""

    def test_that_are_not_whole_are_fetched_again(self) -> None:
        """A shared file system shows a file's bytes late."""
        drive = told(Up("n", "fcx-001"), LARGE)
        drive.tell(Fetched(drive.last(Fetch).id, whole=False))
        drive.tell(Fetched(drive.last(Fetch).id, whole=True))
        assert len(drive.all(Fetch)) == 2
        assert drive.last(Settle).trouble is None

    def test_that_stay_damaged_are_charged(self) -> None:
        """The task runs again as often as after any other loss, not for ever."""
        drive = told(Up("n", "fcx-001"), LARGE, task_retries=0)
        for _ in range(3):
            drive.tell(Fetched(drive.last(Fetch).id, whole=False))
        assert len(drive.all(Fetch)) == 3
        trouble = drive.last(Settle).trouble
        assert trouble is not None
        assert trouble.error == "ResultError"
        assert "/runs/one is damaged" in trouble.message

    def test_that_stay_damaged_are_said(self) -> None:
        """With retries left it goes back to the queue at once, with its job's name."""
        drive = told(Up("n", "fcx-001"), LARGE)
        for _ in range(3):
            drive.tell(Fetched(drive.last(Fetch).id, whole=False))
        assert drive.last(TellPending).task == "t0"
        assert any("will run again: The result of work" in say.text for say in drive.all(Say))


def test_an_agent_whose_first_line_was_damaged_came_up() -> None:
    """What it ran counts, and its job is not one that never served."""
    drive = told(Running("t0", 0, 0, True), Left("idle"))
    drive.wait(0.1)
    assert not drive.all(Broken)
    assert any(say.text == "Job 7 has ended" for say in drive.all(Say))
    assert drive.all(ListLinks)  # what it had claimed is asked, and goes back

"""What other threads ask of a run: in order, whole, and nothing is missed."""

from __future__ import annotations

from fcx.executor import reporting
from fcx.executor.core.events import CancelAsked, CloseAsked, Submitted, TaskInfo
from fcx.executor.future import FirecrestFuture
from fcx.executor.mailbox import SWEPT_FROM, Mailbox, NewTask, events_of


class Owner:
    """A future's owner that posts cancellations."""

    def __init__(self, mailbox):
        self.mailbox = mailbox

    def live_output(self, task, stream, start=0):
        return b""

    def cancel_task(self, task):
        self.mailbox.cancel(task)


def new(mailbox, name):
    task = NewTask(TaskInfo(name, "f", 1), b"x", FirecrestFuture(name, Owner(mailbox)))
    mailbox.submit(task)
    return task


def test_letters_become_events_in_their_order():
    """Tasks that come one after the other are one event; the driver is woken once."""
    woken = []
    mailbox = Mailbox(lambda: woken.append(1))
    one, two = new(mailbox, "t1"), new(mailbox, "t2")
    mailbox.cancel("t1")
    three = new(mailbox, "t3")
    mailbox.close(abort=False)
    assert woken == [1]
    events = events_of(mailbox.take())
    assert [event for event, _ in events] == [
        Submitted((one.info, two.info)),
        CancelAsked("t1"),
        Submitted((three.info,)),
        CloseAsked(abort=False),
    ]
    assert events[0][1] == (one, two)
    assert mailbox.take() == []


def test_cancel_pending_misses_none_that_is_just_being_taken_in():
    """Neither one in a letter, nor one that the loop has taken out of it; one that runs goes on."""
    mailbox = Mailbox(lambda: None)
    taken, runs = new(mailbox, "t1"), new(mailbox, "t2")
    mailbox.take()
    reporting.running(runs.future, "7")
    waiting = new(mailbox, "t3")
    mailbox.cancel_pending()
    assert taken.future.cancelled()
    assert waiting.future.cancelled()
    assert runs.future.running()
    assert [event for event, _ in events_of(mailbox.take())] == [
        Submitted((waiting.info,)),
        CancelAsked("t1"),
        CancelAsked("t3"),
    ]


def test_a_settled_task_is_forgotten():
    """Its future belongs to the caller alone."""
    mailbox = Mailbox(lambda: None)
    task = new(mailbox, "t1")
    assert mailbox.future("t1") is task.future
    mailbox.settled(["t1"])
    assert mailbox.future("t1") is None


def test_of_futures_that_nobody_has_little_is_kept():
    """Those that somebody has are found, however many others ended."""
    mailbox = Mailbox(lambda: None)
    kept = new(mailbox, "kept")
    mailbox.settled(["kept"])
    for number in range(5 * SWEPT_FROM):
        new(mailbox, f"t{number}")
        mailbox.take()
        mailbox.settled([f"t{number}"])
    assert mailbox.done("kept") is kept.future
    assert mailbox.done("t0") is None
    assert len(mailbox._done._known) <= SWEPT_FROM + 1

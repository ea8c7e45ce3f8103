"""What a failure costs a task, and which tasks leave together."""

from __future__ import annotations

import pytest

from fcx.executor.core import Core, Limits
from fcx.executor.core.actions import Encode, Prepare, RecordTasks, Settle
from fcx.executor.core.budget import Budget
from fcx.executor.core.events import (
    Began,
    CancelAsked,
    Done,
    Prepared,
    Submitted,
    TaskInfo,
    Ticked,
    Trouble,
)
from fcx.executor.core.fates import Fate, time_limit
from fcx.executor.core.requests import Requests
from fcx.executor.core.tasks import MOST_RETURNS, Tasks

NODE = Fate("node", Trouble("NodeFailed", "gone"))


class Ledger:
    """Tasks, with what they ask for."""

    def __init__(self, retries=2):
        self.requests = Requests(Budget(), 900.0, self.broken)
        self.tasks = Tasks(self.requests, retries)

    def broken(self, trouble):
        raise AssertionError(trouble)

    def one(self, name="t1", **values):
        """A task that has left the outbox."""
        (task,) = self.tasks.add([TaskInfo(name, "name", 7, "f")])
        self.tasks.queues[0].outbox.clear()
        for key, value in values.items():
            setattr(task, key, value)
        return task

    def settled(self):
        """The troubles of tasks that were settled."""
        return [note.trouble for note in self.requests.taken() if isinstance(note, Settle)]


class TestLoss:
    """Tasks.lost and Tasks.back."""

    def test_cut_short_though_not_first_goes_back_uncharged(self):
        """It is owed a whole time limit: it runs first in a fresh pilot."""
        ledger = Ledger(retries=0)
        one = ledger.one(place=("7.0.0", 0), first=False)
        ledger.tasks.lost(one, time_limit("7"))
        assert not ledger.settled()
        assert (
            one.charged,
            list(ledger.tasks.queues[0].fresh),
            list(ledger.tasks.queues[0].outbox),
        ) == (0, [one], [])
        assert one.attempt == 1

    def test_cut_short_as_the_first_is_its_own_failure(self):
        """It had all of it."""
        ledger = Ledger()
        ledger.tasks.lost(ledger.one(place=("7.0.0", 0), first=True), time_limit("7"))
        assert [trouble.error for trouble in ledger.settled()] == ["TimeLimitExceeded"]

    def test_infrastructure_is_charged_up_to_the_retries(self):
        """Then the last failure is the task's error."""
        ledger = Ledger(retries=2)
        one = ledger.one()
        for attempt in (1, 2):
            one.place = "7.0.0", 0
            ledger.tasks.lost(one, NODE)
            assert (one.charged, one.attempt) == (attempt, attempt)
            assert not ledger.settled()
        one.place = "7.0.0", 0
        ledger.tasks.lost(one, NODE)
        assert ledger.settled() == [NODE.trouble]

    def test_a_task_that_was_only_claimed_is_not_charged(self):
        """It never began."""
        ledger = Ledger(retries=0)
        one = ledger.one()
        ledger.tasks.lost(one, NODE)
        assert not ledger.settled()
        assert (one.charged, list(ledger.tasks.queues[0].outbox)) == (0, [one])

    def test_but_does_not_go_back_for_ever(self):
        """Pilots that end before they begin it are a fault that somebody must see."""
        ledger = Ledger()
        one = ledger.one()
        for _ in range(MOST_RETURNS):
            ledger.tasks.back(one)
            assert not ledger.settled()
        ledger.tasks.back(one)
        assert [trouble.error for trouble in ledger.settled()] == ["NodeFailed"]

    @pytest.mark.parametrize("kind", ["own", "memory"])
    def test_the_tasks_own_failures_are_not_retried(self, kind):
        """Out of memory, an exit: the same would happen again."""
        ledger = Ledger()
        why = Fate(kind, Trouble("WorkerDied", "x"))
        ledger.tasks.lost(ledger.one(place=("7.0.0", 0)), why)
        assert ledger.settled() == [why.trouble]


def test_what_was_cancelled_does_not_leave():
    """And a bundle takes what fits, never nothing."""
    core = Core(Limits(max_workers=1))
    core.handle(Began(1, open=True), 0.0)
    sizes = (40 << 20, 7, 10 << 20, 40 << 20)  # more than a bundle
    tasks = tuple(TaskInfo(f"t{i}", "name", size) for i, size in enumerate(sizes))
    (prepare,) = core.handle(Submitted(tasks), 0.0)
    assert isinstance(prepare, Prepare)
    core.handle(CancelAsked("t1"), 0.0)
    (record,) = core.handle(Prepared(prepare.id, "/d"), 1.0)
    assert isinstance(record, RecordTasks)
    assert record.tasks == (("t0", 0), ("t2", 0))
    (encode,) = [a for a in core.handle(Done(record.id), 1.0) if isinstance(a, Encode)]
    assert encode.tasks == record.tasks
    assert not core.handle(Ticked(), 2.0)  # one bundle at a time

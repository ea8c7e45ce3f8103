"""Tasks that take the values of others: when they go out, and how they end if they cannot."""

from __future__ import annotations

import pytest
from driving import Drive
from msgspec.structs import replace

from fcx.executor.core.actions import (
    DropValue,
    Encode,
    Fetch,
    FetchLeft,
    KeepValue,
    Prepare,
    ReadInbox,
    ReadLog,
    RecordTasks,
    Settle,
    TakeOver,
)
from fcx.executor.core.budget import Budget
from fcx.executor.core.events import (
    Attached,
    CancelAsked,
    CloseAsked,
    Done,
    Finished,
    InboxRead,
    LeaveAsked,
    LogRead,
    Owned,
    Prepared,
    Settled,
    Submitted,
    TaskInfo,
    Trouble,
    Up,
)
from fcx.executor.core.fates import Fate
from fcx.executor.core.requests import Requests
from fcx.executor.core.tasks import Tasks


def info(task, *takes, key=""):
    """A task that takes these."""
    return TaskInfo(task, "work", 10, takes=takes, key=key)


class Ledger:
    """Tasks, and what they ask for."""

    def __init__(self, *infos):
        self.requests = Requests(Budget(), 900.0, pytest.fail)
        self.tasks = Tasks(self.requests, 2)
        self.tasks.add(infos)
        self.notes = []

    def __getitem__(self, name):
        return self.tasks.unfinished[name]

    @property
    def ready(self):
        """Names of those that may be sent."""
        outbox = self.tasks.queues[0].outbox
        return [task.id for task in outbox if task.id in self.tasks.unfinished]

    def ends(self, name, *, value=True):
        """A task has an outcome."""
        self.tasks.settle(self[name], attempt=0, value=value)

    def said(self, kind):
        """Notes of a kind so far."""
        self.notes += self.requests.taken()
        return [note for note in self.notes if isinstance(note, kind)]

    def settled(self):
        """(task, as which it ended, cancelled) in order."""
        return [(note.task, note.like, note.cancelled) for note in self.said(Settle)]


class TestWaiting:
    """Until there is what they take: in the inbox, if they can."""

    def test_counts_with_the_last_value(self):
        """No pilot is wanted for it before."""
        ledger = Ledger(info("a"), info("b"), info("c", "a", "b"))
        assert ledger.tasks.queues[0].wanted == 2
        assert ledger.tasks.wanted == 3
        ledger.ends("a")
        assert ledger.tasks.lacks(ledger["c"]) == ("b",)
        assert ledger.tasks.queues[0].wanted == 1
        ledger.ends("b")
        assert not ledger.tasks.lacks(ledger["c"])
        assert ledger.tasks.queues[0].wanted == 1

    def test_leaves_with_what_it_takes(self):
        """All at once, where pilots of one shape run them."""
        ledger = Ledger(info("a"), info("b", "a"), info("c", "b"))
        assert ledger.ready == ["a", "b", "c"]

    def test_leaves_after_what_others_run(self):
        """A client that died in between would leave it alone in the inbox."""
        ledger = Ledger(info("a"))
        ledger.tasks.add_queue(1)
        ledger.tasks.add([replace(info("b", "a"), shape=1), info("c", "b")])
        assert list(ledger.tasks.held) == ["b", "c"]
        ledger.tasks.placed(ledger["a"], "b000001", 0)
        assert list(ledger.tasks.held) == ["c"]
        assert [task.id for task in ledger.tasks.queues[1].released] == ["b"]
        ledger.tasks.placed(ledger["b"], "b000002", 0)
        assert not ledger.tasks.held
        assert [task.id for task in ledger.tasks.queues[0].released] == ["c"]

    def test_leaves_with_the_value_of_what_was_held_up(self):
        """However that came about."""
        ledger = Ledger(info("a"))
        ledger.tasks.add_queue(1)
        ledger.tasks.add([replace(info("b", "a"), shape=1)])
        ledger.ends("a")
        assert not ledger.tasks.held
        assert [task.id for task in ledger.tasks.queues[1].outbox] == ["b"]

    def test_stays_behind_with_what_it_takes(self):
        """What does not leave keeps others back."""
        ledger = Ledger(info("a"), info("b", "a"), info("c"))
        leave = ledger.tasks.parted([ledger["b"], ledger["c"]])
        assert [task.id for task in leave] == ["c"]
        assert list(ledger.tasks.held) == ["b"]

    def test_is_sent_anew_where_it_waits_for_another(self):
        """An earlier process has called that one back; what is submitted instead has a new name."""
        ledger = Ledger(info("a"), info("b", "a"))
        ledger.tasks.placed(ledger["a"], "b000001", 0)
        ledger.tasks.placed(ledger["b"], "b000001", 1)
        ledger.tasks.queues[0].outbox.clear()
        ledger.tasks.add([info("n")])
        ledger.tasks.renamed("a", "n")
        assert ledger["b"].info.takes == ("n",)
        assert (ledger["b"].attempt, ledger["b"].bundle) == (1, "")
        assert ledger.ready == ["n", "b"]

    def test_what_has_just_ended_will_do(self):
        """The caller may not have it yet."""
        ledger = Ledger(info("a"))
        ledger.ends("a")
        ledger.tasks.add([info("b", "a")])
        assert ledger.ready == ["b"]
        assert not ledger.tasks.waiting

    def test_it_is_sent_once_more_without_waiting(self):
        """The value is kept until it has an outcome."""
        ledger = Ledger(info("a"), info("b", "a"))
        ledger.ends("a")
        ledger.tasks.queues[0].outbox.clear()
        ledger["b"].place = ("7.0.0", 0)
        ledger.tasks.lost(ledger["b"], Fate("node", Trouble("NodeFailed", "gone")))
        assert ledger.ready == ["b"]
        assert not ledger.said(DropValue)
        ledger.tasks.settle(ledger["b"], attempt=1, value=True)
        assert [note.task for note in ledger.said(DropValue)] == ["a"]

    def test_a_value_is_kept_while_anybody_takes_it(self):
        """And let go of once."""
        ledger = Ledger(info("a"), info("b", "a"), info("c", "a"))
        ledger.ends("a")
        ledger.ends("b")
        assert [note.task for note in ledger.said(KeepValue)] == ["a"]
        assert not ledger.said(DropValue)
        ledger.tasks.cancel(ledger["c"])
        assert [note.task for note in ledger.said(DropValue)] == ["a"]

    def test_one_that_waits_is_cancelled(self):
        """Nothing of it is left."""
        ledger = Ledger(info("a"), info("b", "a"))
        ledger.tasks.cancel(ledger["b"])
        ledger.ends("a")
        assert ledger.ready == []
        assert ledger.settled() == [("b", "", True), ("a", "", False)]
        assert ledger.tasks.queues[0].wanted == 0
        assert not ledger.tasks.waiting


class TestNoValue:
    """The other has failed, or was cancelled."""

    def test_all_that_follow_end_so(self):
        """However many there are, and none before that which it follows."""
        names = [f"t{number}" for number in range(3000)]
        chain = [info(name, before) for before, name in zip(names, names[1:], strict=False)]
        ledger = Ledger(info("t0"), *chain)
        ledger.ends("t0", value=False)
        wanted = zip(names[1:], names, strict=False)
        assert ledger.settled() == [("t0", "", False), *((a, b, False) for a, b in wanted)]
        assert not ledger.tasks.unfinished
        assert not ledger.tasks.waiting

    @pytest.mark.parametrize("how", ["trouble", "cancelled"])
    def test_by_the_cluster_or_the_caller(self, how):
        """The same for them."""
        ledger = Ledger(info("a"), info("b"), info("c", "a", "b"))
        if how == "trouble":
            ledger.tasks.settle(ledger["a"], Trouble("NodeFailed", "gone"))
        else:
            ledger.tasks.cancel(ledger["a"])
        cancelled = how == "cancelled"
        assert ledger.settled() == [("a", "", cancelled), ("c", "a", cancelled)]
        assert ledger.ready == ["b"]
        assert not ledger.tasks.called_back

    def test_agents_hear_of_those_that_were_called_back(self):
        """As of the one that they were to follow; what has failed gives no value anyway."""
        ledger = Ledger(info("a"), info("b", "a"), info("c"), info("d", "c"))
        for at, name in enumerate("abcd"):
            ledger.tasks.placed(ledger[name], "b000001", at)
        ledger.tasks.cancel(ledger["a"])
        ledger.ends("c", value=False)
        assert ledger.tasks.called_back == ["b"]

    def test_what_failed_before_it_was_submitted(self):
        """Known by then, or to nobody any more."""
        ledger = Ledger(info("a"))
        ledger.ends("a", value=False)
        ledger.tasks.add([info("b", "a"), info("c", "never")])
        assert ledger.settled()[1:] == [("b", "a", False), ("c", "never", False)]

    def test_the_run_breaks(self):
        """Each is settled once."""
        ledger = Ledger(info("a"), info("b", "a"), info("c", "b"))
        trouble = Trouble("Unreachable", "gone")
        for task in list(ledger.tasks.unfinished.values()):
            ledger.tasks.settle(task, trouble)
        assert sorted(name for name, _, _ in ledger.settled()) == ["a", "b", "c"]


class TestLeft:
    """Large values that go to other tasks."""

    def test_stays_where_it_is_handed_on(self):
        """Until the run is about to end, if the caller may want it."""
        ledger = Ledger(info("a"), info("b", "a"), info("c"))
        dependencies = ledger.tasks.dependencies
        assert dependencies.stays("a")
        assert not dependencies.stays("c")
        dependencies.hand_on("c")
        assert dependencies.stays("c")
        assert dependencies.unfetched
        assert dependencies.close() == ["a"]
        assert not dependencies.stays("a")
        assert dependencies.stays("c")
        assert not dependencies.unfetched

    def test_is_fetched_at_the_end(self):
        """What was never said to be unwanted; where that fails, it stays."""
        drive = Drive()
        drive.serve("a", "c")
        drive.tell(LeaveAsked("c"))
        drive.tell(Submitted((info("b", "a"),)))
        drive.wait(0.1)
        ends = Finished("a", 0, 0.1, parts=2), Finished("c", 0, 0.1, parts=2)
        drive.tell(LogRead(drive.last(ReadLog).id, (Up("n", "fcx-001"), *ends), 300))
        assert [(note.task, note.left) for note in drive.all(Settle)] == [("a", True), ("c", True)]
        assert not drive.all(Fetch)
        drive.tell(CloseAsked(abort=False))
        assert [request.task for request in drive.all(FetchLeft)] == ["a"]
        assert not drive.core.ending.keep
        drive.fails(drive.last(FetchLeft), "refused")
        assert drive.core.ending.keep

    def test_a_failure_is_fetched(self):
        """It is no value."""
        drive = Drive()
        drive.serve("a")
        drive.tell(LeaveAsked("a"))
        drive.wait(0.1)
        end = Finished("a", 0, 0.1, parts=2, value=False)
        drive.tell(LogRead(drive.last(ReadLog).id, (Up("n", "fcx-001"), end), 300))
        assert [request.task for request in drive.all(Fetch)] == ["a"]


class TestCore:
    """Through events."""

    def test_in_one_bundle(self):
        """What waits is in portions of its own, behind the others."""
        drive = Drive()
        tasks = info("a"), info("b", "a"), info("c"), info("d", "a"), info("e", "b")
        drive.tell(Submitted(tasks))
        drive.tell(Prepared(drive.last(Prepare).id, "/runs/one"))
        drive.wait(0.05)
        drive.tell(Done(drive.last(RecordTasks).id))
        sent = drive.last(Encode)
        assert [task for task, _ in sent.tasks] == ["a", "c", "b", "d", "e"]
        assert sent.lacks == (("b", ("a",)), ("d", ("a",)), ("e", ("b",)))
        assert sum(sent.sizes[:2]) == 2
        drive.tell(CancelAsked("a"))
        assert [(note.task, note.cancelled) for note in drive.all(Settle)] == [
            *(("a", True), ("b", True), ("d", True), ("e", True)),
        ]

    def test_of_an_earlier_process(self):
        """By the ids that they are known under: what was sent is not sent again."""
        drive = Drive(durable=True)
        known = TaskInfo("t1", "work", 0, key="ka"), TaskInfo("t2", "work", 0, key="kb")
        drive.tell(Attached(known, (0, 0), (("fcx-001", "7"),), by_key=True, epoch=0))
        drive.tell(Owned(drive.asked[-1].id, 2))
        rows = tuple((replace(each, size=10), "b000001", at) for at, each in enumerate(known))
        drive.tell(InboxRead(drive.asked[-1].id, rows, last=1, attempts=(0, 0)))
        drive.tell(Submitted((info("u1", key="ka"), info("u2", "u1", key="kb"), info("u3", "u2"))))
        core = drive.core
        assert list(core.tasks.waiting) == ["t2", "u3"]
        assert core.tasks.unfinished["t2"].info.takes == ("t1",)
        assert core.tasks.unfinished["u3"].info.takes == ("t2",)
        core.tasks.settle(core.tasks.unfinished["t2"], attempt=0, value=True)
        assert not core.tasks.waiting
        assert not drive.all(Encode)

    def test_of_an_earlier_process_that_had_called_them_back(self):
        """Whoever asks again gets new ones, and the second takes the value of the new first."""
        drive = Drive(durable=True)
        known = TaskInfo("t1", "work", 0, key="ka"), TaskInfo("t2", "work", 0, key="kb")
        drive.tell(Attached(known, (0, 0), (("fcx-001", "7"),), by_key=True, epoch=0))
        drive.tell(Owned(drive.asked[-1].id, 2))
        drive.tell(Submitted((info("u1", key="ka"), info("u2", "u1", key="kb"))))
        rows = tuple((replace(each, size=10), "b000001", at) for at, each in enumerate(known))
        read = drive.last(ReadInbox).id
        told = {"last": 1, "attempts": (0, 0), "cancelled": ("t1", "t2")}
        drive.tell(InboxRead(read, rows, **told))
        tasks = drive.core.tasks
        assert sorted(tasks.unfinished) == ["u1", "u2"]
        assert tasks.unfinished["u2"].info.takes == ("u1",)
        assert not drive.all(Settle)

    def test_of_an_earlier_process_whose_payload_is_read_after_the_other_has_failed(self):
        """It ends as that did: agents would wait for its value, and pilots come, for ever."""
        drive = Drive()
        known = TaskInfo("t1", "work", 0), TaskInfo("t2", "work", 0)
        drive.tell(Attached(known, (0, 0), (("fcx-001", "7"),), epoch=0))
        tasks = drive.core.tasks
        tasks.settle(tasks.unfinished["t1"], attempt=0, value=False)
        drive.tell(Settled(("t1",)))
        drive.tell(Owned(drive.last(TakeOver).id, 2))
        rows = (info("t1"), "b000001", 0), (info("t2", "t1"), "b000001", 1)
        drive.tell(InboxRead(drive.last(ReadInbox).id, rows, last=1, attempts=(0, 0)))
        assert [(note.task, note.like) for note in drive.all(Settle)][-1] == ("t2", "t1")
        assert not tasks.unfinished

    def test_of_an_earlier_process_and_lost_before_anybody_asked(self):
        """It waits for nobody then, and leaves once it is asked for with what is known by then."""
        drive = Drive(durable=True)
        known = TaskInfo("t1", "work", 0, key="ka"), TaskInfo("t2", "work", 0, key="kb")
        drive.tell(Attached(known, (0, 0), (("fcx-001", "7"),), by_key=True, epoch=0))
        drive.tell(Owned(drive.asked[-1].id, 2))
        takes = replace(known[1], size=10, takes=("t1",))
        rows = (replace(known[0], size=10), "b000001", 0), (takes, "b000001", 1)
        drive.tell(InboxRead(drive.asked[-1].id, rows, last=1, attempts=(0, 0)))
        tasks = drive.core.tasks
        tasks.lost(tasks.unfinished["t2"], Fate("preempted", Trouble("NodeFailed", "gone")))
        assert not tasks.held
        drive.tell(Submitted((info("u2", key="kb"),)))
        drive.wait(0.05)
        assert not tasks.waiting
        assert drive.last(RecordTasks).tasks == (("t2", 1),)

"""What a run notes of itself: in its order, beside the loop, and no more than a report needs."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace

import pytest

from fcx.executor import ledger, wire
from fcx.executor.core.actions import Settle
from fcx.executor.core.events import Attached, InboxRead, Settled, TaskInfo, Trouble
from fcx.executor.ledger import Ledger
from fcx.executor.mailbox import NewTask
from fcx.firecrest.jobs import JobState
from fcx.report import lines
from fcx.report.sum_up import report
from fcx.state import ledger as state_ledger
from fcx.state.ledger import LedgerFile, read


@pytest.fixture
def context(tmp_path, monkeypatch):
    """As much of one as notes need."""
    monkeypatch.setenv("FCX_STATE_DIR", str(tmp_path))
    monkeypatch.setattr(ledger, "PAUSE", 0.01)
    said: list[str] = []
    settings = SimpleNamespace(
        credentials=SimpleNamespace(system="daint", api_url="https://api", account="a"),
        logger=SimpleNamespace(info=said.append, warning=lambda text, *of: said.append(text % of)),
    )
    client = SimpleNamespace(requests=SimpleNamespace(made_for={"read": 2}))
    identity = SimpleNamespace(id="run-1", directory="run-1")
    made = {"identity": identity, "kits": [], "client": client, "settings": settings}
    return SimpleNamespace(**made, said=said)


def noted() -> list[lines.AnyLine]:
    (data,) = read("run-1")
    return lines.decode(data)


def task(n: int, key: str = "") -> TaskInfo:
    archives = (("a.zip", 7), ("objects/b", 9))
    return TaskInfo(f"t{n}", "f", 800, "mark", None, archives, key=key, shape=3)


def new(*numbers: int, code: str = "", key: str = "") -> list[NewTask]:
    return [NewTask(task(n, key), b"", None, code=code) for n in numbers]


def done(n: int, o: str = "value") -> wire.DoneLine:
    return wire.DoneLine(t=f"t{n}", a=0, n=(5, 0, 0), o=o, s=0.5, b=100.0, w=1)


class Nobody:
    """Keeps nothing."""


def test_a_task_is_written_with_its_fields_in_their_places(context):
    async def work():
        notes = Ledger(context)
        notes.submitted(new(1, 2, code="c" * 64))
        await notes.close()

    asyncio.run(work())
    began, requests, code, tasks, ended = noted()
    assert (began.run, began.system) == ("run-1", "daint")
    assert (code.function, len(code.digest)) == ("mark", 64)
    assert requests.made == {"read": 2}
    assert [(one.id, one.name, one.size, one.function, one.shape) for one in tasks.tasks] == [
        ("t1", "f", 800, "mark", 3), ("t2", "f", 800, "mark", 3)
    ]  # fmt: skip
    assert tasks.tasks[0].archives == (("a.zip", 7), ("objects/b", 9))
    assert ended.at >= began.at


def test_a_log_is_told_without_its_data(context):
    found = [
        wire.UpLine("nid1", "p1", at=90.0, cpus=4, workers=2),
        wire.RunLine("t1", 0, 1, True, at=100.1),
        done(1),
        wire.EndLine("idle", at=200.0),
    ]

    async def work():
        notes = Ledger(context)
        notes.read("7.0.0", found, [line.understood(Nobody()) for line in found])
        await notes.close()

    asyncio.run(work())
    up, left, told = noted()[2:5]
    assert (up.log, up.node, up.node_at, up.workers) == ("7.0.0", "nid1", 90.0, 2)
    assert (left.why, left.node_at) == ("idle", 200.0)
    assert told.runs == [("t1", 0, 1, 100.1)]
    assert told.done == [("t1", 0, 1, 100.0, 0.5, 5, 0)]


def test_a_job_is_told_of_where_there_is_news_of_it(context):
    mine = JobState("7", "fcx-run-1-001", "RUNNING", began=5.0, nodes=1)
    others = JobState("8", "somebody's", "RUNNING")

    async def work():
        notes = Ledger(context)
        notes.jobs([mine, others])
        notes.jobs([mine, others])
        await notes.close()

    asyncio.run(work())
    assert [one.jobs for one in noted() if isinstance(one, lines.Jobs)] == [
        [("7", "RUNNING", "", 5.0, 0.0, 1)]
    ]


def test_what_a_task_came_to_otherwise_is_told_by_a_number(context):
    async def work():
        notes = Ledger(context)
        notes.event(Settled(("t1",)))
        notes.settled(Settle("t1", 0, trouble=Trouble("NodeFailed", "its node failed")))
        notes.settled(Settle("t2", -1, cancelled=True))
        await notes.close()

    asyncio.run(work())
    told = [one for one in noted() if isinstance(one, (lines.Failure, lines.Settled))]
    assert [type(one).__name__ for one in told] == ["Failure", "Settled", "Settled"]
    assert (told[0].error, told[1].failure, told[2].cancelled) == ("NodeFailed", told[0].n, True)


def test_a_slow_disk_holds_up_nobody_and_keeps_the_order(context, monkeypatch):
    writing, gate, append = [], threading.Event(), LedgerFile.append

    def slow(self, data):
        writing.append(1)
        assert len(writing) == 1  # one at a time
        gate.wait(30)
        append(self, data)
        writing.pop()

    monkeypatch.setattr(LedgerFile, "append", slow)

    async def work():
        notes = Ledger(context)
        for n in range(5):
            notes.submitted(new(n))
            while not writing:  # noqa: ASYNC110 - another thread begins
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.03)
        gate.set()
        await notes.close()

    asyncio.run(work())
    told = [one.tasks[0].id for one in noted() if isinstance(one, lines.Tasks)]
    assert told == ["t0", "t1", "t2", "t3", "t4"]
    assert isinstance(noted()[0], lines.Began)
    assert isinstance(noted()[-1], lines.Ended)


def test_a_function_that_was_edited_under_its_name_is_another(context):
    async def work():
        notes = Ledger(context)
        notes.submitted([*new(1, code="a" * 64), *new(2, code="b" * 64), *new(3, code="a" * 64)])
        notes.submitted([*new(4, code="b" * 64), *new(5)])
        await notes.close()

    asyncio.run(work())
    found = report([noted()], now=1.0, fcx="0", served=False)
    assert {one.digest[:1]: one.tasks for one in found.functions} == {"a": 3, "b": 2}


def test_what_a_task_is_known_by_is_not_noted(context):
    async def work():
        notes = Ledger(context)
        notes.submitted(new(1, key="patient 17"))
        notes.event(InboxRead(1, ((task(2, key="patient 18"), "b", 0),)))
        notes.event(Attached((task(3, key="patient 19"),), (0,), ()))
        await notes.close()

    asyncio.run(work())
    (data,) = read("run-1")
    assert b"patient" not in data
    assert b"t3" in data


def test_a_ledger_that_is_full_says_so_and_how_the_run_ended(context, monkeypatch):
    monkeypatch.setattr(state_ledger, "LARGEST", 600)

    async def work():
        notes = Ledger(context)
        for n in range(20):
            notes.submitted(new(n))
            await asyncio.sleep(0.02)
        await notes.close()

    asyncio.run(work())
    assert [type(one) for one in noted()[-2:]] == [lines.Full, lines.Ended]
    found = report([noted()], now=1.0, fcx="0", served=False)
    assert (found.state, found.whole) == ("ended", False)
    assert 0 < found.totals.tasks < 20
    assert any("not whole" in one for one in found.notes)


def test_the_end_is_noted_of_a_run_whose_disk_was_full_for_a_while(context, monkeypatch):
    append = LedgerFile.append

    def tears(self, data):
        """As a disk that becomes full while it writes."""
        monkeypatch.setattr(LedgerFile, "append", append)
        append(self, data[:40])
        self._torn = True
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(LedgerFile, "append", tears)

    async def work():
        notes = Ledger(context)
        notes.submitted(new(1))
        while not context.said:  # noqa: ASYNC110 - another thread says it
            await asyncio.sleep(0.01)
        await notes.close()

    asyncio.run(work())
    assert "No space left" in context.said[0]
    assert isinstance(noted()[-2], lines.Ended)
    assert noted()[-1] == lines.Unread(1)


def test_a_disk_that_hangs_holds_up_the_end_for_a_bounded_time_and_it_is_said(context, monkeypatch):
    answers = threading.Event()
    monkeypatch.setattr(LedgerFile, "append", lambda self, data: answers.wait(60))
    monkeypatch.setattr(ledger, "GOODBYE", 0.05)

    async def work():
        notes = Ledger(context)
        notes.submitted(new(1))
        await asyncio.sleep(0.05)
        await notes.close()

    asyncio.run(work())
    assert "does not answer" in context.said[0]
    writers = [one for one in threading.enumerate() if one.name == "fcx-scribe"]
    assert all(one.daemon for one in writers)  # or the interpreter would wait for them at its end
    answers.set()
    for one in writers:  # or they would write where the next test looks
        one.join(60)


def test_a_disk_that_hangs_for_long_costs_no_memory_without_bound(context, monkeypatch):
    gate, append = threading.Event(), LedgerFile.append
    monkeypatch.setattr(ledger, "HANGS", 0.05)

    def slow(self, data):
        gate.wait(60)
        append(self, data)

    monkeypatch.setattr(LedgerFile, "append", slow)

    async def work():
        notes = Ledger(context)
        for n in range(30):
            notes.submitted(new(n))
            await asyncio.sleep(0.02)
        assert len(notes._lines) < 10
        gate.set()
        await asyncio.sleep(0.05)
        notes.submitted(new(99))
        await notes.close()

    asyncio.run(work())
    told = [one.tasks[0].id for one in noted() if isinstance(one, lines.Tasks)]
    assert told[-1] == "t99"
    assert any(isinstance(one, lines.Full) for one in noted())


def test_of_an_executor_that_was_not_used_nothing_is_noted(context):
    asyncio.run(Ledger(context).close())
    assert read("run-1") == []

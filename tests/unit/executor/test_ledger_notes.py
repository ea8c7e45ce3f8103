"""What a run notes of itself: in its order, beside the loop, and no more than a report needs."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace

import pytest

from fcx.executor import ledger, wire
from fcx.executor.core.actions import Settle
from fcx.executor.core.events import Settled, Submitted, TaskInfo, Trouble
from fcx.executor.ledger import Ledger
from fcx.firecrest.jobs import JobState
from fcx.report import lines
from fcx.state.ledger import LedgerFile, read


@pytest.fixture
def context(tmp_path, monkeypatch):
    """As much of one as notes need."""
    monkeypatch.setenv("FCX_STATE_DIR", str(tmp_path))
    monkeypatch.setattr(ledger, "PAUSE", 0.01)
    settings = SimpleNamespace(
        credentials=SimpleNamespace(system="daint", api_url="https://api", account="a"),
        logger=SimpleNamespace(info=lambda text: None),
    )
    client = SimpleNamespace(requests=SimpleNamespace(made_for={"read": 2}))
    identity = SimpleNamespace(id="run-1", directory="run-1")
    return SimpleNamespace(identity=identity, kits=[], client=client, settings=settings)


def noted() -> list[lines.AnyLine]:
    (data,) = read("run-1")
    return lines.decode(data)


def task(n: int) -> TaskInfo:
    return TaskInfo(f"t{n}", "f", 800, "mark", None, (("a.zip", 7), ("objects/b", 9)), shape=3)


def done(n: int, o: str = "value") -> wire.DoneLine:
    return wire.DoneLine(t=f"t{n}", a=0, n=(5, 0, 0), o=o, s=0.5, b=100.0, w=1)


class Nobody:
    """Keeps nothing."""


def test_a_task_is_written_with_its_fields_in_their_places(context):
    async def work():
        notes = Ledger(context)
        notes.code("mark", lambda x: x)
        notes.event(Submitted((task(1), task(2))))
        await notes.close()

    asyncio.run(work())
    began, code, requests, tasks, ended = noted()
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
        notes.event(Settled("t1"))
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
            notes.event(Submitted((task(n),)))
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


def test_of_an_executor_that_was_not_used_nothing_is_noted(context):
    asyncio.run(Ledger(context).close())
    assert read("run-1") == []

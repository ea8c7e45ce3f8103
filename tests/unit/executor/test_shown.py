"""A run as a snapshot: what it says of tasks, pilots and node hours, whatever happens meanwhile."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fcx.executor import reporting
from fcx.executor.core.events import JobSeen, TaskInfo
from fcx.executor.core.fleet import Heard, Pilot
from fcx.executor.core.limits import Limits
from fcx.executor.future import FirecrestFuture
from fcx.executor.mailbox import Mailbox, NewTask
from fcx.executor.shown import Meter, Shown, ShownMap


class Fleet(SimpleNamespace):
    """Pilots of two nodes each."""

    def __init__(self, *pilots: Pilot) -> None:
        super().__init__(pilots=list(pilots))

    def limits(self, pilot: Pilot) -> Limits:
        return Limits(max_workers=8, nodes=2)


class Tasks:
    """A mailbox, and its tasks by name."""

    def __init__(self) -> None:
        self.mailbox = Mailbox(lambda: None)
        self.futures: dict[str, FirecrestFuture] = {}

    def submit(self, name: str) -> FirecrestFuture:
        owner = SimpleNamespace(cancel_task=self.mailbox.cancel)
        future = self.futures[name] = FirecrestFuture(name, owner)
        self.mailbox.submit(NewTask(TaskInfo(name, "f", 1), b"x", future))
        return future

    def end(self, name: str, error: BaseException | None = None) -> None:
        reporting.end(self.futures[name], None, error, (b"", b""))
        self.mailbox.counts.stopped(name)
        self.mailbox.settled([name])


@pytest.fixture
def tasks() -> Tasks:
    return Tasks()


def test_tasks_are_counted_as_they_come_and_go(tasks: Tasks):
    """Those that wait, run, are done, have failed, were cancelled; and which waits longest."""
    shown = Shown("sweep", tasks.mailbox, Fleet(), lambda: 5)
    for name in "abcde":
        tasks.submit(name)
    tasks.mailbox.counts.began("c")
    tasks.end("a")
    tasks.end("b", ValueError("no"))
    tasks.futures["d"].cancel()
    tasks.end("d")
    seen = shown.snapshot()
    assert (seen.name, seen.total, seen.done, seen.failed, seen.cancelled) == ("sweep", 5, 3, 1, 1)
    assert (seen.running, seen.waiting, seen.pending, seen.oldest) == (1, 1, 2, "c")
    assert seen.requests == 5
    tasks.end("c")
    tasks.end("e")
    seen = shown.snapshot()
    assert (seen.done, seen.running, seen.pending, seen.oldest) == (5, 0, 0, "")


def test_a_task_of_another_name_runs_on(tasks: Tasks):
    """It is one, whatever it is called."""
    tasks.submit("a")
    tasks.mailbox.counts.began("a")
    tasks.mailbox.rename("a", "earlier")
    assert list(tasks.mailbox.counts.running) == ["earlier"]
    seen = Shown("", tasks.mailbox, Fleet(), lambda: 0).snapshot()
    assert (seen.total, seen.running, seen.oldest) == (1, 1, "earlier")


def test_pilots_and_why_they_wait(tasks: Tasks):
    """Slurm's reasons in words, alike ones together; those that are over count no more."""
    pilots = [
        Pilot("p1", 0.0, "up", "1"),
        Pilot("p2", 0.0, "queued", "2", heard=Heard(reason="Priority")),
        Pilot("p3", 0.0, "queued", "3", heard=Heard(reason="Priority")),
        Pilot("p4", 0.0, "queued", "4", heard=Heard(JobSeen("4", "RUNNING"))),
        Pilot("p5", 0.0, "submitting"),
        Pilot("p6", 0.0, "submitting", held=9.0),
        Pilot("p7", 0.0, "ended", "7"),
    ]
    found = Shown("", tasks.mailbox, Fleet(*pilots), lambda: 0).snapshot().pilots
    assert found.up == 2
    assert dict(found.waits) == {
        "jobs of a higher priority come first": 2,
        "it is being submitted": 1,
        "the system takes no more jobs now": 1,
    }


def test_node_hours_are_those_of_pilots_that_have_nodes():
    """From when they are seen to have them until they are over; what was spent stays spent."""
    one, two = Pilot("p1", 0.0, "queued", "1"), Pilot("p2", 0.0, "up", "2")
    fleet, meter = Fleet(one, two), Meter()
    assert meter.read(fleet, 0.0) == 0.0
    one.phase = "up"
    assert meter.read(fleet, 1800.0) == pytest.approx(1.0)
    two.phase = "ended"
    assert meter.read(fleet, 3600.0) == pytest.approx(3.0)
    assert meter.read(fleet, 7200.0) == pytest.approx(5.0)
    one.phase = "ended"
    assert meter.read(fleet, 7200.0) == pytest.approx(5.0)
    assert meter.read(fleet, 90000.0) == pytest.approx(5.0)


def test_a_map_has_its_own_tasks_only(tasks: Tasks):
    """Counted by itself, with what its run costs."""
    run = Shown("", tasks.mailbox, Fleet(Pilot("p1", 0.0, "up", "1")), lambda: 7)
    tasks.submit("other")
    shown = ShownMap(run, "a_function_of_a_very_long_name_indeed", tasks.submit)
    assert shown.name == "a_function_of_a_very_long_n..."
    for name in "abc":
        shown.submit(name)
    tasks.mailbox.counts.began("a")
    tasks.mailbox.counts.began("other")
    tasks.end("b", ValueError("no"))
    seen = shown.snapshot()
    assert (seen.total, seen.done, seen.failed, seen.running, seen.oldest) == (3, 1, 1, 1, "a")
    assert (seen.requests, seen.pilots.up) == (7, 1)

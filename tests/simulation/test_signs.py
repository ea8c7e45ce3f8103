"""A pilot that waits for the go: as long as its client gives signs of life, and not much longer."""

from __future__ import annotations

import pytest

from fcx.executor.core import Limits
from fcx.executor.core import actions as act
from fcx.executor.core import events as ev

from .client import DOES, Client
from .scenario import Caller, Plan, Scenario
from .simulation import Simulation
from .table import Table

WITHOUT = 60.0  # seconds for which a pilot does without a sign


def world(*, dies: float | None = None) -> Simulation:
    """One task, and a verdict that takes its time."""
    scenario = Scenario(
        seed=1,
        limits=Limits(max_workers=1, gate_timeout=300.0),
        tasks=(Plan(0.0, 1.0),),
        caller=Caller(close=0.0, dies=dies, attaches=1000.0),
        queue=(0.0, 0.5),
        gate_timeout=WITHOUT,
    )
    return Simulation(scenario, Table(), traced=True)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch):
    """Have verdicts take so long."""

    def judge(seconds: float) -> None:
        def later(client: Client, errand: act.Judge) -> None:
            client.world.after(seconds, client.feed, ev.Judged(errand.id, 0, None))

        monkeypatch.setitem(DOES, act.Judge, later)

    return judge


def orders(simulation: Simulation) -> list[act.UploadOrder]:
    """Those that the client sent."""
    actions = [a for s in simulation.trace if s.who == "client" for a in s.actions]
    return [action for action in actions if isinstance(action, act.UploadOrder)]


@pytest.mark.parametrize(("seconds", "signs"), [(0.01, 0), (15.0, 0), (50.0, 2), (150.0, 7)])
def test_a_slow_verdict_finds_its_pilot_waiting(slow, seconds, signs):
    """One request every 20 s, none where the go comes soon, none once there are tasks."""
    slow(seconds)
    simulation = world()
    report = simulation.run()
    assert not report.failure
    assert len(simulation.cluster.jobs) == 1
    assert len(orders(simulation)) == signs


def test_a_pilot_whose_client_has_died_frees_its_node(slow):
    """Within the patience, from the last sign on."""
    slow(500.0)
    simulation = world(dies=70.0)
    report = simulation.run()
    assert not report.failure
    job = next(iter(simulation.cluster.jobs.values()))
    assert 70.0 < job.times.left < 70.0 + WITHOUT + 5.0


def test_a_verdict_that_never_comes_is_not_waited_for_for_ever(slow):
    """The client gives no more signs once a pilot has waited for gate_timeout."""
    slow(2000.0)
    simulation = world()
    simulation.run()
    job = next(iter(simulation.cluster.jobs.values()))
    assert 300.0 < job.times.left < 300.0 + WITHOUT + 25.0

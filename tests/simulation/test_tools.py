"""The simulator can fail, says so shortly, and replays what was recorded."""

from __future__ import annotations

import msgspec
import pytest

from fcx.executor.core import requests
from fcx.executor.recorder import Recorder, Trace

from . import run
from .faults import FAULTS, KNOWN
from .scenario import Scenario
from .seeds import from_seed
from .shrink import shrink
from .simulation import Simulation
from .table import Table


def test_a_scenario_is_plain_data():
    """What is printed of a failure can be run again."""
    scenario = from_seed(5, KNOWN)
    text = msgspec.json.encode(scenario)
    assert msgspec.json.decode(text, type=Scenario) == scenario


def test_every_fault_says_what_it_is():
    """Its docstring is its entry in the list."""
    assert all(fault.do.__doc__ for fault in FAULTS.values())


def test_a_fault_of_the_core_is_found_and_cut_short(monkeypatch):
    """Where failed requests are forgotten rather than repeated, runs hang: the simulator sees it."""
    monkeypatch.setattr(requests.Requests, "retry", lambda self: None)
    reports = (run.one(seed) for seed in range(200))
    failed = next(report for report in reports if report.failure)
    short = shrink(failed)
    assert short.name == failed.name
    assert len(short.scenario.tasks) <= len(failed.scenario.tasks)
    assert len(short.scenario.faults) <= 2


def test_a_recorded_run_is_replayed(tmp_path, capsys):
    """The flight recorder's trace goes through the real core again, to the same actions."""
    simulation = Simulation(from_seed(0, KNOWN), Table(), traced=True)
    simulation.run()
    steps = [step for step in simulation.trace if step.who == "client"]
    recorder = Recorder(simulation.scenario.limits)
    for step in steps:
        recorder.note(step.now, step.event)
    path = tmp_path / "trace.json"
    path.write_bytes(recorder.pack())
    replayed = Trace.read(path.read_bytes()).replay()
    assert [actions for _, _, actions in replayed] == [step.actions for step in steps]
    assert run.main(["--trace", str(path)]) == 0
    assert "Submitted" in capsys.readouterr().out


@pytest.mark.parametrize("seed", [3, 4])
def test_a_seed_tells_its_story(seed, capsys):
    """Both cores are heard."""
    assert run.main(["--seed", str(seed)]) == 0
    told = capsys.readouterr().out
    assert "client: Began" in told
    assert "virtual time" in told

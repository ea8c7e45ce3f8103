"""Timed worlds: what the real cores take with constants of a machine, and how these are found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from .times.cases import ALONE, BOTH, Case
from .times.clockwork import simulated
from .times.constants import Constants
from .times.fit import fitted
from .times.run import text

CONSTANTS = Constants(start=0.7, worker=0.08)
BUSY = Case("busy", 200, 0.1)


def test_the_same_case_takes_the_same():
    """Nothing in it is left to the machine."""
    assert simulated(BUSY, CONSTANTS) == simulated(BUSY, CONSTANTS)


def test_tasks_take_their_time():
    """On so many workers, beside the start."""
    found = simulated(BUSY, CONSTANTS)
    assert 0.7 + 2.5 < found.seconds < 6.0
    assert found.jobs == 1


def test_latency_costs_time_and_saves_requests():
    """Whoever waits longer for each answer asks less often."""
    near = simulated(BUSY, CONSTANTS)
    far = simulated(Case("far", 200, 0.1, latency=1.0), CONSTANTS)
    assert far.seconds > near.seconds
    assert far.requests < near.requests


def test_a_quota_is_kept_to():
    """Of ten requests in ten seconds, but for what was refused."""
    found = simulated(Case("few", 200, 1.0, quota=60), CONSTANTS)
    assert found.requests <= found.seconds + 10


def test_a_quota_does_not_hold_up_short_work():
    """What the first seconds allow is used for it, not spread over all of them."""
    case = Case("short", 1_000, latency=0.3)
    few = simulated(replace(case, quota=60), CONSTANTS)
    assert few.seconds < 2.0 * simulated(case, CONSTANTS).seconds
    assert not few.refused


def test_a_quota_that_others_have_used_up_is_waited_for_once():
    """From when the server counts anew there is enough for the rest."""
    found = simulated(Case("late", 100, latency=0.3, quota=60, used=9), CONSTANTS)
    assert found.seconds < 13.0
    assert found.refused <= 2


def test_one_after_the_other():
    """The seconds of each are those of one, not of all."""
    found = simulated(Case("row", 20, one_by_one=True), CONSTANTS)
    assert found.seconds * 15 < found.wall


def test_many_short_tasks_far_away():
    """They leave in few bundles, the first of which takes its pilot along."""
    found = simulated(Case("many", 5_000, latency=1.0), CONSTANTS)
    assert found.first < 4.5
    assert found.requests <= 20
    assert found.idle is None


def test_many_workers_behind_a_queue():
    """Pilots that begin one by one, few requests: nodes that run have work."""
    case = Case(
        "queue", 1_000, 1.0, workers=100, per_node=50, latency=1.0, quota=60, queue=60.0, spread=30
    )
    found = simulated(case, CONSTANTS)
    assert found.jobs == 2
    assert not found.refused
    assert found.requests <= 60
    assert found.idle is not None
    assert 0.0 < found.idle < 0.5


@pytest.mark.slow
def test_constants_are_found_again():
    """From what a machine with such constants takes: here, a simulated one."""
    rows = [
        {
            "who": "fcx",
            "row": case.row,
            "site": "loopback",
            "seconds": seconds,
            "trials": [seconds],
            "requests": 10,
            "cpu": {"MainThread": 60e-6 * case.count, "fcx-completion": 20e-6 * case.count},
        }
        for case in BOTH
        if case.site == "loopback" and case.row in {"noops-1", "noops-100", "noops-1000"}
        for seconds in [simulated(case, CONSTANTS).seconds]
    ]
    found = fitted(rows, {"request": CONSTANTS.request})
    assert found.start + found.worker == pytest.approx(0.78, rel=0.15)
    assert found.pickle == pytest.approx(60e-6)
    assert found.settle == pytest.approx(20e-6)


def test_cases_have_names_of_their_own():
    """And what both can run belongs to a row."""
    names = [case.name for case in (*BOTH, *ALONE)]
    assert len(set(names)) == len(names)
    assert all(case.row for case in BOTH)


def test_the_table_says_how_far_off_it_is():
    """Where the machine has run it, too."""
    case = {"case": "100 no-ops", "seconds": 1.1, "requests": 12, "share": None, "first": 1.0}
    case = {**case, "refused": 2, "idle": 0.25, "jobs": 1}
    real = {"real": 1.0, "off": 0.1, "real_requests": 13, "fitted": False}
    said = text({"constants": {"start": 0.7}, "cases": [{**case, **real}, {**case, "share": 0.9}]})
    assert "+10%" in said
    assert "90%" in said
    assert "25%" in said

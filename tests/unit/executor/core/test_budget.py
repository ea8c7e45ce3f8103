"""How many requests may be made: what recurs stays within what is earned."""

from __future__ import annotations

from fcx.executor.core import budget
from fcx.executor.core.budget import BURST, Budget
from fcx.executor.core.events import Allowed
from fcx.executor.core.limits import Limits
from fcx.executor.core.machine import Core


def test_stays_within_its_budget(monkeypatch):
    """An hour of quick news costs no more than a request a second."""
    monkeypatch.setattr(budget, "RATE", 1.0)
    core, requests, now = Core(Limits(max_workers=1, sleep_interval=30.0)), 0, 1000.0
    rhythm, end = core.logs.rhythm, now + 3600
    while now < end:
        now += rhythm.pause(now)
        rhythm.budget.spend(1, now)
        requests += 1
        if requests % 3 == 0:
            rhythm.hurry(now)
    assert requests <= 3600 + BURST + 1


def test_a_debt_has_a_floor():
    """Looks have their share, whatever is uploaded."""
    budget = Budget()
    budget.spend(1000, 10.0)
    assert 10.0 < budget.ready() <= 15.0


def test_once_the_server_counts_anew_one_is_asked_and_tells():
    """However little was left before: its answer says what may be asked from then on."""
    budget = Budget()
    budget.allow(Allowed(0.01, 1.0, 0.0, 8.0), 10.0)
    budget.spend(1, 10.0)
    assert budget.ready() == 18.0
    budget.spend(1, 18.0)
    assert budget.ready() > 60.0
    budget.allow(Allowed(0.4, 5.0, 0.0, 10.0), 18.5)
    for _ in range(4):
        assert budget.ready() <= 18.5
        budget.spend(1, 18.5)


def test_more_at_once_than_before_is_counted_anew():
    """Before it was expected: whole seconds are told."""
    budget = Budget()
    budget.allow(Allowed(0.01, 1.0, 0.0, 8.0), 10.0)
    budget.spend(1, 10.0)
    budget.allow(Allowed(0.4, 5.0, 0.0, 10.0), 17.5)
    assert budget.ready() <= 17.5

"""When to look: quick, then slower, never longer than sleep_interval, within a budget."""

from __future__ import annotations

from fcx.executor.core import budget
from fcx.executor.core.budget import BURST, Budget


def test_grows_while_nothing_happens_up_to_sleep_interval():
    """And is quick again after news."""
    pace, now, pauses = Budget(longest=30.0), 0.0, []
    for _ in range(8):
        pauses.append(pace.pause(now))
        now += 60
    assert pauses == sorted(pauses)
    assert pauses[0] <= 0.1
    assert pauses[-1] == 30.0
    pace.news(now)
    assert pace.pause(now) < 1.0


def test_stays_within_its_budget(monkeypatch):
    """An hour of quick news costs no more than a request a second."""
    monkeypatch.setattr(budget, "RATE", 1.0)
    pace, requests, now = Budget(longest=30.0), 0, 1000.0
    end = now + 3600
    while now < end:
        now += pace.pause(now)
        pace.spend(1, now)
        requests += 1
        if requests % 3 == 0:
            pace.hurry(now)
    assert requests <= 3600 + BURST + 1

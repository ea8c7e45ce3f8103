"""How long tasks take: what decides how many pilots there are, and what still fits."""

from __future__ import annotations

import pytest

from fcx.executor.core.pace import Pace


def test_remembers_the_longest_run_of_a_function() -> None:
    """And the mean of all, for as long as results come."""
    pace = Pace()
    pace.begin(1.0)
    assert pace.expected(1.0) is None
    for seconds in (1.0, 5.0, 2.0):
        pace.note("f", seconds, now=10.0)
    assert pace.longest == {"f": 5.0}
    assert pace.expected(10.0) == pytest.approx(8.0 / 3)
    assert pace.expected(20.0) is None
    assert pace.quiet(13.0) == 3.0


def test_new_tasks_are_no_outcome() -> None:
    """After a rest they count as progress, though nothing has ended since."""
    pace = Pace()
    pace.note("f", 1.0, now=10.0)
    pace.begin(100.0)
    assert pace.expected(101.0) == 1.0
    assert pace.quiet(101.0) == 91.0

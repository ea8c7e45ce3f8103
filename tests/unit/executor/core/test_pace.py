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


def test_what_earlier_runs_have_learnt_counts_until_this_one_knows_better() -> None:
    """Of each function by itself; one that nothing is known of makes all uncertain."""
    pace = Pace()
    pace.recall([("f", 2.0), ("g", 4.0)])
    pace.owe("f", 3)
    assert pace.mean() == 2.0
    pace.owe("g", 1)
    assert pace.mean() == pytest.approx(2.5)
    pace.note("f", 0.5, now=1.0)
    assert pace.mean() == pytest.approx((3 * 0.5 + 4.0) / 4)
    assert pace.learnt() == (("f", 0.5),)
    pace.owe("f", -3)
    pace.owe("g", -1)
    fresh = Pace()
    fresh.owe("h", 1)
    assert fresh.mean() is None
    assert pace.owed == {}


def test_silence_proves_what_is_remembered_wrong() -> None:
    """Soon, for what was to be short."""
    pace = Pace()
    pace.recall([("f", 0.01)])
    pace.owe("f", 100)
    pace.begin(10.0)
    assert pace.expected(10.5) == 0.01
    assert pace.expected(10.6) is None
    assert pace.mean() == 0.01


def test_first_calls_that_imported_much_tell_nothing_once_later_ones_are_quick() -> None:
    """They cost each worker once: looks are not planned by them from then on, pilots still are."""
    pace = Pace()
    for _ in range(8):
        pace.note("f", 10.0, now=10.0)
    assert pace.spans["f"].low > 9.0
    pace.note("f", 0.01, now=11.0)
    assert pace.spans["f"].high == pytest.approx(0.02)
    assert pace.learnt() == (("f", pytest.approx(80.01 / 9)),)
    pace.note("f", 10.0, now=21.0)  # it does take that long at times
    pace.note("f", 0.01, now=22.0)
    assert pace.spans["f"].high > 5.0
    assert pace.longest == {"f": 10.0}

"""What `fcx runs show` makes of the records in a run's logs."""

from __future__ import annotations

from fcx.executor.survey import TaskView, heed
from fcx.executor.wire import DiedLine, DoneLine, RunLine


def done(attempt: int) -> DoneLine:
    """An outcome of the only task."""
    return DoneLine(t="t1", a=attempt, n=(1, 0, 0), o="value", s=0.1)


def died(attempt: int) -> DiedLine:
    """Its worker ended."""
    return DiedLine(t="t1", a=attempt, n=(1, 0, 0), first=True, left=None, how=None)


def run(attempt: int) -> RunLine:
    """It takes long enough for a word that it runs."""
    return RunLine("t1", attempt, 0, False)


def seen(*lines) -> tuple[str, int]:
    """State of the only task, and how often it was begun."""
    views = {"t1": TaskView("t1", "work", "")}
    begun = set()
    for line in lines:
        heed(views, begun, "7", line)
    return views["t1"].state, views["t1"].runs


def test_a_task_that_runs_has_been_begun():
    """Once, and its outcome is of that very attempt."""
    assert seen() == ("queued", 0)
    assert seen(run(0)) == ("running", 1)
    assert seen(run(0), done(0)) == ("done", 1)


def test_a_short_task_is_only_said_to_have_ended():
    """It was begun all the same."""
    assert seen(done(0)) == ("done", 1)


def test_every_attempt_counts():
    """Whatever order the logs are read in."""
    assert seen(run(0), died(0)) == ("died", 1)
    assert seen(run(0), died(0), run(1)) == ("running", 2)
    assert seen(done(1), run(0), died(0)) == ("done", 2)
